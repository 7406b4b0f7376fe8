//! Random faults.
//!
//! The coordinator and workers are killed and paused, and a worker's network is interrupted and
//! stalled, at random: the run writes the bytes of one process.
//!
//! `FEDLAYER_CHAOS` sets the number of faults; the default is 20.

use std::time::{Duration, Instant};

use fedlayer_core::{Generator, Seed};
use rand::RngExt;

use crate::{
    cluster::{Cluster, GRACE, PATIENCE, Process, long, until},
    proxy::{LinkState, Proxy},
};

/// The default number of faults.
const FAULTS: usize = 20;

/// The number of workers with a direct connection. One more is behind a proxy.
const NEAR: usize = 2;

/// The arguments of workers. Their patience ends a worker that is disconnected at the end of the
/// run.
const NEARBY: &str = "--slots 2 --patience 30";
const BEHIND_THE_PROXY: &str = "--slots 1 --patience 30";

/// The most rounds before each fault.
const MOST_BEFORE: usize = 8;

/// The most rounds during a pause.
const MOST_MEANWHILE: usize = 60;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum ChaosFault {
    CoordinatorKilled,
    CoordinatorPaused,
    WorkerKilled,
    WorkerPaused,
    NetworkCut,
    NetworkStalled,
}

const ALL: [ChaosFault; 6] = [
    ChaosFault::CoordinatorKilled,
    ChaosFault::CoordinatorPaused,
    ChaosFault::WorkerKilled,
    ChaosFault::WorkerPaused,
    ChaosFault::NetworkCut,
    ChaosFault::NetworkStalled,
];

/// A run with its processes and its proxy.
struct Chaos {
    cluster: Cluster,
    proxy: Proxy,
    /// The last one is behind the proxy.
    workers: Vec<Process>,
    random: Generator,
}

impl Chaos {
    /// Starts a run with enough rounds for all faults.
    fn begin(faults: usize) -> Self {
        let of_both = 20 + faults * (MOST_BEFORE + MOST_MEANWHILE);
        let rounds = format!("rounds = {}", of_both.div_ceil(2));
        let scenario = long().replace("rounds = 40", &rounds);
        let mut cluster = Cluster::start(&scenario, "--min-workers 1");
        let proxy = Proxy::to(cluster.port);
        let port = cluster.port;
        let mut workers: Vec<_> = (0..NEAR).map(|_| cluster.worker_at(port, NEARBY)).collect();
        workers.push(cluster.worker_at(proxy.port, BEHIND_THE_PROXY));
        Self { cluster, proxy, workers, random: Seed::new(7).generator() }
    }

    /// Waits for a few rounds and then a part of a round.
    fn go_on_for_a_while(&mut self) {
        let round = self.cluster.rounds() + self.random.random_range(2..MOST_BEFORE);
        self.cluster.until_round(round);
        let spin = self.random.random_range(0..200_000);
        (0..spin).for_each(|_| std::hint::spin_loop());
    }

    fn inject(&mut self, fault: ChaosFault) {
        match fault {
            ChaosFault::CoordinatorKilled => {
                self.cluster.kill();
                self.cluster.restart();
            }
            ChaosFault::CoordinatorPaused => {
                self.cluster.coordinator.signal("-STOP");
                self.pause();
                self.cluster.coordinator.signal("-CONT");
            }
            ChaosFault::WorkerKilled => {
                let victim = self.random.random_range(0..self.workers.len());
                let next = match victim < NEAR {
                    true => self.cluster.worker_at(self.cluster.port, NEARBY),
                    false => self.cluster.worker_at(self.proxy.port, BEHIND_THE_PROXY),
                };
                std::mem::replace(&mut self.workers[victim], next).kill();
            }
            ChaosFault::WorkerPaused => {
                let victim = self.random.random_range(0..self.workers.len());
                self.workers[victim].signal("-STOP");
                self.pause();
                self.workers[victim].signal("-CONT");
            }
            ChaosFault::NetworkCut => {
                self.proxy.set(LinkState::CutAfter(self.random.random_range(0..20_000)));
            }
            ChaosFault::NetworkStalled => {
                self.proxy.set(LinkState::Stalled);
                self.pause();
                self.proxy.set(LinkState::Open);
            }
        }
    }

    /// Waits for up to twice the grace, so that half of the pauses lose their worker. Ends early
    /// after [`MOST_MEANWHILE`] rounds.
    fn pause(&mut self) {
        let pause =
            Duration::from_millis(self.random.random_range(0..2 * GRACE.as_millis() as u64));
        let (began, round) = (Instant::now(), self.cluster.rounds() + MOST_MEANWHILE);
        let is_over = || began.elapsed() > pause || self.cluster.rounds() >= round;
        until("the end of a pause", is_over);
    }

    /// Waits for the end of the run while rounds are committed: hundreds of faults leave
    /// thousands of rounds.
    fn go_on_to_the_end(&mut self) {
        let mut last = (Instant::now(), self.cluster.rounds());
        while self.cluster.coordinator.0.try_wait().unwrap().is_none() {
            if last.0.elapsed() > PATIENCE {
                let now = (Instant::now(), self.cluster.rounds());
                assert!(now.1 > last.1, "no round for {PATIENCE:?}: {}", self.cluster.said());
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
        // Every kind of fault is equally frequent.
        let fault = ALL[(number + number / ALL.len()) % ALL.len()];
        chaos.go_on_for_a_while();
        chaos.inject(fault);
    }
    chaos.proxy.set(LinkState::Open);
    chaos.go_on_to_the_end();
    chaos.cluster.finish_like_one_process();
    let ended: Vec<_> = chaos.workers.iter_mut().map(Process::ended).collect();
    // A worker that was disconnected at the end of the run finds no coordinator.
    assert!(ended.iter().all(|code| matches!(code, Some(0 | 11))), "{ended:?}");
    assert!(ended.contains(&Some(0)), "{ended:?}");
}
