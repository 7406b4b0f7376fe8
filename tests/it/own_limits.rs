//! Users' own files that cannot be trained on: too large for the memory, not plain files, of one
//! class, or without some classes.

use std::{
    fs,
    io::Write,
    process::{Command, Stdio},
};

use flate2::{Compression, write::GzEncoder};

use crate::support::{Done, Place};

/// A scenario of one round on `train.csv`, with `keys` in its table `files`.
fn place(keys: &str) -> Place {
    Place::with(&format!(
        r#"# A question?   fedlayer run scenario.toml
rounds = 1
[data]
set = {{ files = {{ train = "train.csv"{keys} }} }}
[clients]
count = 2
[model]
mlp = [4]
[local]
epochs = 1
batch = 10
optimizer = {{ sgd = {{ lr = 0.1 }} }}
[[strategy]]
name = "all"
average = "all"
"#
    ))
}

fn table(rows: impl Iterator<Item = (usize, &'static str)>) -> String {
    "x,label\n".to_owned() + &rows.map(|(x, label)| format!("{x},{label}\n")).collect::<String>()
}

/// Asserts that `check` and `run` end with the same words and code, and that `run` leaves no
/// folder.
#[track_caller]
fn refused(place: &Place, code: i32) -> String {
    let check = place.fedlayer("check scenario.toml");
    let run = place.fedlayer("run scenario.toml --out run");
    assert_eq!((check.code, &check.stderr), (run.code, &run.stderr));
    assert_eq!(check.code, Some(code), "{}", check.stderr);
    assert!(!place.path("run").exists(), "a refused run left a folder");
    check.stderr
}

/// A table of 400 MB, compressed to half a megabyte: one piece, repeated.
fn bomb() -> Vec<u8> {
    let mut piece = GzEncoder::new(Vec::new(), Compression::best());
    piece.write_all("0,1\n1,0\n".repeat(1 << 19).as_bytes()).unwrap();
    let mut head = GzEncoder::new(Vec::new(), Compression::best());
    head.write_all(b"x,label\n").unwrap();
    [head.finish().unwrap(), piece.finish().unwrap().repeat(100)].concat()
}

#[test]
fn a_small_file_that_unpacks_to_more_than_the_memory_aborted_the_program() {
    let place = place("");
    let bytes = bomb();
    assert!(bytes.len() < 3_000_000, "{}", bytes.len());
    fs::write(place.path("train.csv.gz"), bytes).unwrap();
    let plain = place.command("check scenario.toml");
    let mut limited = Command::new("sh");
    limited
        .args(["-c", "ulimit -v 1000000; exec \"$0\" check scenario.toml"])
        .arg(plain.get_program())
        .current_dir(place.path("."))
        .env("XDG_DATA_HOME", place.path("home"))
        .env_remove("FEDLAYER_DATA")
        .env("NO_COLOR", "1")
        .stdin(Stdio::null());
    let done = Done::of(&mut limited);
    assert_eq!(done.code, Some(4), "{}", done.stderr);
    assert!(done.stderr.contains("train.csv.gz"), "{}", done.stderr);
    assert!(done.stderr.contains("half of the memory that is free"), "{}", done.stderr);
}

#[test]
fn a_pipe_in_place_of_a_file_was_waited_for() {
    let place = place("");
    let made = Command::new("mkfifo").arg(place.path("train.csv")).status().unwrap();
    assert!(made.success());
    let said = refused(&place, 4);
    assert!(said.contains("it is a pipe or a device, not a plain file"), "{said}");
}

#[test]
fn one_class_was_trained_without_a_word() {
    let place = place("");
    fs::write(place.path("train.csv"), table((0..20).map(|x| (x, "lily")))).unwrap();
    let warning = "all training examples are of one class, `lily`: there is nothing to learn";
    let check = place.fedlayer("check scenario.toml").ok();
    assert!(check.stdout.contains(warning), "{}", check.stdout);
    let run = place.fedlayer("run scenario.toml --out one").ok();
    assert!(run.stderr.contains(warning), "{}", run.stderr);
    // Taking the first examples of a sorted file is a mistake.
    let sorted = table((0..20).map(|x| (x, if x < 10 { "lily" } else { "rose" })));
    fs::write(place.path("train.csv"), sorted).unwrap();
    let scenario = fs::read_to_string(place.path("scenario.toml")).unwrap();
    let first = scenario.replace("[data]", "[data]\ntrain = 10");
    fs::write(place.path("scenario.toml"), first).unwrap();
    let said = refused(&place, 3);
    assert!(said.contains("are of one class, `lily`"), "{said}");
}

#[test]
fn classes_that_only_the_test_file_has_are_named() {
    let place = place(", test = \"test.csv\"");
    let (train, test) = (place.path("train.csv"), place.path("test.csv"));
    let rows = |labels: [&'static str; 3]| table((0..30).map(move |x| (x, labels[x / 10])));
    fs::write(train, rows(["lily", "rose", "tulip"])).unwrap();
    fs::write(test, rows(["lily", "tulip", "tulip"])).unwrap();
    let first = "--set data.train=20";
    let check = place.fedlayer(&format!("check scenario.toml {first}")).ok();
    let warning = "20 of 30 test examples are of the class `tulip` without any training example";
    assert!(check.stdout.contains(warning), "{}", check.stdout);
    let run = place.fedlayer(&format!("run scenario.toml --out run {first}")).ok();
    assert!(run.stderr.contains(warning), "{}", run.stderr);
    let all = place.fedlayer("check scenario.toml").ok();
    assert!(!all.stdout.contains("test examples are of"), "{}", all.stdout);
}
