//! The run folders: a finished run, a run that ended because its disk was full, and another run.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::support::{Done, Place, copy_folder};

/// A sweep of two plans that takes a fifth of a second and writes every kind of file.
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

/// The file length that simulates a full disk. A run reaches it in round 6 of 8, after the
/// checkpoint of round 4.
const FULL_AT_KIB: u32 = 160;

/// The state of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RunState {
    Finished,
    Interrupted,
}

/// The undamaged run folders. Damages are done to copies.
#[derive(Debug)]
pub(super) struct RunFolders {
    place: Place,
}

impl RunFolders {
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

    /// Returns the undamaged run folder in a state.
    pub(super) fn of(&self, state: RunState) -> PathBuf {
        self.place.path(match state {
            RunState::Finished => "finished",
            RunState::Interrupted => "interrupted",
        })
    }

    /// Returns a finished run of another scenario.
    pub(super) fn other(&self) -> PathBuf {
        self.place.path("other")
    }
}

/// Copies a run folder to `run` in a new folder.
pub(super) fn copy_of(run: &Path) -> Place {
    let place = Place::with("");
    copy_folder(run, &place.path("run"));
    place
}
