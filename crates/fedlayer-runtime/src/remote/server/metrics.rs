//! [`Metrics`]: a coordinator's counts, in the text format of Prometheus.

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use std::sync::atomic::AtomicU64;

use crate::CommittedRound;

/// Why a connection, a request or a reply was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(super) enum Reason {
    /// The token is wrong or absent.
    Token,
    /// The version of the protocol or the program differs.
    Version,
    /// The layers, the scenario or the data differ.
    Identity,
    /// The device is not the run's.
    Device,
    /// The bytes are not a message, or the message does not fit its job.
    Malformed,
    /// A reply to the job was taken before.
    Repeated,
    /// Nobody waits for the reply, or it belongs to another run.
    Late,
    /// A piece of a stream took too long.
    Slow,
    /// The connection was silent, or not authenticated in time.
    Silent,
    /// There was no room for the connection, or it made too many requests.
    Crowded,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: Reason,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PhaseLabel {
    phase: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: &'static str,
}

/// The counts of a coordinator.
#[derive(Debug, Default)]
pub struct Metrics {
    registry: Registry,
    rounds: Counter,
    updates: Counter,
    missing: Counter,
    refusals: Family<ReasonLabel, Counter>,
    received: Counter,
    sent: Counter,
    seconds: Family<PhaseLabel, Counter<f64, AtomicU64>>,
    workers: Gauge,
    slots: Gauge,
    lost: Counter,
    done: Family<KindLabel, Counter>,
    retried: Counter,
    waiting: Gauge,
    running: Gauge,
}

impl Metrics {
    /// Makes metrics that are all zero.
    pub fn new() -> Self {
        let mut metrics = Self::default();
        let mut registry = Registry::with_prefix("fedlayer");
        registry.register("rounds", "Committed rounds of all plans", metrics.rounds.clone());
        registry.register("updates", "Client updates in committed rounds", metrics.updates.clone());
        registry.register(
            "missing",
            "Clients without an update in committed rounds",
            metrics.missing.clone(),
        );
        registry.register(
            "refusals",
            "Refused connections, requests and replies, by reason",
            metrics.refusals.clone(),
        );
        registry.register(
            "received_bytes",
            "Bytes received on all connections",
            metrics.received.clone(),
        );
        registry.register("sent_bytes", "Bytes sent on all connections", metrics.sent.clone());
        registry.register(
            "phase_seconds",
            "Seconds spent in committed rounds, by phase",
            metrics.seconds.clone(),
        );
        registry.register("workers", "Connected workers", metrics.workers.clone());
        registry.register("slots", "Slots of connected workers", metrics.slots.clone());
        registry.register(
            "workers_lost",
            "Workers that disconnected without a goodbye",
            metrics.lost.clone(),
        );
        registry.register(
            "jobs_done",
            "Jobs that workers have done, by kind",
            metrics.done.clone(),
        );
        registry.register(
            "jobs_retried",
            "Jobs that were given out again",
            metrics.retried.clone(),
        );
        registry.register("jobs_waiting", "Jobs that wait for a worker", metrics.waiting.clone());
        registry.register("jobs_running", "Jobs that workers hold", metrics.running.clone());
        metrics.registry = registry;
        metrics
    }

    /// Counts a committed round.
    pub fn committed(&self, committed: &CommittedRound<'_>) {
        self.rounds.inc();
        self.updates.inc_by(committed.record.reported.len() as u64);
        self.missing.inc_by(committed.record.missing.len() as u64);
        let timings = committed.timings;
        for (phase, time) in [
            ("train", timings.train),
            ("barriers", timings.barriers),
            ("average", timings.average),
            ("evaluate", timings.evaluate),
        ] {
            self.seconds.get_or_create(&PhaseLabel { phase }).inc_by(time.as_secs_f64());
        }
    }

    /// Returns the metrics as text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing into a string cannot fail.
        let _written = encode(&mut text, &self.registry);
        text
    }

    /// Counts a refusal.
    pub(super) fn refused(&self, reason: Reason) {
        self.refusals.get_or_create(&ReasonLabel { reason }).inc();
    }

    pub(super) fn received(&self, bytes: usize) {
        self.received.inc_by(bytes as u64);
    }

    pub(super) fn sent(&self, bytes: usize) {
        self.sent.inc_by(bytes as u64);
    }

    /// Counts a worker that disconnected without a goodbye.
    pub(super) fn lost(&self) {
        self.lost.inc();
    }

    /// Counts a job of this kind that a worker has done.
    pub(super) fn done(&self, kind: &'static str) {
        self.done.get_or_create(&KindLabel { kind }).inc();
    }

    /// Counts jobs that are given out again.
    pub(super) fn retried(&self, jobs: usize) {
        self.retried.inc_by(jobs as u64);
    }

    /// Sets the current numbers of workers and of jobs.
    pub(super) fn present(
        &self,
        (workers, slots): (usize, usize),
        (waiting, running): (usize, usize),
    ) {
        self.workers.set(workers as i64);
        self.slots.set(slots as i64);
        self.waiting.set(waiting as i64);
        self.running.set(running as i64);
    }
}
