//! Wrong scenarios, one edit each.

use fedlayer_scenario::Color;

use crate::base::{Case, edited, holds, messages, read_text};

#[test]
fn keys() {
    holds(
        "keys",
        &messages(&[
            Case("a typo in a key", "epochs = 2", "epoch = 2"),
            Case("a typo in a section", "[clients]", "[client]"),
            Case("a typo in a key of an inline table", "lr = 0.1, momentum", "lr = 0.1, momentun"),
            Case("a key that nothing resembles", "count = 8", "count = 8\nflavour = 1"),
            Case("a key in the wrong table", "batch = 16", "batch = 16\nlr = 0.1"),
            Case("a top key below a table", "[model]", "rounds = 3\n[model]"),
            Case("a key beside the form that has it", "momentum = 0.9 } }", "}, momentum = 0.9 }"),
            Case("a missing key", "count = 8\n", ""),
            Case("two missing keys", "epochs = 2\nbatch = 16\n", ""),
            Case("a missing section", "[model]\nmlp = [128, 64]\n", ""),
            Case("a missing key of an inline table", "lr = 0.1, ", ""),
            Case("a missing name", "name = \"all\"\n", ""),
            Case("a missing key of a schedule's entry", "rounds = \"6-\", ", ""),
            Case(
                "an unknown key of a strategy",
                "average = \"all\"\n\n",
                "averaging = \"all\"\n\n",
            ),
            Case("a quoted, dotted and unicode key", "count = 8", "count = 8\n\"größe.π\" = 1"),
        ]),
    );
}

#[test]
fn types() {
    holds(
        "types",
        &messages(&[
            Case("a number in quotes", "rounds = 20\n", "rounds = \"20\"\n"),
            Case("a text for a number", "count = 8", "count = \"eight\""),
            Case("a whole number with a fraction", "epochs = 2", "epochs = 2.0"),
            Case("a fraction for a whole number", "epochs = 2", "epochs = 2.5"),
            Case("a number for a list", "seeds = [1, 2, 3]", "seeds = 1"),
            Case("a list for a number", "count = 8", "count = [8]"),
            Case("a number for a word", "set = \"digits\"", "set = 3"),
            Case(
                "a boolean for a section",
                "[model]\nmlp = [128, 64]\n",
                "[model.mlp]\nhidden = true\n",
            ),
            Case("a text for a boolean", "momentum = 0.9", "momentum = 0.9, nesterov = \"true\""),
            Case("a date for a number", "every = 5", "every = 2024-01-01"),
            Case("a number for a name", "name = \"late\"", "name = 7"),
            Case("a list in a list", "[128, 64]", "[[128], 64]"),
            Case("a number for one of several shapes", "average = { rotate = 1 }", "average = 1"),
            Case(
                "a table for a list of tables",
                "\n[[strategy]]\nname = \"late\"",
                "\n[[strategy]]\nname.x = \"late\"",
            ),
            Case("a word for a list of names", "except = [\"out\"]", "except = \"out\""),
            Case(
                "a word for a list of words",
                "sets = [\"full\", \"layers\", \"shallow\", \"deep\"]",
                "sets = \"full\"",
            ),
        ]),
    );
}

#[test]
fn words() {
    holds(
        "words",
        &messages(&[
            Case("a typo in a word", "set = \"digits\"", "set = \"digit\""),
            Case("a word in upper case", "average = \"all\"\n\n", "average = \"ALL\"\n\n"),
            Case("a word that nothing resembles", "set = \"digits\"", "set = \"cifar\""),
            Case("a typo in a form", "{ dirichlet = 0.3 }", "{ dirichlet_alpha = 0.3 }"),
            Case("a form without its value", "{ dirichlet = 0.3 }", "\"dirichlet\""),
            Case("a word with a value", "{ dirichlet = 0.3 }", "{ iid = true }"),
            Case("two forms at once", "{ dirichlet = 0.3 }", "{ dirichlet = 0.3, shards = 2 }"),
            Case(
                "a form and something else",
                "{ dirichlet = 0.3 }",
                "{ dirichlet = 0.3, alpha = 1 }",
            ),
            Case("an empty table for a form", "{ dirichlet = 0.3 }", "{}"),
            Case("an unknown value in a list", "\"shallow\"", "\"shalow\""),
            Case("a form without its value in a list", "\"shallow\"", "\"window\""),
            Case(
                "an unknown baseline",
                "every = 5",
                "every = 5\nbaselines = [\"mean\", \"median\"]",
            ),
            Case("an unknown rule", "{ rotate = 1 }", "{ rotation = 1 }"),
            Case(
                "an unknown optimizer",
                "{ sgd = { lr = 0.1, momentum = 0.9 } }",
                "{ sdg = { lr = 0.1 } }",
            ),
            Case(
                "a word where only forms are",
                "{ sgd = { lr = 0.1, momentum = 0.9 } }",
                "\"sgd\"",
            ),
            Case(
                "an unknown number of checkpoints",
                "count = 8",
                "count = 8\n[checkpoints]\nkeep = \"al\"",
            ),
        ]),
    );
}

#[test]
fn ranges() {
    holds(
        "ranges",
        &messages(&[
            Case("no rounds", "rounds = 20\n", "rounds = 0\n"),
            Case("too many rounds", "rounds = 20\n", "rounds = 1000001\n"),
            Case("no clients", "count = 8", "count = 0"),
            Case("a negative count", "count = 8", "count = -8"),
            Case("an integer beyond 32 bits", "every = 5", "every = 5000000000"),
            Case("an integer beyond 64 bits", "rounds = 20\n", "rounds = 18446744073709551616\n"),
            Case("a seed beyond 64 bits", "[1, 2, 3]", "[1, 18446744073709551615]"),
            Case("a negative seed", "[1, 2, 3]", "[-1]"),
            Case("α of 0", "every = 5", "every = 5\nalpha = [0.5, 0]"),
            Case("α above 1", "every = 5", "every = 5\nalpha = [1.5]"),
            Case("a momentum of 1", "momentum = 0.9", "momentum = 1.0"),
            Case("a learning rate of 0", "lr = 0.1", "lr = 0"),
            Case("not a number", "lr = 0.1", "lr = nan"),
            Case("infinity", "dirichlet = 0.3", "dirichlet = inf"),
            Case("a number beyond 64 bits", "dirichlet = 0.3", "dirichlet = 1e400"),
            Case("a number so small that it is 0", "dirichlet = 0.3", "dirichlet = 1e-400"),
            Case(
                "an integer where any number may stand",
                "dirichlet = 0.3",
                "dirichlet = 18446744073709551616",
            ),
            Case("minus zero", "dirichlet = 0.3", "dirichlet = -0"),
            Case("an empty list", "seeds = [1, 2, 3]", "seeds = []"),
            Case("an empty list of widths", "[128, 64]", "[]"),
            Case("a width of 0", "[128, 64]", "[128, 0]"),
            Case("an empty name", "name = \"late\"", "name = \"\""),
            Case("a deadline after years", "count = 8", "count = 8\ndeadline = 1e300"),
            Case("another base", "count = 8", "count = 0x0"),
        ]),
    );
}

#[test]
fn layers() {
    holds(
        "layers",
        &messages(&[
            Case("an unknown layer", "except = [\"out\"]", "except = [\"outt\"]"),
            Case(
                "a glob that matches nothing",
                "except = [\"out\"]",
                "except = [\"fc1\", \"conv*\"]",
            ),
            Case("not a glob", "except = [\"out\"]", "except = [\"fc[\"]"),
            Case(
                "an unknown layer of a schedule",
                "average = \"none\"",
                "average = { layers = [\"fc9\"] }",
            ),
            Case("an unknown layer of a barrier", "\"shallow\"", "{ named = [\"head\"] }"),
            Case("more layers than there are", "rotate = 1", "rotate = 4"),
            Case("a window wider than the model", "\"shallow\"", "{ window = 4 }"),
            Case(
                "a layer of another model",
                "[model]\nmlp = [128, 64]",
                "[model]\ndiagonal-linear = 20",
            ),
            Case("a layer set twice", "\"shallow\"", "\"full\""),
            Case(
                "the same layers by two names",
                "\"shallow\"",
                "{ named = [\"fc*\"] }, { named = [\"fc2\", \"fc1\"] }",
            ),
            Case(
                "the same α, split and baseline twice",
                "every = 5",
                "alpha = [1, 0.5, 1.0]\nsplits = [\"test\", \"test\"]\nbaselines = [\"max\", \"mean\", \"max\"]",
            ),
            Case(
                "a toy with more layers than features",
                "[model]\nmlp = [128, 64]",
                "[model.toy]\ncurvature = [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]",
            ),
        ]),
    );
}

/// Values that are allowed by themselves and inconsistent with each other, the model or the data.
const INCONSISTENT: &[Case] = &[
    Case("a seed twice", "[1, 2, 3]", "[1, 2, 1]"),
    Case("a strategy's name twice", "name = \"late\"", "name = \"all\""),
    Case("a strategy's folder twice", "name = \"late\"", "name = \"One layer (rotating)\""),
    Case("a name without letters", "name = \"late\"", "name = \"---\""),
    Case(
        "a name too long for a folder",
        "name = \"late\"",
        "name = \"層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層層\"",
    ),
    Case("a cohort larger than the clients", "count = 8", "count = 8\nper_round = 9"),
    Case(
        "more reports than a cohort has",
        "count = 8",
        "count = 8\nper_round = 4\nmin_clients = 5",
    ),
    Case("more reports than clients", "count = 8", "count = 8\nmin_clients = 9"),
    Case(
        "pairs of one client",
        "count = 8\n\n[model]\nmlp = [128, 64]\n\n[local]\nepochs = 2\nbatch = 16\noptimizer = { sgd = { lr = 0.1, momentum = 0.9 } }\n\n[barriers]",
        "count = 8\nper_round = 1\n\n[model]\nmlp = [128, 64]\n\n[local]\nepochs = 2\nbatch = 16\noptimizer = { adam = { lr = 0.1 } }\n\n[barriers]\nbetween = \"pairs\"",
    ),
    Case("Nesterov without momentum", "momentum = 0.9", "nesterov = true"),
    Case(
        "epochs that do not ascend",
        "batch = 16",
        "batch = 16\nschedule = { multi-step = { at = [5, 10, 10, 2], factor = 0.1 } }",
    ),
    Case("a warm-up longer than the run", "batch = 16", "batch = 16\nwarmup = { steps = 3600 }"),
    Case(
        "a warm-up of more epochs than the run has",
        "batch = 16",
        "batch = 16\nwarmup = { epochs = 40 }",
    ),
    Case("a warm-up without a length", "batch = 16", "batch = 16\nwarmup = { from = 0.1 }"),
    Case(
        "a warm-up of two lengths",
        "batch = 16",
        "batch = 16\nwarmup = { steps = 10, epochs = 1 }",
    ),
    Case("epochs and steps", "epochs = 2", "epochs = 2\nsteps = 10"),
    Case("neither epochs nor steps", "epochs = 2\n", ""),
    Case(
        "statistics of no normalisation",
        "average = { rotate = 1 }",
        "average = { rotate = 1 }\nstatistics = \"recompute\"",
    ),
    Case(
        "a toy with what it does not have",
        "[model]\nmlp = [128, 64]\n\n[local]",
        "[model]\ntoy = {}\n\n[local]\nloss = \"squared\"\nclip = 1.0\noptimizer_state = \"keep\"",
    ),
    Case("a fault of the data", "count = 8", "count = 2000"),
    Case("a fault of the partition", "{ dirichlet = 0.3 }", "{ shards = 300 }"),
];

/// A scenario can choose its best round on validation data alone, and only where there are some.
#[test]
fn a_best_round_needs_validation_data() {
    let last = "\"shallow\", \"deep\"]";
    let (set, share) = ("set = \"digits\"", "set = \"digits\"\nvalidation_share = 0.1");
    let cases = [
        ("no validation data", "\"shallow\", \"deep\"]\n[evaluate]\nselect = \"best\""),
        (
            "the clients' data, which they do not have",
            "\"shallow\", \"deep\"]\n[evaluate]\nselect = \"best\"\nby = \"client-validation-accuracy\"",
        ),
        (
            "patience without a best round",
            "\"shallow\", \"deep\"]\n[evaluate]\nby = \"validation-loss\"\npatience = 3",
        ),
        (
            "a choice on test data",
            "\"shallow\", \"deep\"]\n[evaluate]\nselect = \"best\"\nby = \"test-loss\"",
        ),
    ];
    let messages = messages(&cases.map(|(what, keys)| Case(what, last, keys)));
    holds("a_best_round_needs_validation_data", &messages);
    let best = "\"shallow\", \"deep\"]\n[evaluate]\nselect = \"best\"\npatience = 3";
    let text = edited(set, share).replacen(last, best, 1);
    let plan = read_text(&text).unwrap().plans.remove(0);
    assert_eq!(plan.selects_by(), fedlayer_core::spec::SelectBy::ValidationLoss);
    let text = text.replace("validation_share", "client_validation_share");
    let plan = read_text(&text).unwrap().plans.remove(0);
    assert_eq!(plan.selects_by(), fedlayer_core::spec::SelectBy::ClientValidationLoss);
    let toy = text
        .replace("mlp = [128, 64]", "toy = {}")
        .replace("patience = 3", "by = \"client-validation-accuracy\"");
    let error = read_text(&toy).unwrap_err().render(Color::Plain);
    assert!(error.contains("the toy model does not classify, so it has no accuracy"), "{error}");
    assert!(error.contains("write `by = \"client-validation-loss\"`"), "{error}");
}

#[test]
fn meaning() {
    holds("meaning", &messages(INCONSISTENT));
}

#[test]
fn rounds() {
    holds(
        "rounds",
        &messages(&[
            Case("rounds that are none", "\"1-5\"", "\"first five\""),
            Case("round 0", "\"1-5\"", "\"0-5\""),
            Case("rounds backwards", "\"1-5\"", "\"5-1\""),
            Case("rounds that overlap", "\"6-\"", "\"5-\""),
            Case(
                "an empty schedule",
                "[{ rounds = \"1-5\", average = \"none\" }, { rounds = \"6-\", average = \"all\" }]",
                "[]",
            ),
        ]),
    );
}

#[test]
fn syntax() {
    holds(
        "syntax",
        &messages(&[
            Case("a word without quotes", "set = \"digits\"", "set = digits"),
            Case("no value", "count = 8", "count ="),
            Case("an open bracket", "[128, 64]", "[128, 64"),
            Case("an open header", "[model]", "[model"),
            Case("an open quote", "set = \"digits\"", "set = \"digits"),
            Case("a key twice", "count = 8", "count = 8\ncount = 9"),
            Case("a section twice", "[model]", "[data]\n[model]"),
            Case(
                "a list of tables with one bracket",
                "[[strategy]]\nname = \"all but",
                "[strategy]\nname = \"all but",
            ),
            Case("two values", "count = 8", "count = 8 9"),
            Case("a colon for an equals sign", "count = 8", "count: 8"),
            Case(
                "several errors",
                "count = 8\n\n[model]\nmlp = [128, 64]",
                "count = \n\n[model\nmlp = 1_",
            ),
            Case("a boolean in capitals", "momentum = 0.9", "momentum = 0.9, nesterov = True"),
            Case("underscores", "count = 8", "count = 8_"),
            Case("a leading zero", "count = 8", "count = 08"),
        ]),
    );
}

#[test]
fn several_at_once() {
    holds(
        "several_at_once",
        &messages(&[
            Case(
                "keys, types, words and ranges",
                "[clients]\ncount = 8\n\n[model]\nmlp = [128, 64]\n\n[local]\nepochs = 2",
                "[clients]\ncount = \"8\"\nperround = 4\ndropout = 1\n\n[model]\nmlp = [0]\n\n[local]\nepochs = nan\nloss = \"hinge\"",
            ),
            Case(
                "many that make no sense, and layers although the data is at fault",
                "count = 8\n\n[model]\nmlp = [128, 64]",
                "count = 5000\nmin_clients = 5001\n\n[model]\ndiagonal-linear = 2\n\n[checkpoints]\nkeep = 2",
            ),
        ]),
    );
}

#[test]
fn models() {
    let model = |about, model| Case(about, "mlp = [128, 64]", model);
    let digits = "set = \"digits\"\npartition = { dirichlet = 0.3 }\n\n[clients]\ncount = 8\n\n[model]\nmlp = [128, 64]\n\n[local]";
    let text = |model: &str| {
        let local = if model.contains("[local]") { "" } else { "\n[local]" };
        format!("set = \"tiny-shakespeare\"\n\n[clients]\ncount = 8\n\n[model]\n{model}{local}")
            .leak() as &str
    };
    holds(
        "models",
        &messages(&[
            model(
                "a convolution that does not fit",
                "layers = [{ conv = { out = 4, kernel = 9 } }]",
            ),
            model(
                "no flatten",
                "layers = [{ conv = { out = 4, kernel = 3 } }, { linear = { out = 10 } }]",
            ),
            model(
                "an end that is not the classes",
                "layers = [\"flatten\", { linear = { out = 7 } }]",
            ),
            model(
                "two layers of one name",
                "layers = [\"flatten\", { linear = { out = 7, name = \"a\" } }, { linear = { out = 10, name = \"a\" } }]",
            ),
            model(
                "a residual that does not fit",
                "layers = [\"flatten\", { residual = [{ linear = { out = 7 } }] }, { linear = { out = 10 } }]",
            ),
            model(
                "typos in layers",
                "layers = [\"rellu\", { conv = { out = 4, kernal = 3 } }, { linaer = { out = 10 } }, { dropout = 1 }]",
            ),
            model("groups that do not divide", "resnet-20 = { norm = \"group\", groups = 7 }"),
            model("a text model on images", "gpt = { heads = 3 }"),
            model("a form given as a word", "resnet-18 = \"batch\""),
            model("a module that is not read here", "torchscript = \"net.pt\""),
            Case("an image model on a text", digits, text("vgg-11 = {}")),
            Case("heads that do not divide", digits, text("gpt = { width = 32, heads = 3 }")),
            Case("a squared loss of a text", digits, text("gpt = {}\n[local]\nloss = \"squared\"")),
        ]),
    );
}

#[test]
fn drawn_clients() {
    let drawn = "set = { synthetic = { per_client = 50 } }";
    holds(
        "drawn",
        &messages(&[
            Case("barriers on the training split", "set = \"digits\"", drawn),
            Case(
                "bf16 where it is not known",
                "[model]\nmlp = [128, 64]\n\n[local]",
                "[model]\ndiagonal-linear = 2\n\n[local]\nprecision = \"bf16\"",
            ),
        ]),
    );
}

/// The number of a model's values depends on the data. If the data is at fault, given models are
/// not checked.
#[test]
fn values_of_models_wait_for_the_data() {
    let analysis = "\n[[analysis]]\nmeasure = { barriers = {} }\nmodels = { values = [[1.0], [2.0]] }\nsplits = [\"test\"]\n";
    let said = |count: &str| {
        let text = edited("count = 8", count) + analysis;
        read_text(&text).unwrap_err().render(Color::Plain)
    };
    let words = "found 1 values; the model has";
    let of_right_data = said("count = 8");
    assert_eq!(of_right_data.matches(words).count(), 2, "{of_right_data}");
    let of_wrong_data = said("count = 2000");
    assert!(of_wrong_data.contains("2000 clients cannot share"), "{of_wrong_data}");
    assert!(!of_wrong_data.contains(words), "{of_wrong_data}");
}

/// Without a training set there is nothing to recompute the statistics on. They would stay averaged
/// without a message.
#[test]
fn statistics_measured_anew_where_clients_are_drawn() {
    let network = r#"layers = [{ linear = { out = 4 } }, { norm = { kind = "batch" } }, { linear = { out = 2 } }]"#;
    let said = |statistics: &str| {
        let strategy = format!("average = \"all\"\nstatistics = \"{statistics}\"\n");
        let text = edited("set = \"digits\"", "set = { synthetic = { per_client = 50 } }")
            .replace("mlp = [128, 64]", network)
            .replacen("average = \"all\"\n", &strategy, 1);
        read_text(&text).unwrap_err().render(Color::Plain)
    };
    let words = "statistics are recomputed on the examples of all clients at once";
    for statistics in ["recompute", "repair"] {
        assert!(said(statistics).contains(words), "{}", said(statistics));
    }
    assert!(!said("keep").contains(words), "the training split of the barriers alone is refused");
}
