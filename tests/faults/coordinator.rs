//! Failures of the coordinator.
//!
//! * It is killed before a worker has joined: workers report that they wait; after a restart the
//!   run goes on.
//! * It is killed while it trains, measures barriers, averages, evaluates or commits: the worker
//!   waits and reconnects; after a restart the run goes on after the last committed round. Counts:
//!   `workers` and `rounds` begin at zero.
//! * It is told to stop: it persists the committed rounds at once and prints how to go on; workers
//!   wait.
//! * A second coordinator uses the same run folder: it refuses at once, exit code 7.
//! * Its port is in use: it reports it at once, exit code 11.
//! * There is no coordinator: a worker reports it once and waits for `--patience`, exit code 11.

use crate::{
    cluster::{Cluster, CoordinatorSetting, NO_GRACE, PHASES, in_one_process, long, until},
    support::{DIGITS, Place, assert_same_bytes},
};

#[test]
fn a_coordinator_killed_in_any_phase_goes_on_and_its_worker_comes_back_by_itself() {
    // The model is large, so that each phase takes a while. There is one strategy, so that the log
    // names one phase at a time.
    let scenario = DIGITS
        .replace("rounds = 6", "rounds = 80")
        .replace("mlp = [16]", "mlp = [256, 256]")
        .replace("every = 2", "every = 1")
        .replace("[[strategy]]\nname = \"one layer, rotating\"\naverage = { rotate = 1 }\n", "");
    let setting = CoordinatorSetting { phases: true, ..CoordinatorSetting::default() };
    let mut cluster = Cluster::start_in(setting, &scenario, NO_GRACE);
    // No worker has joined.
    cluster.kill();
    let mut worker = cluster.worker();
    until("the worker's patience", || {
        cluster.worker_said(1).contains("waiting for the coordinator")
    });
    cluster.restart();
    for (killed, phase) in PHASES.into_iter().enumerate() {
        until("the worker", || cluster.said().matches("joined").count() == 1 + killed);
        assert_eq!(cluster.counted("fedlayer_workers"), 1);
        // The metrics begin at zero in each life.
        until("a round", || cluster.counted("fedlayer_rounds_total") > 0);
        until(phase, || {
            cluster.coordinator.signal("-STOP");
            let found = cluster.phase() == Some(phase);
            if !found {
                cluster.coordinator.signal("-CONT");
            }
            found
        });
        cluster.kill();
        cluster.restart();
    }
    assert_eq!(cluster.said().matches("going on after").count(), PHASES.len());
    cluster.finish_like_one_process();
    assert_eq!(worker.ended(), Some(0));
}

#[test]
fn a_coordinator_that_is_told_to_end_says_how_to_go_on_and_does() {
    let mut cluster = Cluster::start(&long(), "");
    let mut worker = cluster.worker();
    cluster.until_round(10);
    cluster.coordinator.signal("-TERM");
    assert_eq!(cluster.coordinator.ended(), Some(130));
    let said = cluster.said();
    assert!(said.contains("fedlayer coordinator several --listen"), "{said}");
    assert!(said.contains("`fedlayer resume several`"), "{said}");
    until("the worker's patience", || {
        cluster.worker_said(1).contains("it stopped, and may come back")
    });
    cluster.restart();
    assert!(cluster.said().contains("going on after"));
    cluster.finish_like_one_process();
    assert_eq!(worker.ended(), Some(0));
}

#[test]
fn a_run_of_several_processes_can_be_finished_by_one() {
    let mut cluster = Cluster::start(&long(), "");
    let _worker = cluster.worker();
    cluster.until_round(10);
    cluster.kill();
    cluster.place.fedlayer("resume several").ok();
    assert_same_bytes(&in_one_process(long()), &cluster.place.records("several"));
}

#[test]
fn a_second_coordinator_on_the_same_folder_or_port_is_refused() {
    let mut cluster = Cluster::start(&long(), "");
    let port = cluster.port;
    let folder = cluster.place.fedlayer("coordinator several --listen 127.0.0.1:0");
    assert_eq!(folder.code, Some(7), "{}", folder.stderr);
    assert!(folder.stderr.contains("another process is writing to `several`"), "{}", folder.stderr);
    let taken = cluster
        .place
        .fedlayer(&format!("coordinator scenario.toml --listen 127.0.0.1:{port} --out other"));
    assert_eq!(taken.code, Some(11), "{}", taken.stderr);
    assert!(taken.stderr.contains("choose another port"), "{}", taken.stderr);
    let _worker = cluster.worker();
    cluster.finish_like_one_process();
}

#[test]
fn a_worker_without_a_coordinator_waits_and_then_says_so() {
    let place = Place::with("");
    let alone = place.fedlayer("worker --connect 127.0.0.1:1 --patience 0.3");
    assert_eq!(alone.code, Some(11), "{}", alone.stderr);
    assert_eq!(
        alone.stderr.matches("waiting for the coordinator at 127.0.0.1:1").count(),
        1,
        "{}",
        alone.stderr
    );
    assert!(alone.stderr.contains("`--patience` waits longer"), "{}", alone.stderr);
}
