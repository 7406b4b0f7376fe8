//! Users' own files, as users tried them: each gives the right value, which NumPy computed, or is
//! refused with a hint.

use std::fs;

use serde_json::Value;

use crate::support::{Done, Place};

/// A small scenario on a user's own files, with this `set` and `model`.
fn scenario(set: &str, model: &str) -> String {
    format!(
        r#"# A question?   fedlayer run scenario.toml
rounds = 1
[data]
set = {{ files = {{ {set} }} }}
[clients]
count = 2
[model]
{model}
[local]
epochs = 1
batch = 1000
optimizer = {{ sgd = {{ lr = 1e-12 }} }}
[[strategy]]
name = "all"
average = "all"
"#
    )
}

/// The scenario with one more key at its head. Its steps are so small that the model of the fixture
/// does not change.
fn from_model(set: &str, classes: usize) -> String {
    let layers = format!("layers = [{{ linear = {{ out = {classes}, name = \"out\" }} }}]");
    scenario(set, &layers).replace("rounds = 1", "rounds = 1\ninitial = \"model.safetensors\"")
}

fn place(set: &str, files: &[(&str, &[u8])]) -> Place {
    let place = Place::with(&scenario(set, "mlp = [8]"));
    files.iter().for_each(|(name, bytes)| fs::write(place.path(name), bytes).unwrap());
    place
}

/// The values that NumPy and PyTorch read from the files.
fn oracle(part: &str) -> Value {
    let fixture = include_str!("../oracle/fixtures/files.json");
    serde_json::from_str::<Value>(fixture).unwrap()[part].take()
}

fn bytes(digits: &Value) -> Vec<u8> {
    let digits = digits.as_str().unwrap();
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(byte).collect()
}

fn test_accuracy(place: &Place, run: &str) -> f64 {
    let summary = fs::read_to_string(place.path(run).join("summary.json")).unwrap();
    let summary: Value = serde_json::from_str(&summary).unwrap();
    summary["rows"][0]["test_accuracy"].as_f64().unwrap()
}

/// Asserts that `check` and `run` end with the same words and code, and that `run` leaves no
/// folder. Returns the words.
#[track_caller]
fn refused(place: &Place) -> String {
    let check = place.fedlayer("check scenario.toml");
    let run = place.fedlayer("run scenario.toml --out run");
    assert_eq!((check.code, &check.stderr), (run.code, &run.stderr));
    assert!(!place.path("run").exists(), "a refused run left a folder");
    let Done { code, stdout, stderr } = check;
    assert_eq!(stdout, "");
    assert!(!stderr.contains("fetch"), "nobody can fetch a user's own file:\n{stderr}");
    format!("exit code {}\n{stderr}", code.unwrap())
}

/// 60 lines of two features and three classes.
fn table(separator: &str) -> String {
    let line = |row: usize| {
        let cells = [format!("{}.25", (row * 7) % 11), format!("-{}.5", (row * 5) % 13)];
        format!("{}{separator}{}{separator}{}\n", cells[0], cells[1], row % 3)
    };
    ["a", "b", "y"].join(separator) + "\n" + &(0..60).map(line).collect::<String>()
}

#[test]
fn csv_columns_by_position() {
    let oracle = oracle("columns");
    let place = Place::with(&from_model("train = \"train.csv\", test = \"test.csv\"", 3));
    for part in ["train", "test"] {
        fs::write(place.path(&format!("{part}.csv")), oracle[part].as_str().unwrap()).unwrap();
    }
    fs::write(place.path("model.safetensors"), bytes(&oracle["model"])).unwrap();
    place.fedlayer("run scenario.toml --out run --quiet").ok();
    let (found, expected) = (test_accuracy(&place, "run"), oracle["accuracy"].as_f64().unwrap());
    assert!((found - expected).abs() < 1e-9, "{found} {expected}");
    let wrong = oracle["accuracy_in_a_wrong_order"].as_f64().unwrap();
    assert!((found - wrong).abs() > 0.1, "the columns are read by their position");
}

#[test]
fn float_labels_text_order() {
    let oracle = oracle("labels");
    let place = Place::with(&from_model("train = \"t.csv\", test = \"t.csv\"", 12));
    fs::write(place.path("t.csv"), oracle["csv"].as_str().unwrap()).unwrap();
    for (name, key) in [
        ("t.safetensors", "safetensors"),
        ("t.npy", "npy"),
        ("y.npy", "npy_labels"),
        ("model.safetensors", "model"),
    ] {
        fs::write(place.path(name), bytes(&oracle[key])).unwrap();
    }
    let expected = oracle["accuracy"].as_f64().unwrap();
    for test in ["t.csv", "t.safetensors"] {
        let run = format!("run-{test}");
        let set = format!("--set data.set.files.test=\"{test}\"");
        place.fedlayer(&format!("run scenario.toml --quiet --out {run} {set}")).ok();
        let found = test_accuracy(&place, &run);
        assert!((found - expected).abs() < 1e-9, "{test}: {found} {expected}");
    }
}

#[test]
fn csv_no_header() {
    let text = table(",");
    let (_, lines) = text.split_once('\n').unwrap();
    let place = place("train = \"d.csv\"", &[("d.csv", lines.as_bytes())]);
    insta::assert_snapshot!(refused(&place));
    let counted = "--set data.set.files.header=false --set data.set.files.label=\"3\"";
    let without = place.fedlayer(&format!("run scenario.toml --quiet --out a {counted}")).ok();
    fs::write(place.path("d.csv"), text).unwrap();
    let with = place.fedlayer("run scenario.toml --quiet --out b").ok();
    assert_eq!(without.stdout, with.stdout);
}

#[test]
fn csv_index_column() {
    let text = table(",");
    let numbered: String = text
        .lines()
        .enumerate()
        .map(|(row, line)| match row {
            0 => format!(",{line}\n"),
            row => format!("{},{line}\n", row - 1),
        })
        .collect();
    let place = place("train = \"d.csv\"", &[("d.csv", numbered.as_bytes())]);
    insta::assert_snapshot!(refused(&place));
    let ignored = "--set data.set.files.ignore=[\"\"]";
    let without = place.fedlayer(&format!("run scenario.toml --quiet --out a {ignored}")).ok();
    fs::write(place.path("d.csv"), text).unwrap();
    let with = place.fedlayer("run scenario.toml --quiet --out b").ok();
    assert_eq!(without.stdout, with.stdout);
}

#[test]
fn csv_semicolon() {
    let place = place("train = \"d.csv\"", &[("d.csv", table(";").as_bytes())]);
    insta::assert_snapshot!(refused(&place));
    let said = "--set data.set.files.separator=\";\"";
    let semicolons = place.fedlayer(&format!("run scenario.toml --quiet --out a {said}")).ok();
    fs::write(place.path("d.csv"), table(",")).unwrap();
    let commas = place.fedlayer("run scenario.toml --quiet --out b").ok();
    assert_eq!(semicolons.stdout, commas.stdout);
}

#[test]
fn a_label_of_no_usual_name_is_not_guessed() {
    let text = table(",").replacen(",y", ",kind", 1);
    insta::assert_snapshot!(refused(&place("train = \"d.csv\"", &[("d.csv", text.as_bytes())])));
}

#[test]
fn targets_of_a_regression() {
    let lines: String = (0..60).map(|row| format!("{row}.5,{}.{row}\n", row % 7)).collect();
    let text = format!("size,target\n{lines}");
    insta::assert_snapshot!(refused(&place("train = \"d.csv\"", &[("d.csv", text.as_bytes())])));
}

/// A `.npy` file of zeros.
fn npy(descr: &str, shape: &str, data: usize) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
    let length = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), &vec![0; data]].concat()
}

#[test]
fn shape_scrambles_nhwc() {
    let labels: Vec<u8> = (0..20).map(|row| row % 2).collect();
    let labels = [npy("|u1", "(20,)", 0), labels].concat();
    let files = "train = \"x.npy\", train_labels = \"y.npy\"";
    let convolution =
        "layers = [{ conv = { out = 2, kernel = 3 } }, \"flatten\", { linear = { out = 2 } }]";
    let place = Place::with(&scenario(&format!("{files}, shape = [3, 12, 12]"), convolution));
    fs::write(place.path("x.npy"), npy("<f4", "(20, 12, 12, 3)", 20 * 432 * 4)).unwrap();
    fs::write(place.path("y.npy"), labels).unwrap();
    insta::assert_snapshot!("shape_scrambles_nhwc", refused(&place));
    // Without the key, a convolution would take the height for its channels.
    fs::write(place.path("scenario.toml"), scenario(files, convolution)).unwrap();
    insta::assert_snapshot!("channels_last_meet_a_convolution", refused(&place));
    place.fedlayer("check scenario.toml --set data.set.files.shape=[12,12,3]").ok();
    fs::write(place.path("x.npy"), npy("<f4", "(20, 3, 12, 12)", 20 * 432 * 4)).unwrap();
    place.fedlayer("check scenario.toml").ok();
}

#[test]
fn names_of_classes_stand_in_check_and_in_the_run_folder() {
    let named = table(",")
        .replace(",0\n", ",lily\n")
        .replace(",1\n", ",rose\n")
        .replace(",2\n", ",a long\tname of a flower\n");
    let place = place("train = \"d.csv\"", &[("d.csv", named.as_bytes())]);
    let check = place.fedlayer("check scenario.toml").ok();
    let heading = check.stdout.lines().find(|line| line.starts_with("client  train")).unwrap();
    assert!(heading.contains("a long name of a…  lily  rose"), "{heading}");
    let json: Value =
        serde_json::from_str(&place.fedlayer("check scenario.toml --json").ok().stdout).unwrap();
    let classes = serde_json::json!(["a long\tname of a flower", "lily", "rose"]);
    assert_eq!(json["classes"], classes);
    let run = place.fedlayer("run scenario.toml --out run").ok();
    let words =
        "classes of `d.csv`: 0 is `a long name of a…`, 1 is `lily`, 2 is `rose` (all in data.json)";
    assert!(run.stderr.contains(words), "{}", run.stderr);
    let read = || -> Value {
        serde_json::from_slice(&fs::read(place.path("run/data.json")).unwrap()).unwrap()
    };
    assert_eq!(read(), serde_json::json!([{ "set": "d.csv", "classes": classes }]));
    fs::remove_file(place.path("run/data.json")).unwrap();
    place.fedlayer("resume run").ok();
    assert_eq!(read()[0]["classes"], classes);
}

/// Labels 1 to 3 are three classes, without an empty class 0. Both `check` and `run` name them.
#[test]
fn labels_that_do_not_begin_at_zero_are_numbered_anew_and_said() {
    let text = table(",").replace(",2\n", ",3\n").replace(",1\n", ",2\n").replace(",0\n", ",1\n");
    let place = place("train = \"d.csv\"", &[("d.csv", text.as_bytes())]);
    let check = place.fedlayer("check scenario.toml").ok();
    assert!(check.stdout.contains("own test  1  2  3\n"), "{}", check.stdout);
    let run = place.fedlayer("run scenario.toml --out run").ok();
    assert!(run.stderr.contains("0 is `1`, 1 is `2`, 2 is `3`"), "{}", run.stderr);
    // With labels 0, 1 and 2 there is no note.
    fs::write(place.path("d.csv"), table(",")).unwrap();
    place.fedlayer("run scenario.toml --out plain").ok();
    assert!(!place.path("plain/data.json").exists());
}
