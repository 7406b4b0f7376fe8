//! A run folder has a format number. Folders of known formats are read whatever keys scenarios have
//! got since; a folder of a later format is refused before anything else of it is read.

use std::{fs, path::Path};

use serde_json::Value;

use crate::{
    run_folders::everything,
    support::{DIGITS, Place, assert_same_bytes},
};

/// Returns a place with a finished run of two rounds, `run`.
fn finished() -> Place {
    let place = Place::with(&DIGITS.replace("rounds = 6", "rounds = 2"));
    place.fedlayer("run scenario.toml -q --out run").ok();
    place
}

fn note(place: &Place) -> Value {
    serde_json::from_str(&fs::read_to_string(place.path("run/run.json")).unwrap()).unwrap()
}

/// Writes another `run.json` with a valid checksum.
fn write_note(place: &Place, mut note: Value) {
    note.as_object_mut().unwrap().remove("checksum");
    let text = serde_json::to_string_pretty(&note).unwrap();
    let body = text.strip_suffix("\n}").unwrap();
    let checksum = blake3::hash(body.as_bytes()).to_hex();
    let sealed = format!("{body},\n  \"checksum\": \"{checksum}\"\n}}\n");
    fs::write(place.path("run/run.json"), sealed).unwrap();
}

#[test]
fn a_new_run_has_the_current_format() {
    let place = finished();
    let text = fs::read_to_string(place.path("run/run.json")).unwrap();
    assert!(text.starts_with("{\n  \"format\": 2,\n  \"fedlayer\": "), "{text}");
    place.fedlayer("resume run -q").ok();
    assert_eq!(note(&place)["format"], 2);
}

#[test]
fn a_folder_of_a_later_format_is_refused_and_left_as_it_is() {
    let place = finished();
    let mut later = note(&place);
    later["format"] = 3.into();
    later["fedlayer"] = "7.1.0".into();
    // A later version may know other states.
    later["state"] = "hibernating".into();
    write_note(&place, later);
    let before = everything(&place.path("run"));
    let expected = concat!(
        "`run` is a run folder of format 3; this program (version ",
        env!("CARGO_PKG_VERSION"),
        ") reads the formats 1 to 2\n",
        "hint: use the version of fedlayer that wrote it (7.1.0), or a later one",
    );
    for command in [
        "verify run",
        "resume run",
        "resume run --previous",
        "compare run",
        "analyze barriers run --strategy all",
        "coordinator run --listen 127.0.0.1:0 --insecure",
    ] {
        let refused = place.fedlayer(command);
        assert_eq!(refused.code, Some(8), "{command}: {}", refused.stderr);
        assert!(refused.stderr.contains(expected), "{command}: {}", refused.stderr);
        assert!(everything(&place.path("run")) == before, "{command} changed something");
    }
    let address = place.fedlayer("check scenario.toml --set initial=run:all:1:last:0");
    assert!(address.stderr.contains("is a run folder of format 3"), "{}", address.stderr);
}

/// A number that was changed by accident breaks the checksum, which is then the message.
#[test]
fn a_damaged_note_is_no_later_format() {
    let place = finished();
    let path = place.path("run/run.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("\"format\": 2", "\"format\": 9", 1)).unwrap();
    let refused = place.fedlayer("verify run");
    assert_eq!(refused.code, Some(6));
    assert!(
        refused.stdout.contains("`run/run.json` is damaged: its checksum"),
        "{}",
        refused.stdout
    );
}

/// A run of a version that did not know some keys has a scenario without them in its note.
#[test]
fn a_key_with_a_default_that_the_note_lacks_is_no_change_of_the_scenario() {
    let place = finished();
    let mut older = note(&place);
    let said = &mut older["provenance"]["scenario_says"];
    for (table, key) in
        [("/local", "precision"), ("/evaluate", "clients"), ("/strategy/1", "weights")]
    {
        let table = said.pointer_mut(table).unwrap().as_object_mut().unwrap();
        assert!(table.remove(key).is_some(), "{key}");
    }
    said["barriers"].as_object_mut().unwrap().remove("twins");
    fs::remove_file(place.path("run/inputs.json")).unwrap();
    write_note(&place, older);
    let scenario = place.path("run/scenario.toml");
    let text = fs::read_to_string(&scenario).unwrap();
    fs::write(&scenario, format!("# another comment\n{text}")).unwrap();
    let verified = place.fedlayer("verify run");
    assert!(!verified.stdout.contains("scenario.toml"), "{}", verified.stdout);
    assert!(verified.stderr.contains("its plans are the same"), "{}", verified.stderr);
    // Another value of such a key is a change, and named with its default.
    fs::write(&scenario, text.replacen("batch = 16", "batch = 16\nprecision = \"bf16\"", 1))
        .unwrap();
    let changed = place.fedlayer("verify run");
    let words = "`local.precision` was \"f32\" and is \"bf16\"";
    assert!(changed.stdout.contains(words), "{}", changed.stdout);
}

/// The same plans, with defaults written out and left out, give the same folders.
#[test]
fn a_default_that_is_written_out_changes_no_byte() {
    let place = finished();
    let full = DIGITS
        .replace("rounds = 6", "rounds = 2")
        .replace("batch = 16\n", "batch = 16\nloss = \"cross-entropy\"\nlast_batch = \"keep\"\n")
        .replace("average = \"all\"\n", "average = \"all\"\nweights = \"examples\"\n");
    fs::write(place.path("full.toml"), full).unwrap();
    place.fedlayer("run full.toml -q --out full").ok();
    let without_scenario = |run: &str| {
        let mut files = place.records(run);
        files.retain(|name, _| name != "scenario.toml" && name != "summary.json");
        files
    };
    assert_same_bytes(&without_scenario("run"), &without_scenario("full"));
}

/// The hash of a plan is the name of all its runs: no change of the program may change it. The
/// scenario is that of the stored runs. The hash is that of its canonical form written by hand,
/// made by another implementation of BLAKE3.
#[test]
fn a_plan_has_the_hash_that_it_always_had() {
    const GOLDEN: &str = "339342bdf45d7af54621cf103c18ba7a28bdf370320f803f002b21d5c350082d";
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/it/fixtures/runs");
    let place = Place::with(&fs::read_to_string(fixtures.join("finished/scenario.toml")).unwrap());
    place.fedlayer("run scenario.toml -q --rounds 4 --out run").ok();
    assert_eq!(note(&place)["provenance"]["plans"][0]["blake3"], GOLDEN);
}
