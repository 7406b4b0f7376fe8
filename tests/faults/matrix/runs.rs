//! The runs that are damaged: one that is finished, one whose disk was full in the middle, and another one.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::support::{Done, Place};

/// A sweep of two plans that takes a fifth of a second, with every kind of file that a run leaves.
const SCENARIO: &str = r#"# What does a damage do?   fedlayer run scenario.toml
seeds = [1]
rounds = 8
[data]
set = "digits"
train = 120
partition = "iid"
[clients]
count = 3
[model]
mlp = [4]
[local]
epochs = 1
batch = 16
optimizer = { sgd = { lr = 0.1 } }
[barriers]
every = 2
[checkpoints]
every = 2
[[strategy]]
name = "head"
average = { last = 1 }
[sweep]
grid = { "local.optimizer.sgd.lr" = [0.1, 0.05] }
[[analysis]]
name = "full"
measure = { barriers = { sets = ["full"] } }
"#;

/// The run's disk is full once a file has so many KiB: in the barriers of round 6 of 8, after the checkpoint of round 4.
const FULL_AT_KIB: u32 = 160;

/// How far a run came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Finished,
    Interrupted,
}

/// Run folders that stay as they are; damages are done to copies of them.
#[derive(Debug)]
pub(super) struct Runs {
    place: Place,
}

impl Runs {
    pub(super) fn make() -> Self {
        let place = Place::with(SCENARIO);
        place.fedlayer("run scenario.toml --out finished").ok();
        let script = format!("trap '' XFSZ; ulimit -f {FULL_AT_KIB}; exec \"$0\" \"$@\"");
        let run = place.command("run scenario.toml --out interrupted");
        let mut limited = Command::new("bash");
        limited.args(["-c", &script]).arg(run.get_program()).args(run.get_args());
        limited.current_dir(place.path("")).env("NO_COLOR", "1").stdin(Stdio::null());
        let ended = Done::of(&mut limited);
        assert_eq!(ended.code, Some(6), "{}", ended.stderr);
        fs::write(place.path("other.toml"), SCENARIO.replace("batch = 16", "batch = 8")).unwrap();
        place.fedlayer("run other.toml --out other").ok();
        Self { place }
    }

    /// The undamaged run folder.
    pub(super) fn of(&self, state: State) -> PathBuf {
        self.place.path(match state {
            State::Finished => "finished",
            State::Interrupted => "interrupted",
        })
    }

    /// A finished run of another scenario.
    pub(super) fn other(&self) -> PathBuf {
        self.place.path("other")
    }
}

/// A copy of a run folder, called `run`, in a folder of its own.
pub(super) fn copy_of(run: &Path) -> Place {
    let place = Place::with("");
    copy(run, &place.path("run"));
    place
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}
