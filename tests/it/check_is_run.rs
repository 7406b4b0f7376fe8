//! `check` refuses all that `run` refuses before its first round: with the same words, the same
//! exit code, and no run folder.
//!
//! Every refusal between the arguments and the first round:
//!
//! | refused | by | cases of this file |
//! |---|---|---|
//! | the scenario's file, syntax, keys, types, ranges | `scenario::read` | a file, a wrong key |
//! | values that contradict each other | `meaning` | seeds, clients, rounds, layers, splits |
//! | data that cannot be found, read or partitioned | `Library` | files, a partition, a set |
//! | a model that does not fit the data | `Architecture`, `try_module` | networks, modules |
//! | local training that a model does not know | `meaning` | the toy, precision |
//! | rounds in which too few clients stay | `preflight::foresee` | clients that drop out |
//! | values to start from | `values::read` | no file, other tensors |
//! | analyses that lack what they need | `meaning` | alignment, planes, rounds, models |
//! | a variant of a sweep | all of these | a variant |
//!
//! `check` cannot know the device, the folder of `--out`, threads, a port, and the results of
//! training.

use std::{fs, path::Path};

use crate::support::{DIGITS, Place};

/// 30 images of one channel and 4 × 4 pixels, of 3 classes.
pub(crate) fn images() -> String {
    let names: Vec<String> = (0..16).map(|pixel| format!("p{pixel}")).collect();
    let line = |example: usize| {
        let pixels = (0..16).map(|pixel| ((pixel * 7 + example * 5) % 11) as f64 / 10.0);
        let pixels: Vec<String> = pixels.map(|value| value.to_string()).collect();
        format!("{},{}\n", pixels.join(","), example % 3)
    };
    names.join(",") + ",label\n" + &(0..30).map(line).collect::<String>()
}

/// A scenario of a module on these images.
pub(crate) const MODULE: &str = r#"rounds = 2
[data]
set = { files = { train = "images.csv", label = "label", shape = [1, 4, 4] } }
[clients]
count = 2
[model]
torchscript = "net.pt"
[local]
epochs = 1
batch = 4
optimizer = { sgd = { lr = 0.1 } }
[checkpoints]
every = 1
keep = "all"
[[strategy]]
name = "none"
average = "none"
"#;

pub(crate) fn module(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/oracle/fixtures/odd");
    fs::read(folder.join(format!("{name}.pt"))).unwrap()
}

/// Asserts that `check` and `run` refuse a scenario in the same words and leave no folder. Returns
/// these words.
#[track_caller]
fn both(about: &str, place: &Place, words: &[&str], code: i32) -> String {
    let check = place.fedlayer("check scenario.toml");
    let run = place.fedlayer("run scenario.toml --out run");
    assert_eq!(
        (check.code, run.code),
        (Some(code), Some(code)),
        "{about}: {}\n{}",
        check.stderr,
        run.stderr
    );
    assert_eq!(check.stderr, run.stderr, "{about}");
    assert_eq!((check.stdout.as_str(), run.stdout.as_str()), ("", ""), "{about}");
    assert!(
        !place.path("run").exists() && !place.path("runs").exists(),
        "{about} left a run folder"
    );
    assert!(!check.stderr.contains("panicked"), "{about}: {}", check.stderr);
    for word in words {
        assert!(check.stderr.contains(word), "{about}: no `{word}` in {}", check.stderr);
    }
    check.stderr
}

#[test]
fn a_module_that_cannot_be_trained_is_refused_by_both() {
    for (name, words) in [
        ("pair", "it returns a tuple of 2"),
        ("raises", "ValueError: three channels, please"),
        ("cuda", "use the device of its input"),
        ("nan", "its logits on inputs of zeros and ones are not finite"),
        ("drops", "(`forward`, `blocks.0.drop`)"),
        ("double", "`fc.weight` is float64"),
        ("frozen", "it has no parameters"),
        ("fussy", "in training: libtorch: ValueError: more examples, please"),
    ] {
        let place = Place::with(MODULE);
        fs::write(place.path("images.csv"), images()).unwrap();
        fs::write(place.path("net.pt"), module(name)).unwrap();
        let said = both(name, &place, &[words, "--> scenario.toml:7:15"], 3);
        assert_eq!(said.matches("error: ").count(), 1, "{name}: {said}");
    }
}

#[test]
fn a_module_that_can_be_trained_is_taken_by_both() {
    let place = Place::with(MODULE);
    fs::write(place.path("images.csv"), images()).unwrap();
    fs::write(place.path("net.pt"), module("plain")).unwrap();
    place.fedlayer("check scenario.toml").ok();
    place.fedlayer("run scenario.toml --out run --quiet").ok();
}

/// Wrong scenarios of digits: what is wrong, the text to replace, the replacement, and the code and
/// words of the refusal.
type Edit = (&'static str, &'static str, &'static str, i32, &'static [&'static str]);

const EDITS: &[Edit] = &[
    ("not TOML", "rounds = 6", "rounds = = 6", 3, &[]),
    ("a wrong key", "epochs = 1", "epoch = 1", 3, &["unknown key `epoch`"]),
    ("a seed twice", "seeds = [1]", "seeds = [1, 1]", 3, &["seed 1 is given twice"]),
    ("clients", "per_round = 5", "per_round = 50", 3, &["cannot draw more clients"]),
    ("a file of data", "\"digits\"", "{ files = { train = \"no.csv\" } }", 4, &["no.csv"]),
    ("a file of labels", "\"digits\"", "{ files = { train = \"a.npy\" } }", 3, &[]),
    ("a set that is not there", "\"digits\"", "\"mnist\"", 4, &["fedlayer data fetch mnist"]),
    ("a partition", "{ dirichlet = 0.3 }", "\"natural\"", 3, &["have no natural owners"]),
    ("clients without examples", "count = 6", "count = 6000", 3, &["cannot share a pool"]),
    ("a network of images", "mlp = [16]", "resnet-20 = {}", 3, &["error: "]),
    (
        "a language model",
        "mlp = [16]",
        "gpt = { depth = 1, width = 8, heads = 2 }",
        3,
        &["use `gpt` for texts"],
    ),
    (
        "a module that is not there",
        "mlp = [16]",
        "torchscript = \"no.pt\"",
        4,
        &["`no.pt`: not found"],
    ),
    ("no module", "mlp = [16]", "torchscript = \"scenario.toml\"", 3, &["error: "]),
    (
        "the toy's optimizer",
        "mlp = [16]",
        "toy = {}",
        3,
        &["the toy model does not support momentum"],
    ),
    (
        "bf16 of a diagonal network",
        "mlp = [16]\n[local]",
        "diagonal-linear = 2\n[local]\nprecision = \"bf16\"",
        3,
        &["supports only f32"],
    ),
    (
        "values that are not there",
        "rounds = 6",
        "rounds = 6\ninitial = \"no.safetensors\"",
        4,
        &["no.safetensors"],
    ),
    (
        "values that are none",
        "rounds = 6",
        "rounds = 6\ninitial = \"scenario.toml\"",
        3,
        &["scenario.toml"],
    ),
    ("unknown layers", "{ rotate = 1 }", "{ layers = [\"fc7\"] }", 3, &["`fc7` matches no layer"]),
    (
        "statistics",
        "{ rotate = 1 }",
        "{ rotate = 1 }\nstatistics = \"keep\"",
        3,
        &["no batch normalisation"],
    ),
    (
        "a variant",
        "[[strategy]]\nname = \"all\"",
        "[sweep]\ngrid = { \"clients.per_round\" = [5, 50] }\n[[strategy]]\nname = \"all\"",
        3,
        &["in the variant `per_round=50`"],
    ),
    (
        "a name that a terminal obeys",
        "name = \"all\"",
        "name = \"a\\u001b[2Jb\"",
        3,
        &["`strategy.0.name` has a character that cannot be shown", "found `\\u001b`"],
    ),
];

#[test]
fn a_wrong_scenario_is_refused_by_both() {
    for (about, from, to, code, words) in EDITS {
        let changed = DIGITS.replacen(from, to, 1);
        assert_ne!(changed, DIGITS, "{about} changes nothing");
        both(about, &Place::with(&changed), words, *code);
    }
}

/// Analyses that cannot be made on models of the run or on files: what is wrong, the analysis, and
/// the words of the refusal.
const IMPOSSIBLE_ANALYSES: &[(&str, &str, &str)] = &[
    (
        "models that are alike",
        "measure = { predict = {} }\nstrategy = \"all\"",
        "every client has the same model",
    ),
    (
        "a round that is not run",
        "measure = { predict = {} }\nstrategy = \"one layer, rotating\"\nrounds = [9]",
        "there is no round 9",
    ),
    (
        "a round without a checkpoint",
        "measure = { predict = {} }\nstrategy = \"one layer, rotating\"\nrounds = [3]",
        "round 3 has no checkpoint",
    ),
    (
        "a round whose checkpoint is not kept",
        "measure = { predict = {} }\nstrategy = \"one layer, rotating\"\nrounds = [2]",
        "needs their checkpoints",
    ),
    (
        "states that are not kept",
        "measure = { subspace = {} }\nstrategy = \"one layer, rotating\"",
        "needs the checkpoints of all rounds",
    ),
    (
        "states of files",
        "measure = { subspace = {} }\nmodels = { files = [\"a\", \"b\"] }",
        "`subspace` needs the models' states during training",
    ),
    (
        "files that are not there",
        "measure = { barriers = {} }\nmodels = { files = [\"a\", \"b\"] }",
        "`a`: not found",
    ),
    (
        "a start that is not known",
        "measure = { criticality = {} }\nmodels = { files = [\"a\", \"b\"] }",
        "`criticality` needs the initial model",
    ),
    (
        "a plane of two models",
        "measure = { surface = { through = \"models\" } }\nmodels = { files = [\"a\", \"b\"] }",
        "a plane needs three models",
    ),
    (
        "one layer on two axes",
        "measure = { surface = { through = { layers = [[\"fc1\"], [\"*\"]] } } }\nstrategy = \"one layer, rotating\"",
        "layer `fc1` is on both axes",
    ),
];

#[test]
fn an_analysis_that_cannot_be_made_is_refused_by_both() {
    for (about, analysis, words) in IMPOSSIBLE_ANALYSES {
        let text = DIGITS.to_owned() + "[[analysis]]\n" + analysis + "\n";
        // A missing file has a code of its own, if nothing else is wrong.
        let code = if words.ends_with("not found") { 4 } else { 3 };
        both(about, &Place::with(&text), &[words], code);
    }
}

/// Analyses that cannot be made on a module: its fixture, the measurement, and the words of the
/// refusal.
const IMPOSSIBLE_ON_MODULES: &[(&str, &str, &str)] = &[
    ("plain", "align = {}", "`align` needs a network with known operations"),
    ("attends", "hessian = {}", "it cannot be differentiated twice"),
    ("attends", "predict = {}", "it cannot be differentiated twice"),
    ("attends", "flatness = {}", "it cannot be differentiated twice"),
];

#[test]
fn an_analysis_that_a_module_does_not_allow_is_refused_by_both() {
    for (name, measure, words) in IMPOSSIBLE_ON_MODULES {
        let place = Place::with(&format!("{MODULE}[[analysis]]\nmeasure = {{ {measure} }}\n"));
        fs::write(place.path("images.csv"), images()).unwrap();
        fs::write(place.path("net.pt"), module(name)).unwrap();
        both(measure, &place, &[words], 3);
    }
}

/// The seed alone decides which clients drop out. Before, a run trained up to the round that had to
/// fail.
#[test]
fn a_round_that_too_few_clients_stay_in_is_refused_by_both() {
    let flaky = DIGITS.replace("dropout = 0.1", "dropout = 0.9\nmin_clients = 4");
    let words = [
        "none of the 2 runs can be finished: too many clients drop out",
        "  `all`, seed 1: round 1, attempt 3 of 3: ",
        "  `one layer, rotating`, seed 1: round 1, attempt 3 of 3: ",
        " of 4 needed clients reported (clients ",
        " dropped out)",
        "hint: the seed alone decides which clients drop out: lower `clients.min_clients`",
    ];
    both("clients that drop out", &Place::with(&flaky), &words, 9);
}

#[test]
fn check_warns_of_the_runs_that_fail_in_the_words_of_the_run() {
    let flaky = DIGITS
        .replace("dropout = 0.1", "dropout = 0.2\nmin_clients = 4\nattempts = 1")
        .replace("rounds = 6", "rounds = 1");
    let place = Place::with(&flaky);
    let check = place.fedlayer("check scenario.toml --seeds 1-8").ok();
    let run = place.fedlayer("run scenario.toml --seeds 1-8 --out run");
    assert_eq!(run.code, Some(9), "{}", run.stderr);
    let reasons = |said: &str, heading: &str| -> Vec<String> {
        let after = said.split(heading).nth(1).unwrap_or_else(|| panic!("no `{heading}`: {said}"));
        let lines = after.lines().skip(1).take_while(|line| line.starts_with("  `"));
        lines.map(str::to_owned).collect()
    };
    let foreseen = reasons(&check.stderr, "runs cannot be finished");
    assert!(!foreseen.is_empty() && foreseen.len() < 16, "{}", check.stderr);
    assert_eq!(foreseen, reasons(&run.stderr, "runs cannot be finished"));
    assert_eq!(foreseen, reasons(&run.stderr, "runs failed"));
}

#[test]
fn data_that_do_not_decode_are_refused_by_both() {
    let damaged = |edit: &dyn Fn(String) -> String| {
        let place = Place::with(&MODULE.replace("torchscript = \"net.pt\"", "mlp = [4]"));
        fs::write(place.path("images.csv"), edit(images())).unwrap();
        place
    };
    both("a word in a row", &damaged(&|text| text.replacen("0.5", "half", 1)), &["images.csv"], 3);
    both("a short row", &damaged(&|text| text + "1,2,3\n"), &["images.csv"], 3);
    both("no rows", &damaged(&|text| text.lines().take(1).collect()), &["images.csv"], 3);
    // Images are located at first, and read only when they are partitioned.
    let place = Place::with(&DIGITS.replace("\"digits\"", "\"mnist\""));
    let folder = place.path("home/fedlayer/mnist");
    fs::create_dir_all(&folder).unwrap();
    for part in ["train", "t10k"] {
        for file in ["images-idx3-ubyte", "labels-idx1-ubyte"] {
            fs::write(folder.join(format!("{part}-{file}")), "no images").unwrap();
        }
    }
    both("a damaged set", &place, &["mnist"], 4);
}

#[test]
fn a_scenario_that_cannot_be_read_is_refused_by_both() {
    let place = Place::with("");
    fs::remove_file(place.path("scenario.toml")).unwrap();
    both("no file", &place, &["scenario.toml"], 6);
    fs::create_dir(place.path("scenario.toml")).unwrap();
    both("a folder", &place, &["scenario.toml"], 6);
    fs::remove_dir(place.path("scenario.toml")).unwrap();
    fs::write(place.path("scenario.toml"), b"\xff\xfer\0o\0").unwrap();
    both("UTF-16", &place, &["save it as UTF-8 text"], 6);
}
