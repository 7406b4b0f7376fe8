//! Numbers and failures of workers.
//!
//! * Any number of workers and slots writes the bytes of one process. Counts: `workers`, `slots`.
//! * 1,000 clients on eight workers: the bytes of one process; no worker is refused or lost.
//!   Counts: `updates`.
//! * A sweep with variants of data and models: the bytes of one process. Counts: `workers`.
//! * A worker is killed at any time: others get its jobs at once, and no round waits. Counts:
//!   `workers_lost`, `jobs_retried`.
//! * The only worker is killed in training: its jobs wait for the next one. Counts: `workers_lost`,
//!   `jobs_retried`.
//! * A worker is killed while it sends an update: no part of it is taken, and the job is given out
//!   again at once. Counts: `workers_lost`, `jobs_retried`.
//! * A worker is paused for longer than the grace: others get its jobs, and it rejoins as a new
//!   worker. Counts: `workers_lost`, `jobs_retried`.
//! * A worker is told to stop: it finishes its jobs or hands them back within 5 s.
//! * A worker exceeds `--deadline`: another worker gets its job as well. Counts: `jobs_retried`.

use std::time::Duration;

use crate::{
    cluster::{Cluster, CoordinatorSetting, GRACE, NO_GRACE, PHASES, SLACK, long, until},
    proxy::{LinkState, Proxy},
    support::DIGITS,
};

#[test]
fn any_number_of_workers_and_slots_writes_the_bytes_of_one_process() {
    for (workers, slots) in [(1, 1), (4, 2)] {
        let mut cluster = Cluster::start(DIGITS, &format!("--min-workers {workers}"));
        let slots = format!("--slots {slots}");
        let port = cluster.port;
        let mut all: Vec<_> = (0..workers).map(|_| cluster.worker_at(port, &slots)).collect();
        cluster.finish_like_one_process();
        for worker in &mut all {
            assert_eq!(worker.ended(), Some(0), "a worker goes when the run is finished");
        }
        assert!(cluster.worker_said(1).contains("the run is finished"));
        let table = std::fs::read_to_string(cluster.place.path("table")).unwrap();
        assert!(table.contains("one layer, rotating"), "{table}");
    }
}

#[test]
fn a_thousand_clients_train_in_eight_workers() {
    let thousand = DIGITS
        .replace("partition = { dirichlet = 0.3 }", "partition = \"iid\"")
        .replace("count = 6\nper_round = 5\n", "count = 1000\n")
        .replace("rounds = 6", "rounds = 3")
        .replace("[barriers]\nevery = 2\n", "");
    // A busy machine may delay heartbeats.
    let mut cluster = Cluster::start(&thousand, "--min-workers 8 --grace 120");
    let port = cluster.port;
    let mut workers: Vec<_> = (0..8).map(|_| cluster.worker_at(port, "--slots 1")).collect();
    cluster.finish_like_one_process();
    for worker in &mut workers {
        assert_eq!(worker.ended(), Some(0));
    }
    let said = cluster.said();
    assert!(said.contains("(workers: 8, slots: 8)"), "{said}");
    assert!(!said.contains("refused") && !said.contains(" left: "), "{said}");
}

#[test]
fn a_worker_that_comes_late_joins_and_the_one_before_may_leave() {
    let mut cluster = Cluster::start(&long(), NO_GRACE);
    let mut first = cluster.worker();
    cluster.until_round(6);
    let _second = cluster.worker();
    until("the second worker", || cluster.said().contains("(workers: 2, slots: 4)"));
    assert_eq!(cluster.counted("fedlayer_workers"), 2);
    assert_eq!(cluster.counted("fedlayer_slots"), 4);
    first.signal("-TERM");
    assert_eq!(first.ended(), Some(0));
    assert!(cluster.worker_said(1).contains("told to end"), "{}", cluster.worker_said(1));
    cluster.finish_like_one_process();
    assert!(cluster.said().contains("left: it was told to stop"), "{}", cluster.said());
}

#[test]
fn a_worker_killed_at_any_time_costs_nothing_but_its_jobs() {
    let mut cluster = Cluster::start(&long(), &format!("--min-workers 2 {NO_GRACE}"));
    let _steady = cluster.worker();
    for (kill, round) in [6, 16, 26].into_iter().enumerate() {
        let victim = cluster.worker();
        until("the victim", || cluster.said().matches("joined").count() == 2 + kill);
        cluster.until_round(round);
        victim.kill();
        until("the loss", || {
            cluster.said().matches("left: lost, the connection").count() == 1 + kill
        });
    }
    cluster.finish_like_one_process();
    let longest = cluster.longest_training();
    assert!(longest < SLACK, "a round took {longest:?}");
}

#[test]
fn what_the_only_worker_had_in_training_waits_for_the_next_one() {
    let setting = CoordinatorSetting { phases: true, ..CoordinatorSetting::default() };
    let mut cluster = Cluster::start_in(setting, &long(), NO_GRACE);
    for kill in 1..=3 {
        let victim = cluster.worker();
        until("the victim", || cluster.said().matches("joined").count() == kill);
        // A stopped worker holds its job until it is killed.
        until("a job in training", || {
            victim.signal("-STOP");
            let held = cluster.counted("fedlayer_jobs_running") > 0;
            let found = held && cluster.phase() == Some(PHASES[0]);
            if !found {
                victim.signal("-CONT");
            }
            found
        });
        victim.kill();
        until("the loss", || cluster.counted("fedlayer_workers_lost_total") == kill as u64);
        assert_eq!(cluster.counted("fedlayer_workers"), 0);
    }
    // The reply of one victim may have been sent already, but not those of all three.
    assert!(cluster.counted("fedlayer_jobs_retried_total") > 0);
    let _next = cluster.worker();
    cluster.finish_like_one_process();
}

#[test]
fn a_worker_killed_while_it_sends_an_update_leaves_nothing_of_it() {
    let scenario = DIGITS.replace("mlp = [16]", "mlp = [512]").replace("rounds = 6", "rounds = 8");
    let mut cluster = Cluster::start(&scenario, NO_GRACE);
    let proxy = Proxy::to(cluster.port);
    let victim = cluster.worker_at(proxy.port, "--slots 1");
    cluster.until_round(4);
    // An update has about 150 kB, and other messages less than a tenth: the stall is within an
    // update.
    proxy.set(LinkState::StallAfter(100_000));
    until("the middle of an update", || proxy.state() == LinkState::Stalled);
    victim.kill();
    proxy.set(LinkState::Cut);
    until("the loss", || cluster.counted("fedlayer_workers_lost_total") == 1);
    assert!(cluster.counted("fedlayer_jobs_retried_total") >= 1);
    let said = cluster.said();
    assert!(said.contains("left: lost, the connection"), "{said}");
    let _next = cluster.worker();
    cluster.finish_like_one_process();
}

#[test]
fn a_worker_paused_past_the_grace_is_lost_and_comes_back() {
    let mut cluster =
        Cluster::start(&long().replace("rounds = 40", "rounds = 150"), "--min-workers 2");
    let (_steady, paused) = (cluster.worker(), cluster.worker());
    cluster.until_round(6);
    paused.signal("-STOP");
    until("the loss", || cluster.said().contains("left: lost, silent for 1.5 s"));
    assert!(cluster.counted("fedlayer_workers_lost_total") >= 1);
    let before = cluster.rounds();
    cluster.until_round(before + 6);
    paused.signal("-CONT");
    until("the return", || cluster.said().matches("joined").count() >= 3);
    cluster.finish_like_one_process();
    let longest = cluster.longest_training();
    assert!(longest < GRACE + SLACK, "a round took {longest:?}");
}

#[test]
fn a_job_past_the_deadline_goes_to_another_worker_as_well() {
    // The grace is too long to matter: only the deadline gives the job to another worker.
    let deadline = Duration::from_millis(500);
    let arguments = format!("--min-workers 2 --deadline {} {NO_GRACE}", deadline.as_secs_f64());
    let mut cluster = Cluster::start(&long(), &arguments);
    let (_steady, paused) = (cluster.worker(), cluster.worker());
    cluster.until_round(6);
    paused.signal("-STOP");
    cluster.finish_like_one_process();
    assert!(cluster.said().contains("past the deadline"), "{}", cluster.said());
    assert!(cluster.said().matches(" left: ").count() == 0, "{}", cluster.said());
    let longest = cluster.longest_training();
    assert!(longest < deadline + SLACK, "a round took {longest:?}");
}

#[test]
fn two_workers_make_the_variants_of_a_sweep_of_its_text_alone() {
    let sweep = "[sweep]\ngrid = { \"local.optimizer.sgd.lr\" = [0.1, 0.02], \"data.keep_classes\" = [3, 10], \"data.label_noise\" = [0.2] }\n";
    let mut cluster = Cluster::start(&format!("{DIGITS}{sweep}"), "--min-workers 2");
    let mut all = [cluster.worker(), cluster.worker()];
    cluster.finish_like_one_process();
    for worker in &mut all {
        assert_eq!(worker.ended(), Some(0), "a worker goes when the run is finished");
    }
    let table = std::fs::read_to_string(cluster.place.path("table")).unwrap();
    assert!(table.contains("keep_classes"), "{table}");
}
