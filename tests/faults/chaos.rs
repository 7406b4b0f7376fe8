//! | what fails | what happens |
//! |---|---|
//! | the coordinator and workers are killed and paused, and a worker's network is cut and stalled, at random | the bytes of one process |
//!
//! `FEDLAYER_CHAOS` says how many faults; without it there are 20.

use std::time::{Duration, Instant};

use fedlayer_core::{Generator, Seed};
use rand::RngExt;

use crate::{
    federation::{Federation, GRACE, PATIENCE, Process, long, until},
    proxy::{Proxy, Way},
};

/// Faults where the environment does not say how many.
const FAULTS: usize = 20;

/// Workers that are near; one more is behind a proxy.
const NEAR: usize = 2;

/// How they are started. A worker that is cut off when the run ends gives up after this while.
const NEARBY: &str = "--slots 2 --patience 30";
const BEHIND_THE_PROXY: &str = "--slots 1 --patience 30";

/// Rounds before each fault.
const MOST_BEFORE: usize = 8;

/// Rounds while one of them is paused.
const MOST_MEANWHILE: usize = 60;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    CoordinatorKilled,
    CoordinatorPaused,
    WorkerKilled,
    WorkerPaused,
    NetworkCut,
    NetworkStalled,
}

const ALL: [Fault; 6] = [
    Fault::CoordinatorKilled,
    Fault::CoordinatorPaused,
    Fault::WorkerKilled,
    Fault::WorkerPaused,
    Fault::NetworkCut,
    Fault::NetworkStalled,
];

/// A run with everything that can be done to it.
struct Chaos {
    federation: Federation,
    proxy: Proxy,
    /// The last one is behind the proxy.
    workers: Vec<Process>,
    random: Generator,
}

impl Chaos {
    /// Rounds enough, of both strategies together, that no run is over before the last fault.
    fn begin(faults: usize) -> Self {
        let of_both = 20 + faults * (MOST_BEFORE + MOST_MEANWHILE);
        let rounds = format!("rounds = {}", of_both.div_ceil(2));
        let scenario = long().replace("rounds = 40", &rounds);
        let mut federation = Federation::start(&scenario, "--min-workers 1");
        let proxy = Proxy::to(federation.port);
        let port = federation.port;
        let mut workers: Vec<_> = (0..NEAR).map(|_| federation.worker_at(port, NEARBY)).collect();
        workers.push(federation.worker_at(proxy.port, BEHIND_THE_PROXY));
        Self { federation, proxy, workers, random: Seed::new(7).generator() }
    }

    /// Somewhere in the middle of a round: whatever phase it is in then.
    fn go_on_for_a_while(&mut self) {
        let round = self.federation.rounds() + self.random.random_range(2..MOST_BEFORE);
        self.federation.until_round(round);
        let spin = self.random.random_range(0..200_000);
        (0..spin).for_each(|_| std::hint::spin_loop());
    }

    fn inject(&mut self, fault: Fault) {
        match fault {
            Fault::CoordinatorKilled => {
                self.federation.kill();
                self.federation.restart();
            }
            Fault::CoordinatorPaused => {
                self.federation.coordinator.signal("-STOP");
                self.pause();
                self.federation.coordinator.signal("-CONT");
            }
            Fault::WorkerKilled => {
                let victim = self.random.random_range(0..self.workers.len());
                let next = match victim < NEAR {
                    true => self.federation.worker_at(self.federation.port, NEARBY),
                    false => self.federation.worker_at(self.proxy.port, BEHIND_THE_PROXY),
                };
                std::mem::replace(&mut self.workers[victim], next).kill();
            }
            Fault::WorkerPaused => {
                let victim = self.random.random_range(0..self.workers.len());
                self.workers[victim].signal("-STOP");
                self.pause();
                self.workers[victim].signal("-CONT");
            }
            Fault::NetworkCut => {
                self.proxy.set(Way::CutAfter(self.random.random_range(0..20_000)));
            }
            Fault::NetworkStalled => {
                self.proxy.set(Way::Stalled);
                self.pause();
                self.proxy.set(Way::Open);
            }
        }
    }

    /// Up to twice the grace, so that half of the pauses lose their worker; fewer where the others get on fast.
    fn pause(&mut self) {
        let pause =
            Duration::from_millis(self.random.random_range(0..2 * GRACE.as_millis() as u64));
        let (began, round) = (Instant::now(), self.federation.rounds() + MOST_MEANWHILE);
        let is_over = || began.elapsed() > pause || self.federation.rounds() >= round;
        until("the end of a pause", is_over);
    }

    /// Waits for the end of the run as long as rounds are committed: hundreds of faults leave
    /// thousands of rounds.
    fn go_on_to_the_end(&mut self) {
        let mut last = (Instant::now(), self.federation.rounds());
        while self.federation.coordinator.0.try_wait().unwrap().is_none() {
            if last.0.elapsed() > PATIENCE {
                let now = (Instant::now(), self.federation.rounds());
                assert!(now.1 > last.1, "no round for {PATIENCE:?}: {}", self.federation.said());
                last = now;
            }
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }
}

#[test]
fn kills_pauses_and_cuts_at_random_change_no_byte() {
    let faults = std::env::var("FEDLAYER_CHAOS").map_or(FAULTS, |count| count.parse().unwrap());
    let mut chaos = Chaos::begin(faults);
    for number in 0..faults {
        // Each kind equally often, whatever the number.
        let fault = ALL[(number + number / ALL.len()) % ALL.len()];
        chaos.go_on_for_a_while();
        chaos.inject(fault);
    }
    chaos.proxy.set(Way::Open);
    chaos.go_on_to_the_end();
    chaos.federation.finish_like_one_process();
    let ended: Vec<_> = chaos.workers.iter_mut().map(Process::ended).collect();
    // Who was away when the run ended finds no coordinator any more.
    assert!(ended.iter().all(|code| matches!(code, Some(0 | 11))), "{ended:?}");
    assert!(ended.contains(&Some(0)), "{ended:?}");
}
