//! A scenario means the same from any folder: its files are searched beside it first, and a run
//! recognises them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
};

use serde_json::Value;

use crate::support::{DIGITS, Place, assert_same_bytes};

/// A set of two classes and 40 examples; another `step` makes another set.
fn flowers(step: usize) -> String {
    let line = |index: usize| {
        let (class, size) = (index % 2, (index * step % 40) as f64 / 40.0);
        let name = if class == 0 { "lily" } else { "rose" };
        format!("{},{},{name}\n", class as f64 + size, size)
    };
    "height,width,kind\n".to_owned() + &(0..40).map(line).collect::<String>()
}

/// Makes a scenario in the folder `study`, with its file beside it.
fn study() -> Place {
    let place = Place::with("");
    let scenario = DIGITS
        .replace(
            "set = \"digits\"",
            "set = { files = { train = \"flowers.csv\", label = \"kind\" } }",
        )
        .replace("count = 6\nper_round = 5", "count = 2");
    fs::create_dir_all(place.path("study")).unwrap();
    fs::create_dir_all(place.path("elsewhere")).unwrap();
    fs::write(place.path("study/one.toml"), scenario).unwrap();
    fs::write(place.path("study/flowers.csv"), flowers(1)).unwrap();
    place
}

/// Runs the program in a folder of the scratch folder.
fn within(place: &Place, folder: &str, arguments: &str) -> Output {
    place.command(arguments).current_dir(place.path(folder)).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[track_caller]
fn good(output: &Output) -> String {
    assert!(output.status.success(), "{}", stderr(output));
    stderr(output)
}

fn scenarios(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            scenarios(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "toml") {
            found.push(path);
        }
    }
}

#[test]
#[allow(clippy::print_stderr, reason = "scenarios whose data set is absent are named")]
fn every_scenario_of_the_repository_is_checked_from_any_folder() {
    let place = Place::with("");
    let mut all = Vec::new();
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios"));
    scenarios(folder, &mut all);
    assert!(all.len() > 20, "{all:?}");
    let mut checked = Vec::new();
    for scenario in all {
        let done = place.fedlayer(&format!("check {}", scenario.display()));
        let name = scenario.file_name().unwrap().to_str().unwrap().to_owned();
        match done.code {
            Some(0) => checked.push(name),
            // The set must be fetched; a file of the scenario's own is beside it.
            Some(4) if done.stderr.contains("fedlayer data fetch") => {
                eprintln!("{name}: its data set is not on this machine");
            }
            _ => panic!("{name}: {:?}\n{}", done.code, done.stderr),
        }
    }
    for name in ["fig4.toml", "digits.toml", "toy.toml"] {
        assert!(checked.iter().any(|checked| checked == name), "{name}");
    }
}

#[test]
fn files_beside_the_scenario_are_found_from_any_folder() {
    let place = study();
    good(&within(&place, "study", "run one.toml --out ../here"));
    good(&within(&place, "elsewhere", "run ../study/one.toml --out ../there"));
    good(&within(&place, "", "check study/one.toml"));
    assert_same_bytes(&place.records("here"), &place.records("there"));
    // In a data folder, and in the current folder: as before.
    fs::create_dir(place.path("sets")).unwrap();
    fs::rename(place.path("study/flowers.csv"), place.path("sets/flowers.csv")).unwrap();
    good(&within(&place, "", "check study/one.toml --data sets"));
    good(&within(&place, "sets", "check ../study/one.toml"));
    let nowhere = within(&place, "elsewhere", "check ../study/one.toml --data ../study");
    assert_eq!(nowhere.status.code(), Some(4));
    let words = stderr(&nowhere);
    assert!(words.contains("not found in `../study`, "), "{words}");
    assert!(words.contains("one.toml:5:7"), "{words}");
}

#[test]
fn values_and_modules_beside_the_scenario_are_found_from_any_folder() {
    let place = study();
    let scenario = fs::read_to_string(place.path("study/one.toml")).unwrap();
    good(&within(&place, "", "run study/one.toml --out first"));
    let end = place.path("first/all/seed-1/checkpoints/round-0000006.safetensors");
    fs::copy(&end, place.path("study/start.safetensors")).unwrap();
    fs::copy(&end, place.path("study/other.safetensors")).unwrap();
    let next = scenario.replace("rounds = 6", "rounds = 1\ninitial = \"start.safetensors\"");
    let next = next
        + "[[strategy]]\nname = \"none\"\naverage = \"none\"\n[[analysis]]\nmeasure = { barriers = {} }\nmodels = { files = [\"start.safetensors\", \"other.safetensors\"] }\n";
    fs::write(place.path("study/next.toml"), next).unwrap();
    good(&within(&place, "elsewhere", "run ../study/next.toml --out ../second"));
    let noted: Value =
        serde_json::from_slice(&fs::read(place.path("second/inputs.json")).unwrap()).unwrap();
    let files = noted["files"].as_array().unwrap();
    let names: Vec<_> = files.iter().map(|file| file["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["flowers.csv", "other.safetensors", "start.safetensors"]);
    for file in files {
        let path = Path::new(file["path"].as_str().unwrap());
        let bytes = fs::read(path).unwrap();
        assert!(path.is_absolute());
        assert_eq!(file["bytes"], bytes.len());
        assert_eq!(file["blake3"], blake3::hash(&bytes).to_hex().as_str());
    }
    fs::remove_file(place.path("study/start.safetensors")).unwrap();
    let absent = within(&place, "elsewhere", "check ../study/next.toml");
    assert_eq!(absent.status.code(), Some(4));
    let words = stderr(&absent);
    assert!(words.contains("`start.safetensors`: not found in"), "{words}");
    let net = scenario.replace("mlp = [16]", "torchscript = \"net.pt\"");
    fs::write(place.path("study/net.toml"), net).unwrap();
    let absent = within(&place, "elsewhere", "check ../study/net.toml");
    assert_eq!(absent.status.code(), Some(4), "{}", stderr(&absent));
    assert!(stderr(&absent).contains("`net.pt`: not found in `../study`"), "{}", stderr(&absent));
}

#[test]
fn the_checkpoint_of_an_address_is_found_from_any_folder_and_a_change_of_it_is_named() {
    let place = study();
    let scenario = fs::read_to_string(place.path("study/one.toml")).unwrap();
    let partly = scenario.replace("average = \"all\"", "average = { except = [\"out\"] }");
    fs::write(place.path("study/partly.toml"), partly).unwrap();
    good(&within(&place, "study", "run partly.toml --out first"));
    let next = scenario.replace("rounds = 6", "rounds = 1\ninitial = \"first:all:1:last:0\"");
    fs::write(place.path("study/next.toml"), next).unwrap();
    good(&within(&place, "elsewhere", "run ../study/next.toml --out ../second"));
    good(&within(&place, "", "resume second"));
    let checkpoint = "first/all/seed-1/checkpoints/round-0000006.safetensors";
    let noted = fs::read_to_string(place.path("second/inputs.json")).unwrap();
    assert!(noted.contains(checkpoint), "{noted}");
    fs::write(place.path("study").join(checkpoint), "another").unwrap();
    let changed = within(&place, "", "resume second");
    assert_eq!(changed.status.code(), Some(4));
    assert!(stderr(&changed).contains(checkpoint), "{}", stderr(&changed));
}

#[test]
fn of_two_files_of_one_name_the_scenarios_is_taken_and_the_other_named() {
    let place = study();
    let quiet = good(&within(&place, "elsewhere", "run ../study/one.toml --out ../alone"));
    assert!(!quiet.contains("warning"), "{quiet}");
    for folder in ["elsewhere", "sets"] {
        fs::create_dir_all(place.path(folder)).unwrap();
        fs::write(place.path(folder).join("flowers.csv"), flowers(3)).unwrap();
        let command = "../study/one.toml --data ../sets --quiet";
        if folder == "sets" {
            good(&within(&place, "elsewhere", &format!("run {command} --out ../both")));
        }
    }
    assert_same_bytes(&place.records("alone"), &place.records("both"));
    let words = good(&within(&place, "elsewhere", "check ../study/one.toml"));
    assert!(
        words.contains("`flowers.csv` is taken from `../study/flowers.csv`; `flowers.csv` has other contents and is not used"),
        "{words}"
    );
}

#[test]
fn a_run_is_resumed_from_any_folder_and_a_file_that_changed_is_named() {
    let place = study();
    good(&within(&place, "study", "run one.toml --out ../run --set rounds=2"));
    good(&within(&place, "elsewhere", "resume ../run"));
    let before = place.records("run");
    let note = fs::read(place.path("run/run.json")).unwrap();
    let bytes = flowers(1).len();
    let untouched = |words: &str, arguments: &str| {
        let done = within(&place, "elsewhere", arguments);
        assert_eq!(done.status.code(), Some(4), "{}", stderr(&done));
        let said = stderr(&done);
        let csv = place.path("study/flowers.csv").display().to_string();
        for part in [words, "`flowers.csv`: ", &csv, &format!("then {bytes} bytes, blake3 ")] {
            assert!(said.contains(part), "`{part}` is not in: {said}");
        }
        assert_eq!(place.records("run"), before);
        assert_eq!(fs::read(place.path("run/run.json")).unwrap(), note);
    };
    let all =
        ["resume ../run", "coordinator ../run --listen 127.0.0.1:0", "analyze barriers ../run"];
    let other = flowers(3);
    fs::write(place.path("study/flowers.csv"), &other).unwrap();
    for arguments in all {
        untouched(&format!("now {} bytes, blake3 ", other.len()), arguments);
    }
    fs::remove_file(place.path("study/flowers.csv")).unwrap();
    for arguments in all {
        untouched("now not there, nor in", arguments);
    }
    // The moved file has the same content.
    fs::create_dir(place.path("moved")).unwrap();
    fs::write(place.path("moved/flowers.csv"), flowers(1)).unwrap();
    good(&within(&place, "elsewhere", "resume ../run --data ../moved"));
    good(&within(&place, "", "resume run"));
}

#[test]
fn files_of_the_command_line_are_seen_from_the_current_folder() {
    let place = study();
    good(&within(&place, "study", "run one.toml --out ../run"));
    let end = place.path("run/all/seed-1/checkpoints/round-0000006.safetensors");
    for name in ["a.safetensors", "b.safetensors"] {
        fs::copy(&end, place.path("elsewhere").join(name)).unwrap();
        // Beside the scenario there is another file of the same name.
        fs::write(place.path("study").join(name), "no tensors").unwrap();
    }
    let analyze = "analyze barriers a.safetensors b.safetensors --scenario ../study/one.toml";
    good(&within(&place, "elsewhere", analyze));
}

#[test]
fn a_data_folder_that_is_not_there_is_said() {
    let place = study();
    fs::create_dir(place.path("sets")).unwrap();
    for (arguments, words) in [
        ("check study/one.toml --data set", "`set` that `--data` names is not there"),
        ("run study/one.toml --data study/one.toml", "that `--data` names is no folder"),
        ("coordinator study/one.toml --data set", "is not there"),
        ("worker --data set", "is not there"),
        ("data list --data set", "is not there"),
        ("analyze barriers a b --scenario study/one.toml --data set", "is not there"),
    ] {
        let done = place.fedlayer(arguments);
        assert_eq!(done.code, Some(4), "{arguments}: {}", done.stderr);
        assert!(done.stderr.contains(words), "{}", done.stderr);
    }
    let check = |folder: &str, arguments: &str| {
        place.command(arguments).env("FEDLAYER_DATA", folder).output().unwrap()
    };
    let absent = check("set", "check study/one.toml");
    assert_eq!(absent.status.code(), Some(4));
    assert!(stderr(&absent).contains("that `FEDLAYER_DATA` names is not there"));
    good(&check("sets", "check study/one.toml"));
    // The list marks folders that are missing.
    good(&check("set", "data list"));
}
