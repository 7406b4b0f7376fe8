//! One fault gives one message, without a second one that follows from the first. Two faults give
//! two.

use fedlayer_scenario::{Color, Diagnostics};

use crate::base::read_text;

/// A valid scenario with every optional table.
const FULL: &str = r#"
seeds = [1, 2]
rounds = 12

[data]
set = "digits"
partition = { dirichlet = 0.3 }

[clients]
count = 8
per_round = 4
min_clients = 2
dropout = 0.1

[model]
layers = [
  { conv = { out = 4, kernel = 3, name = "eyes" } }, { norm = { kind = "batch" } }, "relu",
  "flatten", { linear = { out = 10, name = "head" } },
]

[local]
epochs = 2
batch = 16
optimizer = { sgd = { lr = 0.1, momentum = 0.9, nesterov = true } }
schedule = { multi-step = { at = [2, 4], factor = 0.1 } }
warmup = { steps = 10, from = 0.001 }
clip = 1.0

[barriers]
every = 4
sets = ["full", "layers", { window = 2 }, { named = ["eyes"] }]
alpha = [0.5, 1.0]
splits = ["test"]
baselines = ["mean", "max"]

[evaluate]
every = 2

[checkpoints]
every = 3
keep = "all"

[[analysis]]
name = "late barriers"
measure = { barriers = { sets = [{ named = ["head"] }] } }
strategy = "local"
seed = 2
clients = [0, 3]
rounds = [6, 12]

[[analysis]]
measure = { surface = { through = { layers = [["eyes"], ["head"]] } } }
strategy = "local"

[[analysis]]
measure = { subspace = { draws = 4 } }
strategy = "local"

[[analysis]]
measure = { window = { widths = [3] } }
strategy = "local"

[sweep]
grid = { "local.batch" = [8, 16] }

[[strategy]]
name = "all"
average = "all"
statistics = "recompute"

[[strategy]]
name = "body"
average = { except = ["head"] }
statistics = "keep"

[[strategy]]
name = "local"
average = [{ rounds = "1-3", average = "all" }, { rounds = "4-", average = "none" }]
"#;

/// One fault: its description, the text that is replaced, the replacement, and the beginning of the
/// only message.
struct Fault(&'static str, &'static str, &'static str, &'static str);

/// Faults of keys, types and ranges.
const OF_SHAPE: &[Fault] = &[
    Fault("an unknown key", "clip = 1.0", "clipp = 1.0", "unknown key `clipp`"),
    Fault("a text for a number", "rounds = 12", "rounds = \"12\"", "`rounds` must be an integer"),
    Fault("a word misspelt", "set = \"digits\"", "set = \"digit\"", "unknown value `digit`"),
    Fault("a form misspelt", "layers = [\n", "layerz = [\n", "unknown key `layerz`"),
    Fault("a missing key", "batch = 16\n", "", "missing key `batch`"),
    Fault("a range", "dropout = 0.1", "dropout = 2", "`clients.dropout` must be"),
    Fault(
        "an empty list",
        "alpha = [0.5, 1.0]",
        "alpha = []",
        "`barriers.alpha` must not be empty",
    ),
    Fault(
        "an empty table",
        "measure = { window = { widths = [3] } }",
        "measure = {}",
        "`analysis.3.measure` is",
    ),
    Fault(
        "a control character",
        "name = \"body\"",
        "name = \"bo\\u001b[2Jdy\"",
        "`strategy.1.name` has a character",
    ),
    Fault(
        "a line break",
        "name = \"late barriers\"",
        "name = \"late\\nbarriers\"",
        "`analysis.0.name` has a character",
    ),
    Fault(
        "a text from right to left",
        "name = \"head\"",
        "name = \"he\\u202ead\"",
        "`model.layers.4.linear.name` has",
    ),
    Fault(
        "a line separator",
        "named = [\"eyes\"]",
        "named = [\"eyes\\u2028\"]",
        "`barriers.sets.3.named.0` has",
    ),
];

/// Faults of values that are inconsistent with each other, the model or the data.
const OF_MEANING: &[Fault] = &[
    Fault("seeds", "seeds = [1, 2]", "seeds = [1, 2, 1]", "seed 1 is given twice"),
    Fault("shards", "{ dirichlet = 0.3 }", "{ shards = 500 }", "8 clients with 500 shards"),
    Fault("clients a round", "per_round = 4", "per_round = 9", "a round cannot draw more"),
    Fault("reports a round", "min_clients = 2", "min_clients = 5", "a round cannot wait for more"),
    Fault(
        "a layer called as a client's",
        "norm = { kind = \"batch\" }",
        "norm = { kind = \"batch\", name = \"client/0\" }",
        "`client/0` is not allowed as the name of a layer",
    ),
    Fault(
        "a layer called as a set",
        "norm = { kind = \"batch\" }",
        "norm = { kind = \"batch\", name = \"all\" }",
        "a layer cannot be called `all`",
    ),
    Fault(
        "a layer called as two",
        "norm = { kind = \"batch\" }",
        "norm = { kind = \"batch\", name = \"a+b\" }",
        "`a+b` is not allowed as the name of a layer",
    ),
    Fault("a convolution too large", "kernel = 3", "kernel = 30", "`eyes`"),
    Fault("no momentum", "momentum = 0.9, ", "", "Nesterov's momentum needs"),
    Fault("epochs that descend", "at = [2, 4]", "at = [4, 2]", "the epochs must ascend"),
    Fault("two lengths", "epochs = 2\n", "epochs = 2\nsteps = 5\n", "`epochs` and `steps` exclude"),
    Fault("no length", "epochs = 2\n", "", "neither `epochs` nor `steps`"),
    Fault(
        "two warm-ups",
        "steps = 10, from",
        "steps = 10, epochs = 1, from",
        "`steps` and `epochs` exclude",
    ),
    Fault("a long warm-up", "steps = 10, from", "steps = 100000, from", "the warm-up does not end"),
    Fault(
        "a set twice",
        "\"full\", \"layers\"",
        "\"full\", \"layers\", \"full\"",
        "a layer set is given twice",
    ),
    Fault("a wide window", "window = 2 }", "window = 4 }", "`window` asks for 4 layers"),
    Fault(
        "a layer of barriers",
        "named = [\"eyes\"]",
        "named = [\"ears\"]",
        "`ears` matches no layer",
    ),
    Fault("α twice", "alpha = [0.5, 1.0]", "alpha = [0.5, 0.5]", "α = 0.5 is given twice"),
    Fault(
        "a split twice",
        "splits = [\"test\"]",
        "splits = [\"test\", \"test\"]",
        "the split `test` is given",
    ),
    Fault(
        "a baseline twice",
        "[\"mean\", \"max\"]",
        "[\"mean\", \"mean\"]",
        "a baseline is given twice",
    ),
    Fault("a name without letters", "\"late barriers\"", "\"!!!\"", "an analysis's name needs"),
    Fault("a path for a name", "\"late barriers\"", "\"a/b\"", "an analysis's name has no `/`"),
    Fault("a path of Windows", "\"late barriers\"", "'a\\b'", "an analysis's name has no `/`"),
    Fault(
        "an unknown strategy",
        "strategy = \"local\"\nseed",
        "strategy = \"lokal\"\nseed",
        "there is no strategy `lokal`",
    ),
    Fault("an unknown seed", "seed = 2", "seed = 3", "no run has seed 3"),
    Fault("an unknown client", "clients = [0, 3]", "clients = [0, 8]", "there is no client 8"),
    Fault("a client twice", "clients = [0, 3]", "clients = [3, 3]", "client 3 is given twice"),
    Fault("a round beyond", "rounds = [6, 12]", "rounds = [6, 15]", "there is no round 15"),
    Fault("a round between", "rounds = [6, 12]", "rounds = [7, 12]", "round 7 has no checkpoint"),
    Fault("a round twice", "rounds = [6, 12]", "rounds = [6, 6]", "round 6 is given twice"),
    Fault(
        "models that are alike",
        "rounds = [6, 12]",
        "rounds = [3]",
        "after averaging all layers",
    ),
    Fault(
        "a layer of an analysis",
        "named = [\"head\"]",
        "named = [\"heads\"]",
        "`heads` matches no layer",
    ),
    Fault(
        "a layer on both axes",
        "[[\"eyes\"], [\"head\"]]",
        "[[\"eyes\"], [\"*e*\"]]",
        "layer `eyes` is on both axes",
    ),
    Fault(
        "an unknown layer on an axis",
        "[[\"eyes\"], [\"head\"]]",
        "[[\"eyes\"], [\"x\"]]",
        "`x` matches no layer",
    ),
    Fault(
        "windows wider than the model",
        "widths = [3]",
        "widths = [5]",
        "found 5 neighbouring layers",
    ),
    Fault(
        "an unknown layer of a strategy",
        "except = [\"head\"]",
        "except = [\"hat\"]",
        "`hat` matches no layer",
    ),
    Fault("rounds that overlap", "rounds = \"4-\"", "rounds = \"3-\"", "two entries of a schedule"),
    Fault("rounds that are none", "rounds = \"1-3\"", "rounds = \"3-1\"", "`3-1` cannot be read"),
    Fault("a name twice", "name = \"body\"", "name = \"all\"", "two strategies are called `all`"),
    Fault(
        "a folder twice",
        "name = \"body\"",
        "name = \"ALL!\"",
        "the strategies `all` and `ALL!`",
    ),
    Fault(
        "the folder of the analyses",
        "name = \"body\"",
        "name = \"Analyses\"",
        "a strategy cannot be called",
    ),
    Fault(
        "a tab in a name",
        "name = \"body\"",
        "name = \"bo\\tdy\"",
        "a strategy's name must not contain a tab",
    ),
];

fn replaced(text: &str, fault: &Fault) -> String {
    let Fault(about, from, to, _) = fault;
    assert_eq!(text.matches(from).count(), 1, "{about}: `{from}` is not there once");
    text.replacen(from, to, 1)
}

fn refused(about: &str, text: &str) -> Diagnostics {
    match read_text(text) {
        Ok(_) => panic!("{about}: it was taken"),
        Err(report) => report,
    }
}

/// Returns how the diagnostics differ from these messages, or the control characters in them;
/// `None` if they are right.
fn wrong(report: &Diagnostics, about: &str, titles: &[&str]) -> Option<String> {
    let text = report.render(Color::Plain);
    let all = titles.iter().all(|title| text.contains(&format!("error: {title}")));
    let shown = |c: char| c == '\n' || fedlayer_core::text::is_printable(c);
    let good = report.len() == titles.len() && all && text.chars().all(shown);
    (!good).then(|| format!("{about}: expected {titles:?}, found\n{text}"))
}

/// Fails the test if the diagnostics are not exactly these messages.
#[track_caller]
fn says(report: &Diagnostics, about: &str, titles: &[&str]) {
    if let Some(wrong) = wrong(report, about, titles) {
        panic!("{wrong}");
    }
}

#[test]
fn the_full_scenario_is_right() {
    if let Err(report) = read_text(FULL) {
        panic!("{report}");
    }
}

#[test]
fn one_fault_has_one_message() {
    for fault in OF_SHAPE.iter().chain(OF_MEANING) {
        says(&refused(fault.0, &replaced(FULL, fault)), fault.0, &[fault.3]);
    }
}

#[test]
fn two_faults_have_two_messages() {
    let (mut pairs, mut all) = (0, Vec::new());
    for faults in [OF_SHAPE, OF_MEANING] {
        for (index, first) in faults.iter().enumerate() {
            let text = replaced(FULL, first);
            for second in &faults[index + 1..] {
                // The first fault must not have changed the text of the second one.
                let apart = text.matches(second.1).count() == 1 && !hides(first, second);
                if !apart {
                    continue;
                }
                let about = format!("{} and {}", first.0, second.0);
                match read_text(&replaced(&text, second)) {
                    Ok(_) => all.push(format!("{about}: it was taken")),
                    Err(report) => all.extend(wrong(&report, &about, &[first.3, second.3])),
                }
                pairs += 1;
            }
        }
    }
    assert!(all.is_empty(), "{}", all.join("\n"));
    assert!(pairs > 400, "{pairs} pairs");
}

/// Returns whether one fault cannot be found because of the other.
fn hides(first: &Fault, second: &Fault) -> bool {
    let both = [first.0, second.0];
    let has = |about: &str| both.contains(&about);
    // Nothing inside an unknown form is read.
    if has("a form misspelt") {
        return has("a text from right to left");
    }
    // One fault corrects the other.
    let mends = [
        ["clients a round", "reports a round"],
        ["two lengths", "no length"],
        ["rounds that overlap", "rounds that are none"],
    ];
    if mends.contains(&both) {
        return true;
    }
    // If the model has no layers, nothing about layers can be checked.
    let of_layers = [
        "a set twice",
        "a wide window",
        "a layer of barriers",
        "α twice",
        "a split twice",
        "a baseline twice",
        "a name without letters",
        "a path for a name",
        "a path of Windows",
        "an unknown strategy",
        "an unknown seed",
        "an unknown client",
        "a client twice",
        "a round beyond",
        "a round between",
        "a round twice",
        "models that are alike",
        "a layer of an analysis",
        "a layer on both axes",
        "an unknown layer on an axis",
        "windows wider than the model",
        "an unknown layer of a strategy",
        "shards",
    ];
    if has("a convolution too large") {
        return both.iter().any(|about| of_layers.contains(about));
    }
    // The largest length of a warm-up depends on the length of training and the number of examples.
    let of_length = ["two lengths", "no length", "two warm-ups", "shards"];
    if has("a long warm-up") {
        return both.iter().any(|about| of_length.contains(about));
    }
    // Whether a strategy's models are equal depends on its schedule.
    let of_schedule = ["rounds that overlap", "rounds that are none", "an unknown strategy"];
    has("models that are alike") && both.iter().any(|about| of_schedule.contains(about))
}

/// Without the data file the shape of the data is unknown, and a model that does not fit the
/// assumed shape gives no second message.
#[test]
fn a_fault_of_the_data_is_no_fault_of_the_model() {
    for (about, model) in [
        (
            "a network of vectors",
            "layers = [{ linear = { out = 4 } }, { norm = { kind = \"batch\" } }, \"relu\", { linear = { out = 10 } }]",
        ),
        ("a network of images", "resnet-20 = { norm = \"batch\" }"),
        ("a language model", "gpt = { depth = 1, width = 8, heads = 2 }"),
        ("a perceptron", "mlp = [4]"),
    ] {
        let statistics = if model.contains("batch") { "statistics = \"keep\"" } else { "" };
        let text = format!(
            "rounds = 1\n[data]\nset = \"digits\"\npartition = {{ shards = 500 }}\n[clients]\ncount = 8\n[model]\n{model}\n\
             [local]\nepochs = 1\nbatch = 4\noptimizer = {{ sgd = {{ lr = 0.1 }} }}\n\
             [[strategy]]\nname = \"a\"\naverage = \"all\"\n{statistics}\n"
        );
        says(&refused(about, &text), about, &["8 clients with 500 shards"]);
    }
}
