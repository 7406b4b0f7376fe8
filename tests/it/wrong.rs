//! Every wrong input has a complete message and an exit code of its own; none causes a panic.

use std::fs;

use crate::support::{DIGITS, Done, Place, assert_same_bytes};

/// Returns the answer of the program to a command in a scratch folder, as a snapshot.
fn said(done: &Done) -> String {
    assert!(!done.stderr.contains("panicked"), "{}", done.stderr);
    assert_eq!(done.stdout, "", "a failure says nothing on stdout");
    format!("exit code {}\n{}", done.code.unwrap(), done.stderr)
}

/// A change that makes the scenario wrong: the text to replace, and its replacement.
const EDITS: [(&str, &str, &str); 34] = [
    ("typo in a key", "epochs = 1", "epoch = 1"),
    ("typo in a table", "[clients]", "[client]"),
    ("unknown key in a strategy", "average = \"all\"", "average = \"all\"\nlayers = [\"fc1\"]"),
    ("text where a number belongs", "rounds = 6", "rounds = \"six\""),
    ("number where text belongs", "name = \"all\"", "name = 7"),
    ("fraction where a whole number belongs", "batch = 16", "batch = 16.5"),
    ("unknown word", "average = \"all\"", "average = \"most\""),
    ("unknown layer", "average = \"all\"", "average = { layers = [\"fc2\"] }"),
    ("glob that matches nothing", "average = \"all\"", "average = { except = [\"conv*\"] }"),
    ("two rules at once", "{ rotate = 1 }", "{ rotate = 1, first = 1 }"),
    ("more layers than there are", "{ rotate = 1 }", "{ first = 5 }"),
    ("alpha of zero", "every = 2\n[check", "every = 2\nalpha = [0.0, 0.5]\n[check"),
    ("alpha above one", "every = 2\n[check", "every = 2\nalpha = [1.5]\n[check"),
    ("zero clients", "count = 6\nper_round = 5", "count = 0"),
    ("more clients than examples", "count = 6", "count = 2000"),
    ("more clients a round than there are", "per_round = 5", "per_round = 7"),
    ("more clients needed than drawn", "per_round = 5", "per_round = 5\nmin_clients = 6"),
    ("everybody drops out", "dropout = 0.1", "dropout = 1.0"),
    ("not a number", "lr = 0.1", "lr = nan"),
    ("infinite", "lr = 0.1", "lr = inf"),
    ("negative learning rate", "lr = 0.1", "lr = -0.1"),
    ("zero rounds", "rounds = 6", "rounds = 0"),
    ("no seeds", "seeds = [1]", "seeds = []"),
    ("a seed twice", "seeds = [1]", "seeds = [1, 2, 1]"),
    ("unknown data set", "set = \"digits\"", "set = \"digit\""),
    ("dirichlet of zero", "dirichlet = 0.3", "dirichlet = 0"),
    ("unknown partition", "{ dirichlet = 0.3 }", "{ dirichlett = 0.3 }"),
    ("a missing table", "[model]\nmlp = [16]\n", ""),
    ("no hidden layer", "mlp = [16]", "mlp = []"),
    ("more parameters than memory", "mlp = [16]", "mlp = [1000000, 1000000]"),
    ("the same name twice", "one layer, rotating", "all"),
    (
        "rounds that overlap",
        "\"all\"\n[[",
        "[{ rounds = \"1-4\", average = \"all\" }, { rounds = \"3-\", average = \"none\" }]\n[[",
    ),
    ("rounds backwards", "\"all\"\n[[", "[{ rounds = \"4-1\", average = \"all\" }]\n[["),
    ("not TOML", "rounds = 6", "rounds = = 6"),
];

#[test]
fn every_wrong_scenario_is_answered() {
    for (name, from, to) in EDITS {
        let changed = DIGITS.replacen(from, to, 1);
        assert_ne!(changed, DIGITS, "`{name}` changes nothing");
        let place = Place::with(&changed);
        let check = said(&place.fedlayer("check scenario.toml"));
        let run = said(&place.fedlayer("run scenario.toml --out run"));
        assert_eq!(check, run, "`check` and `run` say the same about `{name}`");
        assert!(!place.path("run").exists(), "`{name}` left a run folder");
        insta::assert_snapshot!(name.replace(' ', "_"), check);
    }
}

#[test]
fn everything_wrong_is_said_at_once() {
    let changed = DIGITS
        .replace("epochs = 1", "epoch = 1")
        .replace("lr = 0.1", "lr = 0")
        .replace("\"digits\"", "\"digit\"");
    let place = Place::with(&changed);
    insta::assert_snapshot!(said(&place.fedlayer("check scenario.toml")));
}

#[test]
fn settings_are_checked_as_the_file_is() {
    let place = Place::with(DIGITS);
    for (name, setting) in [
        ("unknown key", "local.epoch=3"),
        ("out of range", "clients.dropout=2"),
        ("no value", "rounds"),
    ] {
        let done = place.fedlayer(&format!("check scenario.toml --set {setting}"));
        insta::assert_snapshot!(format!("setting_{}", name.replace(' ', "_")), said(&done));
    }
}

#[test]
fn an_absent_scenario_is_named() {
    let place = Place::with(DIGITS);
    insta::assert_snapshot!(said(&place.fedlayer("run scenarios/digits.toml")));
}

#[test]
fn a_run_never_overwrites_a_folder() {
    let place = Place::with(DIGITS);
    fs::create_dir(place.path("mine")).unwrap();
    fs::write(place.path("mine/thesis.txt"), "years of work").unwrap();
    insta::assert_snapshot!(said(&place.fedlayer("run scenario.toml --out mine")));
    assert_eq!(fs::read_to_string(place.path("mine/thesis.txt")).unwrap(), "years of work");
}

#[test]
fn a_folder_that_is_no_run_is_named() {
    let place = Place::with(DIGITS);
    fs::create_dir(place.path("mine")).unwrap();
    let resume = said(&place.fedlayer("resume mine"));
    assert_eq!(resume, said(&place.fedlayer("compare mine")));
    insta::assert_snapshot!(resume);
}

#[test]
fn a_damaged_checkpoint_is_named() {
    let place = Place::with(DIGITS);
    place.fedlayer("run scenario.toml --out run --set rounds=2").ok();
    let checkpoint = place.path("run/all/seed-1/checkpoints/round-0000002.safetensors");
    let bytes = fs::read(&checkpoint).unwrap();
    fs::write(&checkpoint, &bytes[..bytes.len() / 2]).unwrap();
    insta::assert_snapshot!(said(&place.fedlayer("resume run")));
}

#[test]
fn record_lines_that_are_gone_are_missed() {
    let place = Place::with(DIGITS);
    place.fedlayer("run scenario.toml --out run --set rounds=2").ok();
    let rounds = place.path("run/all/seed-1/rounds.jsonl");
    let length = fs::metadata(&rounds).unwrap().len();
    fs::write(&rounds, "").unwrap();
    let done = place.fedlayer("resume run");
    assert_eq!(done.code, Some(6));
    let words = format!("it has 0 bytes, {length} were committed: lines 1 and 2 are missing");
    assert!(
        done.stderr.contains(&words) && done.stderr.contains("rounds.jsonl"),
        "{}",
        done.stderr
    );
}

#[test]
fn a_diverging_strategy_is_named_and_the_others_are_finished() {
    let sweep = "[sweep]\ngrid = { \"local.optimizer.sgd.lr\" = [0.1, 1e30] }\n";
    let place = Place::with(&(DIGITS.to_owned() + sweep));
    let done = place.fedlayer("run scenario.toml --out run --quiet --set rounds=2");
    assert_eq!(done.code, Some(9), "{}", done.stderr);
    assert!(done.stderr.contains("a smaller learning rate may help"), "{}", done.stderr);
    assert!(done.stderr.contains("2 of 4 runs failed; the others are finished"), "{}", done.stderr);
    assert!(done.stdout.contains("one layer, rotating"), "{}", done.stdout);
    assert!(place.path("run/summary.json").exists());
}

#[test]
fn where_every_strategy_diverges_in_its_first_round_that_is_said_and_nothing_is_left() {
    let place = Place::with(DIGITS);
    let done = place.fedlayer("run scenario.toml --set local.optimizer.sgd.lr=1e30");
    assert_eq!((done.code, done.stdout.as_str()), (Some(9), ""), "{}", done.stderr);
    for words in ["2 of 2 runs failed", "a smaller learning rate may help", "no run folder is left"]
    {
        assert!(done.stderr.contains(words), "`{words}` is not in: {}", done.stderr);
    }
    assert!(!place.path("runs").exists());
}

#[test]
fn a_device_that_is_not_there_is_said() {
    let place = Place::with(DIGITS);
    let done = place.fedlayer("run scenario.toml --device tpu");
    assert_eq!(done.code, Some(2), "{}", done.stderr);
    assert!(done.stderr.contains("`cuda:N`"), "{}", done.stderr);
}

/// The limit of file sizes of the shell acts like a full disk: writing past it fails at the same
/// point.
#[test]
fn a_full_disk_ends_the_run_with_its_words_and_resume_finishes_it() {
    let place = Place::with(DIGITS);
    place.fedlayer("run scenario.toml --out whole").ok();
    let script = format!(
        "ulimit -f 30; exec {} run scenario.toml --out full",
        env!("CARGO_BIN_EXE_fedlayer")
    );
    let mut shell = std::process::Command::new("sh");
    let output = shell.args(["-c", &script]).current_dir(place.path("")).output().unwrap();
    let words = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(6), "{words}");
    assert!(words.contains("could not write"), "{words}");
    assert!(words.contains("go on with `fedlayer resume full`"), "{words}");
    place.fedlayer("resume full").ok();
    assert_same_bytes(&place.records("whole"), &place.records("full"));
}

#[test]
fn a_scenario_that_was_changed_in_the_run_folder_is_refused() {
    let place = Place::with(DIGITS);
    place.fedlayer("run scenario.toml --out run --set rounds=2").ok();
    let scenario = place.path("run/scenario.toml");
    let changed = fs::read_to_string(&scenario).unwrap().replace("lr = 0.1", "lr = 0.2");
    fs::write(&scenario, changed).unwrap();
    insta::assert_snapshot!(said(&place.fedlayer("resume run")));
}

#[test]
fn a_device_without_a_library_leaves_no_run_folder() {
    let place = Place::with(DIGITS);
    let done = place.fedlayer("run scenario.toml --device cuda:7 --out run");
    assert_eq!(done.code, Some(5), "{}", done.stderr);
    assert!(!place.path("run").exists());
}

#[test]
fn a_run_is_not_compared_with_itself_and_like_named_runs_are_told_apart() {
    let place = Place::with(DIGITS);
    place.fedlayer("run scenario.toml --out a/run --set rounds=1").ok();
    place.fedlayer("run scenario.toml --out b/run --set rounds=1 --set seeds=[2]").ok();
    let table = place.fedlayer("compare a/run b/run").ok().stdout;
    for name in ["a/run: all", "b/run: all"] {
        assert!(table.contains(name), "{table}");
    }
    assert_eq!(place.fedlayer("compare a/run a/run").code, Some(8));
}
