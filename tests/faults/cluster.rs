//! [`Cluster`]: a coordinator and its workers as processes, which end with their test.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, OnceLock},
    time::{Duration, Instant},
};

use crate::support::{DIGITS, Place, assert_same_bytes};

/// The longest wait of a test. Other tests and builds may share the machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(600);

/// The grace of most tests.
pub(crate) const GRACE: Duration = Duration::from_millis(1500);

/// A grace that never ends within a test, so that only a closed connection shows a loss.
pub(crate) const NO_GRACE: &str = "--grace 600";

/// The time that a round may take besides expected waits. It needs milliseconds, but other tests
/// and builds may share the machine.
pub(crate) const SLACK: Duration = Duration::from_secs(120);

/// A scenario that runs long enough to be disturbed.
pub(crate) fn long() -> String {
    DIGITS.replace("rounds = 6", "rounds = 40").replace("epochs = 1", "epochs = 3")
}

/// Waits until a condition holds.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "waited for {what} for {PATIENCE:?}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// A process that is killed at the end of its test.
pub(crate) struct Process(pub(crate) Child);

impl Process {
    pub(crate) fn signal(&self, signal: &str) {
        let id = self.0.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    pub(crate) fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Waits for the end of the process and returns its exit code.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        let mut status = None;
        until("the end of a process", || {
            status = self.0.try_wait().unwrap();
            status.is_some()
        });
        status.and_then(|status| status.code())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The process may have ended already.
        let _gone = self.0.kill();
        let _gone = self.0.wait();
    }
}

/// The phases of a round in the coordinator's log.
pub(crate) const PHASES: [&str; 5] =
    ["training round", "measuring barriers", "averaging", "evaluating", "committing"];

/// The settings of a coordinator's process.
#[derive(Debug, Clone, Default)]
pub(crate) struct CoordinatorSetting {
    /// The longest file that it may write, in KiB, to simulate a full disk. A restart removes it.
    pub(crate) kib: Option<u32>,
    /// The number of files that it may open. A restart removes the limit.
    pub(crate) open_files: Option<u32>,
    /// If true, its log names the phases of every round.
    pub(crate) phases: bool,
    /// If true, it and its workers log at trace level.
    pub(crate) traces: bool,
    /// Its clock, or `None` for the clock of the machine.
    pub(crate) clock: Option<FakeClock>,
}

/// A clock that a test sets with libfaketime.
#[derive(Debug, Clone)]
pub(crate) struct FakeClock {
    /// The path of libfaketime.
    pub(crate) library: PathBuf,
    /// The file with the offset of the clock.
    pub(crate) offset: PathBuf,
}

impl FakeClock {
    /// Gives the clock to a program. The monotonic clock stays, as when the time of a machine is
    /// set.
    fn give(&self, command: &mut Command) {
        command
            .env("LD_PRELOAD", &self.library)
            .env("FAKETIME_TIMESTAMP_FILE", &self.offset)
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("DONT_FAKE_MONOTONIC", "1");
    }
}

/// A coordinator with its run folder, and the settings of its workers.
pub(crate) struct Cluster {
    pub(crate) place: Place,
    pub(crate) coordinator: Process,
    pub(crate) port: u16,
    arguments: String,
    setting: CoordinatorSetting,
    lives: u32,
    workers: u32,
}

impl Cluster {
    /// Starts a coordinator for a scenario. Its run folder is `several`.
    pub(crate) fn start(scenario: &str, arguments: &str) -> Self {
        Self::start_in(CoordinatorSetting::default(), scenario, arguments)
    }

    /// Starts a coordinator with special settings.
    pub(crate) fn start_in(setting: CoordinatorSetting, scenario: &str, arguments: &str) -> Self {
        let place = Place::with(scenario);
        let grace = if arguments.contains("--grace") {
            String::new()
        } else {
            format!("--grace {}", GRACE.as_secs_f64())
        };
        let arguments = format!("{grace} {arguments}");
        let (coordinator, port) = Self::coordinate(&place, &arguments, 0, 1, &setting);
        Self { place, coordinator, port, arguments, setting, lives: 1, workers: 0 }
    }

    fn coordinate(
        place: &Place,
        arguments: &str,
        port: u16,
        life: u32,
        setting: &CoordinatorSetting,
    ) -> (Process, u16) {
        let log = place.path(&format!("coordinator-{life}.log"));
        let command = format!(
            "coordinator scenario.toml --listen 127.0.0.1:{port} --out several --go-on {arguments}"
        );
        let mut command = place.command(&command);
        let limits = setting.kib.map(|kib| format!("ulimit -f {kib};")).into_iter();
        let limits: String =
            limits.chain(setting.open_files.map(|count| format!("ulimit -n {count};"))).collect();
        if !limits.is_empty() {
            let script = format!("{limits} exec \"$0\" \"$@\"");
            let mut limited = Command::new("bash");
            limited.args(["-c", &script]).arg(command.get_program()).args(command.get_args());
            limited.current_dir(place.path("")).env("NO_COLOR", "1").stdin(Stdio::null());
            command = limited;
        }
        if setting.phases {
            let parts = "fedlayer_runtime::coordinator=debug,fedlayer_runtime::measure=debug";
            command.env("RUST_LOG", parts);
        }
        if setting.traces {
            command.env("RUST_LOG", "trace");
        }
        if let Some(clock) = &setting.clock {
            clock.give(&mut command);
        }
        command.stdout(fs::File::create(place.path("table")).unwrap());
        command.stderr(fs::File::create(&log).unwrap());
        let mut process = Process(command.spawn().unwrap());
        let mut found = None;
        until("the coordinator's port", || {
            let said = fs::read_to_string(&log).unwrap();
            let ended = process.0.try_wait().unwrap();
            assert!(ended.is_none(), "the coordinator ended: {ended:?}\n{said}");
            let address =
                said.split_once("listening on 127.0.0.1:").map(|(_, rest)| rest.to_owned());
            found = address.and_then(|rest| rest.split(' ').next()?.parse().ok());
            found.is_some()
        });
        (process, found.unwrap())
    }

    /// Starts a worker that connects to `port`.
    pub(crate) fn worker_at(&mut self, port: u16, arguments: &str) -> Process {
        Process(self.worker_command(port, arguments).spawn().unwrap())
    }

    /// Starts a worker with its own clock.
    pub(crate) fn worker_by(&mut self, clock: &FakeClock) -> Process {
        let mut command = self.worker_command(self.port, "--slots 2");
        clock.give(&mut command);
        Process(command.spawn().unwrap())
    }

    fn worker_command(&mut self, port: u16, arguments: &str) -> Command {
        self.workers += 1;
        let log = self.place.path(&format!("worker-{}.log", self.workers));
        let patience = if arguments.contains("--patience") { "" } else { "--patience 600" };
        let command = format!("worker --connect 127.0.0.1:{port} {patience} {arguments}");
        let mut command = self.place.command(&command);
        command.stdout(Stdio::null()).stderr(fs::File::create(log).unwrap());
        if self.setting.traces {
            command.env("RUST_LOG", "trace");
        }
        command
    }

    pub(crate) fn worker(&mut self) -> Process {
        self.worker_at(self.port, "--slots 2")
    }

    /// Restarts the coordinator on the same port and with the same run folder.
    pub(crate) fn restart(&mut self) {
        self.lives += 1;
        let setting = CoordinatorSetting { kib: None, open_files: None, ..self.setting.clone() };
        let (process, _) =
            Self::coordinate(&self.place, &self.arguments, self.port, self.lives, &setting);
        self.coordinator = process;
    }

    /// Kills the coordinator.
    pub(crate) fn kill(&mut self) {
        let ended = self.coordinator.0.try_wait().unwrap();
        assert!(ended.is_none(), "the run was over before: {}", self.said());
        self.coordinator.0.kill().unwrap();
        self.coordinator.0.wait().unwrap();
    }

    /// Returns the number of written rounds of both strategies.
    pub(crate) fn rounds(&self) -> usize {
        let rounds = |strategy| {
            let log = self.place.path(&format!("several/{strategy}/seed-1/rounds.jsonl"));
            fs::read_to_string(log).map_or(0, |text| text.lines().count())
        };
        rounds("all") + rounds("one-layer-rotating")
    }

    /// Returns the longest training time of a round in the coordinator's last life.
    pub(crate) fn longest_training(&self) -> Duration {
        let mut longest = Duration::ZERO;
        for strategy in ["all", "one-layer-rotating"] {
            let log = self.place.path(&format!("several/{strategy}/seed-1/timings.jsonl"));
            for line in fs::read_to_string(log).unwrap_or_default().lines() {
                let (_, rest) = line.split_once("\"train\":").unwrap();
                let seconds = rest.split(',').next().unwrap().parse().unwrap();
                longest = longest.max(Duration::from_secs_f64(seconds));
            }
        }
        longest
    }

    /// Requests the metrics, with `header` as an additional header line.
    pub(crate) fn ask(&self, header: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(stream, "GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{header}\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    /// Returns the value of a metric, or 0 if it does not exist yet.
    pub(crate) fn counted(&self, name: &str) -> u64 {
        let answer = self.ask("").unwrap();
        let line = answer.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0, |count| count.parse().unwrap())
    }

    /// Waits until `round` rounds are written. The run must not end before.
    pub(crate) fn until_round(&mut self, round: usize) {
        let mut ended = None;
        until(&format!("round {round}: {}", self.said()), || {
            ended = self.coordinator.0.try_wait().unwrap();
            ended.is_some() || self.rounds() >= round
        });
        assert!(ended.is_none(), "the run was over before round {round}: {}", self.said());
    }

    /// Returns the current phase of the coordinator, if its log names phases.
    pub(crate) fn phase(&self) -> Option<&'static str> {
        let log = self.place.path(&format!("coordinator-{}.log", self.lives));
        let said = fs::read_to_string(log).unwrap();
        let last = said.lines().rfind(|line| line.contains(" DEBUG "))?;
        PHASES.into_iter().find(|phase| last.contains(&format!(": {phase}")))
    }

    /// Returns the logs of all lives of the coordinator.
    pub(crate) fn said(&self) -> String {
        let log = |life| fs::read_to_string(self.place.path(&format!("coordinator-{life}.log")));
        (1..=self.lives).filter_map(|life| log(life).ok()).collect()
    }

    /// Returns the log of a worker.
    pub(crate) fn worker_said(&self, number: u32) -> String {
        fs::read_to_string(self.place.path(&format!("worker-{number}.log"))).unwrap()
    }

    /// Waits for the end of the run and returns its records.
    pub(crate) fn finish(&mut self) -> Records {
        let code = self.coordinator.ended();
        assert_eq!(code, Some(0), "{}", self.said());
        self.place.records("several")
    }

    /// Waits for the end of the run and compares its records with those of a run in one process.
    pub(crate) fn finish_like_one_process(&mut self) {
        let several = self.finish();
        let scenario = fs::read_to_string(self.place.path("scenario.toml")).unwrap();
        assert_same_bytes(&in_one_process(scenario), &several);
    }
}

type Records = BTreeMap<String, Vec<u8>>;

/// Returns the records of a scenario that is run in one process. Tests of the same scenario share
/// the run.
pub(crate) fn in_one_process(scenario: String) -> Arc<Records> {
    static RUNS: Mutex<BTreeMap<String, Arc<OnceLock<Arc<Records>>>>> = Mutex::new(BTreeMap::new());
    let run = RUNS.lock().unwrap().entry(scenario.clone()).or_default().clone();
    run.get_or_init(|| {
        let place = Place::with(&scenario);
        place.fedlayer("run scenario.toml --out one").ok();
        Arc::new(place.records("one"))
    })
    .clone()
}
