//! Wrong command lines: the message says what is wrong and what is allowed, and no file is left
//! behind.

use std::{ffi::OsStr, fs, os::unix::ffi::OsStrExt};

use crate::support::{DIGITS, Done, Place};

/// Commands, their exit codes, and words of their messages.
const SAID: &[(&str, i32, &[&str])] = &[
    // Numbers that are none, or are written in another form than the program's.
    ("check scenario.toml --rounds -1", 2, &["'--rounds <NUMBER>': a whole number from 0 to"]),
    ("check scenario.toml --rounds 1.5", 2, &["a whole number from 0 to"]),
    ("check scenario.toml --rounds +2", 2, &["a whole number from 0 to"]),
    ("check scenario.toml --rounds 02", 2, &["a whole number from 0 to"]),
    ("check scenario.toml --rounds 0", 3, &["`rounds` must be between 1 and 1_000_000"]),
    ("check scenario.toml --seeds -1", 2, &["found `-1`; seeds are written `1`, `1,2,5` or `1-5`"]),
    ("check scenario.toml --seeds +1", 2, &["found `+1`; seeds are written"]),
    ("check scenario.toml --seeds 01", 2, &["found `01`; seeds are written"]),
    ("check scenario.toml --seeds 3-1", 2, &["the smaller first"]),
    ("run scenario.toml --workers 0", 2, &["a whole number from 1 to 65535 is allowed"]),
    ("run scenario.toml --workers -4", 2, &["a whole number from 1 to 65535 is allowed"]),
    ("run scenario.toml --workers x", 2, &["a whole number from 1 to 65535 is allowed"]),
    ("worker --slots -1", 2, &["a whole number from 1 to 1024 is allowed"]),
    ("coordinator scenario.toml --min-workers -1", 2, &["a whole number from 1 to"]),
    ("coordinator scenario.toml --deadline -1", 2, &["a number of seconds from 0.01 to 1e9"]),
    ("analyze barriers run --clients 3-1", 2, &["first client of a range must not be above"]),
    ("analyze barriers run --clients +0-1", 2, &["clients are written `0,2,5` or `0-3`"]),
    ("analyze barriers run --clients -1", 2, &["clients are written `0,2,5` or `0-3`"]),
    ("analyze barriers run --seed x", 2, &["a whole number from 0 to"]),
    ("analyze barriers run --rounds 1,", 2, &["rounds are `last`, `all`, or numbers with commas"]),
    ("analyze barriers run --rounds 0003", 2, &["rounds are `last`, `all`, or numbers"]),
    ("analyze barriers run --set draws", 2, &["found `draws`; a setting is written `key=value`"]),
    // A folder instead of a file, and the reverse.
    ("check folder", 6, &["could not read `folder`: it is a folder\nhint: name a file"]),
    ("worker --token-file folder", 12, &["could not read `folder`: it is a folder"]),
    ("resume file", 8, &["`file` is not a run folder: it is a file"]),
    ("compare file", 8, &["`file` is not a run folder: it is a file"]),
    ("resume nowhere", 8, &["`nowhere` is not a run folder: it does not exist"]),
    ("compare nowhere", 8, &["it does not exist"]),
    ("analyze barriers nowhere", 8, &["it does not exist"]),
    ("coordinator folder", 8, &["`folder` is not a run folder: it lacks `scenario.toml`"]),
    ("health --certs file", 12, &["could not read `file/ca.pem`: `file` is a file"]),
    // A file with the name of a needed folder.
    (
        "run scenario.toml --out file",
        7,
        &["`file` exists already", "another folder with `--out`\n"],
    ),
    (
        "run scenario.toml --out file/x",
        6,
        &[
            "could not make the folder `file/x`: `file` is a file\nhint: choose another path, or move",
        ],
    ),
    ("run scenario.toml --out file/x/y", 6, &["folder `file/x/y`: `file` is a file"]),
    ("certs file/x", 6, &["could not make the folder `file`: `file` is a file"]),
    ("data fetch mnist --from . --to file/x", 6, &["`file` is a file"]),
    // A name that means a stream in other programs.
    ("check -", 6, &["`-`: a scenario is read from a file, not from stdin"]),
    ("run scenario.toml --out -", 2, &["a folder is needed, and none is written to stdout"]),
    ("certs -", 2, &["a folder of that name is `./-`"]),
];

/// Makes a scratch folder with a scenario, a file and a folder.
fn place() -> Place {
    let place = Place::with(DIGITS);
    fs::write(place.path("file"), "").unwrap();
    fs::create_dir(place.path("folder")).unwrap();
    place
}

fn names(place: &Place) -> Vec<String> {
    let entries = fs::read_dir(place.path("")).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn what_a_stranger_types_is_answered_in_words() {
    let place = place();
    let before = names(&place);
    for (command, code, words) in SAID {
        let done = place.fedlayer(command);
        assert_eq!(done.code, Some(*code), "{command}: {}", done.stderr);
        assert_eq!(done.stdout, "", "{command}");
        for words in *words {
            assert!(done.stderr.contains(words), "{command}: no `{words}` in {}", done.stderr);
        }
        assert_eq!(names(&place), before, "{command}");
    }
}

#[test]
fn an_empty_argument_is_no_path_and_no_list() {
    let place = place();
    for (arguments, words) in [
        (["check", ""], "a value is required for '<SCENARIO>'"),
        (["resume", ""], "a value is required for '<RUN>'"),
        (["compare", ""], "a value is required for '<RUN>...'"),
        (["certs", ""], "a value is required for '<FOLDER>'"),
        (["check scenario.toml --seeds", ""], "seeds are written `1`, `1,2,5` or `1-5`"),
        (["check scenario.toml --rounds", ""], "a whole number from 0 to"),
        (["check scenario.toml --set", ""], "found ``; a setting is written `key=value`"),
        (["run scenario.toml --out", ""], "a value is required for '--out"),
        (["analyze barriers run --set", ""], "found ``; a setting is written `key=value`"),
        (["analyze barriers run --clients", ""], "clients are written `0,2,5` or `0-3`"),
        (["analyze barriers run --rounds", ""], "rounds are `last`, `all`, or numbers"),
        (["certs certs --name", ""], "a value is required for '--name"),
        (["data fetch mnist --from", ""], "an address or a folder is needed"),
    ] {
        let [start, last] = arguments;
        let done = Done::of(place.command(start).arg(last));
        assert_eq!(done.code, Some(2), "{start}: {}", done.stderr);
        assert!(done.stderr.contains(words), "{start}: no `{words}` in {}", done.stderr);
    }
}

/// A run folder instead of a scenario: the message names both things that may be meant.
#[test]
fn a_run_folder_is_no_scenario_and_says_what_it_is_good_for() {
    let place = place();
    place.fedlayer("run scenario.toml -q --out done --rounds 1").ok();
    let done = place.fedlayer("run done");
    assert_eq!(done.code, Some(6), "{}", done.stderr);
    for words in [
        "`done` is a run folder, not a scenario file",
        "`fedlayer resume done`",
        "`done/scenario.toml`",
    ] {
        assert!(done.stderr.contains(words), "{}", done.stderr);
    }
}

#[test]
fn a_path_that_is_too_long_is_said_to_be() {
    let place = place();
    for length in [300, 5000] {
        let long = "a".repeat(length);
        for command in ["check", "run scenario.toml --out"] {
            let done = Done::of(place.command(command).arg(&long));
            assert_eq!(done.code, Some(6), "{command}: {}", done.stderr);
            assert!(done.stderr.contains("hint: choose a shorter name"), "{}", done.stderr);
        }
    }
}

/// The notes of a run are JSON, which cannot hold such text. It was reported as a bug of the
/// program.
#[test]
fn a_path_that_is_no_utf_8_is_said_to_be_and_leaves_nothing() {
    let place = place();
    let odd = OsStr::from_bytes(b"odd\xff.toml");
    fs::write(place.path("").join(odd), DIGITS).unwrap();
    assert_eq!(Done::of(place.command("check").arg(odd)).code, Some(0));
    let before = names(&place);
    let data = OsStr::from_bytes(b"odd\xff");
    fs::create_dir(place.path("").join(data)).unwrap();
    let run = Done::of(place.command("run -q --out run").arg(odd));
    let with_data = Done::of(place.command("run scenario.toml -q --out run --data").arg(data));
    for done in [run, with_data] {
        assert_eq!(done.code, Some(6), "{}", done.stderr);
        assert!(done.stderr.contains("it is no UTF-8\nhint: "), "{}", done.stderr);
    }
    fs::remove_dir(place.path("").join(data)).unwrap();
    assert_eq!(names(&place), before);
}
