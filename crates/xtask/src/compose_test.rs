//! `cargo xtask compose-test`: runs `docker-compose.yml`, undisturbed and with containers that are
//! killed, paused and disconnected. All records must have the bytes of the same run in one process.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::process::{line, run as run_process, stdout, succeeds};
use crate::workspace::{at, root, target};
use crate::{CommandResult, image};

/// The prefix of everything that this command starts, and removes at the end.
const PROJECT: &str = "fedlayer-compose-test";

/// Settings for the two runs. The second one is long enough to be disturbed.
const SETTINGS: [&str; 2] = ["--set rounds=6 --set seeds=[1]", "--set rounds=40 --set seeds=[1]"];

/// The base image of the Dockerfile.
const BASE: &str = "debian:bookworm-slim";

const WORKERS: usize = 4;

/// The longest time that a run may take.
const PATIENCE: Duration = Duration::from_secs(900);

/// Makes both runs if there is a Docker engine.
pub(crate) fn run(_arguments: &[String]) -> CommandResult {
    if !succeeds(Command::new("docker").arg("ps")) {
        println!("skipped: no Docker engine answers to `docker ps`");
        return Ok(());
    }
    base()?;
    image::run(&[])?;
    let folder = target().join("compose-test");
    if folder.exists() {
        at(&folder, fs::remove_dir_all(&folder))?;
    }
    at(&folder, fs::create_dir_all(folder.join("runs")))?;
    for name in ["docker-compose.yml", "scenarios", "Dockerfile", ".dockerignore"] {
        let (from, to) = (root().join(name), folder.join(name));
        run_process(Command::new("cp").arg("-r").args([&from, &to]))?;
    }
    at(&folder, fs::create_dir_all(folder.join("target")))?;
    run_process(
        Command::new("cp").arg("-r").arg(target().join("image")).arg(folder.join("target/image")),
    )?;
    let compose = Compose { folder, program: program()? };
    let tested = matrix(&compose);
    let removed = compose.call(&["down", "--volumes", "--remove-orphans"], "").map(drop);
    tested.and(removed)
}

fn matrix(compose: &Compose) -> CommandResult {
    compose.call(&["build"], "")?;
    let size = stdout(Command::new("docker").args([
        "image",
        "inspect",
        "--format",
        "{{.Size}}",
        PROJECT,
    ]))?;
    println!("image: {:.0} MB", size.trim().parse::<f64>().unwrap_or_default() / 1e6);
    for (name, settings) in ["calm", "troubled"].into_iter().zip(SETTINGS) {
        let began = Instant::now();
        let alone = compose.folder.join("alone").join(name);
        let mut run = Command::new(target().join("release/fedlayer"));
        run.args(["run", "scenarios/digits.toml", "--quiet", "--out"]).arg(&alone);
        run.args(settings.split_whitespace()).current_dir(&compose.folder);
        stdout(&mut run)?;
        let arguments = format!("{settings} --min-workers {WORKERS} --grace 2");
        let scale = format!("worker={WORKERS}");
        compose.call(&["up", "--detach", "--scale", &scale], &run_of(name, &arguments))?;
        let records = compose.folder.join("runs").join(name);
        if name == "troubled" {
            disturb(&records, compose)?;
        }
        compose.finished(name)?;
        same(&alone, &records)?;
        compose.call(&["down", "--volumes"], &run_of(name, &arguments))?;
        println!(
            "{name}: {WORKERS} workers in containers wrote the bytes of one process, {:.1} s",
            began.elapsed().as_secs_f64()
        );
    }
    Ok(())
}

/// Disturbs the containers of a run, with a few rounds between the disturbances.
fn disturb(records: &Path, compose: &Compose) -> CommandResult {
    let docker = |arguments: &[&str]| stdout(Command::new("docker").args(arguments)).map(drop);
    let worker = |number: usize| compose.container(&format!("worker_{number}"));
    let network = format!("{PROJECT}_runs");
    let (first, second, third) = (worker(1)?, worker(2)?, worker(3)?);
    let coordinator = compose.container("coordinator_1")?;
    let written = |lines| wait(|| rounds(records) >= lines, &format!("round {lines}"));
    written(2)?;
    println!("a worker is killed");
    docker(&["kill", &first])?;
    written(6)?;
    println!("it is started again");
    docker(&["start", &first])?;
    println!("a worker is paused past the grace, and goes on");
    docker(&["pause", &second])?;
    written(10)?;
    docker(&["unpause", &second])?;
    println!("a worker is cut off from the network, and back");
    docker(&["network", "disconnect", &network, &third])?;
    written(14)?;
    docker(&["network", "connect", &network, &third])?;
    println!("the coordinator is killed, and started again");
    docker(&["kill", &coordinator])?;
    docker(&["start", &coordinator])?;
    Ok(())
}

/// Returns the number of committed rounds of the first strategy.
fn rounds(records: &Path) -> usize {
    let file = records.join("all/seed-1/rounds.jsonl");
    fs::read_to_string(file).map_or(0, |text| text.lines().count())
}

/// Waits until a condition holds.
fn wait(mut is_so: impl FnMut() -> bool, what: &str) -> CommandResult {
    let began = Instant::now();
    while !is_so() {
        if began.elapsed() > PATIENCE {
            return Err(format!("{what} did not come within {} s", PATIENCE.as_secs()));
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
    Ok(())
}

/// Checks that two run folders have the same bytes, except for files that depend on time and
/// machine.
fn same(a: &Path, b: &Path) -> CommandResult {
    let mut diff = Command::new("diff");
    diff.args(["-r", "-x", "run.json", "-x", "inputs.json", "-x", "timings.jsonl", "-x", ".lock"]);
    diff.args([a, b]);
    run_process(&mut diff)
}

/// Returns the environment variables of a run.
fn run_of(name: &str, arguments: &str) -> String {
    format!("FEDLAYER_RUN={name}\nFEDLAYER_ARGS={arguments}\n")
}

/// Docker Compose in a temporary folder.
struct Compose {
    folder: PathBuf,
    program: Vec<&'static str>,
}

impl Compose {
    /// Runs a command of Compose with environment variables.
    fn call(&self, arguments: &[&str], variables: &str) -> CommandResult<String> {
        let (program, first) = self.program.split_at(1);
        let mut command = Command::new(program[0]);
        command.args(first).args(["-p", PROJECT]).args(arguments).current_dir(&self.folder);
        command.env("FEDLAYER_STAGE", "host").env("FEDLAYER_IMAGE", PROJECT);
        for (name, value) in variables.lines().filter_map(|line| line.split_once('=')) {
            command.env(name, value);
        }
        println!("{}", line(&command));
        stdout(&mut command)
    }

    /// Returns the name of a container. Compose 1 and 2 use different separators.
    fn container(&self, service: &str) -> CommandResult<String> {
        let names = stdout(Command::new("docker").args(["ps", "--all", "--format", "{{.Names}}"]))?;
        let wanted = format!("{PROJECT}_{service}").replace('_', "-");
        let found = names.lines().find(|name| name.replace('_', "-") == wanted);
        found.map(str::to_owned).ok_or_else(|| format!("no container `{wanted}` in:\n{names}"))
    }

    /// Waits until the coordinator has succeeded. Prints its last log lines otherwise.
    fn finished(&self, name: &str) -> CommandResult {
        let coordinator = self.container("coordinator_1")?;
        let state = || {
            let form = "{{.State.Status}} {{.State.ExitCode}}";
            stdout(Command::new("docker").args(["inspect", "--format", form, &coordinator]))
        };
        let waited = wait(|| state().is_ok_and(|state| state.trim() == "exited 0"), name);
        if waited.is_err() {
            let _shown =
                run_process(Command::new("docker").args(["logs", "--tail", "50", &coordinator]));
        }
        waited
    }
}

/// Returns the command of Compose 2, or of Compose 1.
fn program() -> CommandResult<Vec<&'static str>> {
    let candidates = [vec!["docker", "compose"], vec!["docker-compose"]];
    let there =
        |words: &Vec<&str>| succeeds(Command::new(words[0]).args(&words[1..]).arg("version"));
    candidates
        .into_iter()
        .find(there)
        .ok_or_else(|| "neither `docker compose` nor `docker-compose` is installed".to_owned())
}

/// Makes the base image from Debian's packages if it cannot be pulled.
fn base() -> CommandResult {
    let there = || succeeds(Command::new("docker").args(["image", "inspect", BASE]));
    if there() || succeeds(Command::new("docker").args(["pull", "--quiet", BASE])) {
        return Ok(());
    }
    println!("{BASE} cannot be pulled; debootstrap makes one");
    let script = format!(
        "set -e; folder=$(mktemp -d); debootstrap --variant=minbase bookworm \"$folder\" >/dev/null; tar -C \"$folder\" -c . | docker import - {BASE}; rm -rf \"$folder\""
    );
    run_process(Command::new("bash").args(["-o", "pipefail", "-c", &script]))
}
