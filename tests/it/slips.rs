//! Slips of a user that changed a result, or a file's name, without a word.

use std::fs;

use crate::support::{DIGITS, Place};

/// A scenario of one file of the user's own; `keys` are lines of `[data]`.
fn scenario(keys: &str) -> String {
    format!(
        "rounds = 1\n[data]\nset = {{ files = {{ train = \"own.csv\", label = \"kind\" }} }}\n{keys}\n\
         [clients]\ncount = 2\n[model]\nmlp = [4]\n\
         [local]\nepochs = 1\nbatch = 8\noptimizer = {{ sgd = {{ lr = 0.1 }} }}\n\
         [[strategy]]\nname = \"all\"\naverage = \"all\"\n"
    )
}

/// 40 rows of a usual column, of the column `flat`, and of the labels that are given in turn.
fn place(keys: &str, labels: &[&str]) -> Place {
    let line = |row: usize| {
        let flat = format!("1.{:09}", row);
        format!("0.{},{flat},{}\n", row * 7 % 40, labels[row % labels.len()])
    };
    let place = Place::with(&scenario(keys));
    let table = "size,flat,kind\n".to_owned() + &(0..40).map(line).collect::<String>();
    fs::write(place.path("own.csv"), table).unwrap();
    place
}

#[test]
fn a_column_that_32_bits_make_constant_is_warned_of_with_what_keeps_its_digits() {
    let words = "warning: the column `flat` of `own.csv` has numbers from 1 to 1.000000039, which 32-bit floats do not tell apart; `data.normalize = \"set\"` takes their mean away in 64 bits first";
    let raw = place("", &["a", "b"]);
    let check = raw.fedlayer("check scenario.toml").ok().stdout;
    assert!(check.contains(words) && !check.contains("`size`"), "{check}");
    let run = raw.fedlayer("run scenario.toml --out run").ok().stderr;
    assert!(run.contains(words), "{run}");
    for keys in ["normalize = \"set\"", "normalize = { mean = [0, 1], std = [1, 1e-8] }"] {
        let check = place(keys, &["a", "b"]).fedlayer("check scenario.toml").ok().stdout;
        assert!(!check.contains("do not tell apart"), "{check}");
    }
}

#[test]
fn labels_that_differ_in_case_or_blanks_alone_are_warned_of_by_name() {
    let words = "warning: labels that differ in case or blanks alone are different classes: `No  way` and `no way`; `Yes` and `yes`";
    let mixed = place("", &["Yes", "yes", "No  way", "no way", "other"]);
    let check = mixed.fedlayer("check scenario.toml").ok().stdout;
    assert!(check.contains(words) && !check.contains("`other` and"), "{check}");
    let run = mixed.fedlayer("run scenario.toml --out run").ok().stderr;
    assert!(run.contains(words), "{run}");
    let good = place("", &["yes", " yes", "no"]).fedlayer("check scenario.toml").ok().stdout;
    assert!(!good.contains("labels that differ"), "{good}");
}

#[test]
fn the_name_of_an_analysis_is_no_path() {
    let place = Place::with(DIGITS);
    for (name, words) in [
        ("a/b", "a name has no `/` and no `\\`; `--out` names the folder"),
        ("a\\b", "a name has no `/` and no `\\`"),
        ("..", "a name has a letter or a digit"),
        ("", "a name has a letter or a digit"),
    ] {
        let mut command = place.command("analyze barriers run --name");
        let done = crate::support::Done::of(command.arg(name));
        assert_eq!(done.code, Some(2), "{name}: {}", done.stderr);
        assert!(done.stderr.contains(words), "{name}: {}", done.stderr);
    }
}

#[test]
fn a_source_of_a_fetch_that_is_no_folder_is_named_for_what_it_is() {
    let place = Place::with("");
    for (from, words) in [
        ("nowhere", "`nowhere`, which `--from` names, is not there"),
        ("scenario.toml", "`scenario.toml`, which `--from` names, is a file and no folder"),
        ("mirror.example/sets", "an address that begins with `http://` or `https://`"),
    ] {
        let done = place.fedlayer(&format!("data fetch tiny-shakespeare --from {from}"));
        assert_eq!(done.code, Some(10), "{from}: {}", done.stderr);
        assert!(done.stderr.contains(words), "{from}: {}", done.stderr);
    }
}

/// The file beside the scenario is gone; the folder that `--data` named has the same.
#[test]
fn a_resumed_run_looks_into_the_data_folder_that_it_was_begun_with() {
    let place = place("", &["a", "b"]);
    fs::create_dir(place.path("sets")).unwrap();
    fs::copy(place.path("own.csv"), place.path("sets/own.csv")).unwrap();
    place.fedlayer("run scenario.toml --data sets --out run").ok();
    fs::remove_file(place.path("own.csv")).unwrap();
    place.fedlayer("resume run").ok();
}
