//! Random changes of every file of a run folder: `verify` names the file, whatever the change.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use clap::Parser;
use fedlayer_core::{model::Layout, text::slug};
use tempfile::TempDir;

use super::hammer;
use crate::{
    args::Cli,
    commands::perform,
    screen::Screen,
    values::ValuesSource,
    verify::{self, Depth},
};

/// A run of the smallest network, with every kind of file.
const SCENARIO: &str = r#"seeds = [1]
rounds = 4
data = { set = "digits", train = 60, partition = "iid" }
clients = { count = 2 }
model = { mlp = [2] }
local = { epochs = 1, batch = 16, optimizer = { sgd = { lr = 0.1, momentum = 0.9 } } }
barriers = { every = 2, sets = ["full"] }
checkpoints = { every = 2 }
[[strategy]]
name = "head"
average = { last = 1 }
[sweep]
grid = { "local.batch" = [16, 8] }
[[analysis]]
measure = { barriers = { sets = ["full"] } }
"#;

/// Returns the run's folder, which is removed when the test ends.
fn finished() -> TempDir {
    let place = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name).display().to_string();
    fs::write(path("scenario.toml"), SCENARIO).unwrap();
    let (scenario, run) = (path("scenario.toml"), path("run"));
    let cli = Cli::try_parse_from(["fedlayer", "run", &scenario, "--out", &run]).unwrap();
    perform(&cli.command, &Screen::silent()).unwrap();
    place
}

/// Returns every file of a folder, by its path there.
fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => {
                    let name = path.strip_prefix(root).unwrap().display().to_string();
                    found.insert(name, fs::read(&path).unwrap());
                }
            }
        }
    }
    found
}

#[test]
fn verify_names_a_file_of_a_finished_run_whatever_was_changed_in_it() {
    let place = finished();
    let run = place.path().join("run");
    let good: Vec<_> = files(&run).into_iter().collect();
    let whole: BTreeMap<_, _> = good.iter().cloned().collect();
    hammer(&good, |name, bytes| {
        if whole[name] == bytes {
            return;
        }
        fs::write(run.join(name), bytes).unwrap();
        let found = verify::check(&run, Depth::Everything, |_, _| ()).unwrap();
        let is_named = found.faults.iter().any(|fault| fault.path == run.join(name));
        // A comment or an analysis of a scenario may be changed; then a note says it.
        let is_said = name == "scenario.toml" && found.changed_text.is_some();
        let faults: Vec<_> = found.faults.iter().map(ToString::to_string).collect();
        assert!(is_named || is_said, "`{name}`: {faults:?}");
        fs::write(run.join(name), &whole[name]).unwrap();
    });
}

#[test]
fn a_hostile_file_of_values_is_refused_or_read_whole() {
    let place = finished();
    let run = place.path().join("run");
    let is_checkpoint = |(name, _): &(String, Vec<u8>)| name.ends_with(".safetensors");
    let good: Vec<_> = files(&run).into_iter().filter(is_checkpoint).collect();
    assert!(!good.is_empty() && good[0].0.contains(&slug("head")));
    let tensors = [
        ("fc1.weight", vec![2, 64]),
        ("fc1.bias", vec![2]),
        ("fc2.weight", vec![10, 2]),
        ("fc2.bias", vec![10]),
    ];
    let layout = Arc::new(Layout::new(tensors).unwrap());
    let file = place.path().join("model.safetensors");
    hammer(&good, |_, bytes| {
        fs::write(&file, bytes).unwrap();
        if let Ok(values) = ValuesSource::File(file.clone()).read(&layout) {
            assert_eq!(values.params.values().len(), layout.value_count());
            assert!(values.params.values().iter().all(|value| value.is_finite()));
        }
    });
}
