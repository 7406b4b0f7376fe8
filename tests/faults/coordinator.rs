//! | what fails | what happens | in which time | what is counted |
//! |---|---|---|---|
//! | the coordinator is killed before a worker came | workers wait for it, and say so; started again it goes on | as soon as it is back | |
//! | the coordinator is killed in training, while it measures barriers, averages, evaluates or commits | the worker waits for it and comes back by itself; started again it goes on after the last committed round | as soon as it is back | `workers`, `rounds` anew |
//! | the coordinator is told to end | it keeps what is committed and says how to go on; workers wait for it | at once | |
//! | a second coordinator on the same run folder | it refuses, exit code 7 | at once | |
//! | the port is taken | it says so, exit code 11 | at once | |
//! | there is no coordinator | a worker waits and says so once, then exit code 11 | `--patience` | |

use crate::{
    federation::{Federation, NO_GRACE, PHASES, Setting, in_one_process, long, until},
    support::{DIGITS, Place, assert_same_bytes},
};

#[test]
fn a_coordinator_killed_in_any_phase_goes_on_and_its_worker_comes_back_by_itself() {
    // Large enough that each phase takes its time; one strategy, so that the log tells of one phase at a time.
    let scenario = DIGITS
        .replace("rounds = 6", "rounds = 80")
        .replace("mlp = [16]", "mlp = [256, 256]")
        .replace("every = 2", "every = 1")
        .replace("[[strategy]]\nname = \"one layer, rotating\"\naverage = { rotate = 1 }\n", "");
    let setting = Setting { phases: true, ..Setting::default() };
    let mut federation = Federation::start_in(setting, &scenario, NO_GRACE);
    // Before anybody came.
    federation.kill();
    let mut worker = federation.worker();
    until("the worker's patience", || {
        federation.worker_said(1).contains("waiting for the coordinator")
    });
    federation.restart();
    for (killed, phase) in PHASES.into_iter().enumerate() {
        until("the worker", || federation.said().matches("joined").count() == 1 + killed);
        assert_eq!(federation.counted("fedlayer_workers"), 1);
        // The counts are of this life.
        until("a round", || federation.counted("fedlayer_rounds_total") > 0);
        until(phase, || {
            federation.coordinator.signal("-STOP");
            let found = federation.phase() == Some(phase);
            if !found {
                federation.coordinator.signal("-CONT");
            }
            found
        });
        federation.kill();
        federation.restart();
    }
    assert_eq!(federation.said().matches("going on after").count(), PHASES.len());
    federation.finish_like_one_process();
    assert_eq!(worker.ended(), Some(0));
}

#[test]
fn a_coordinator_that_is_told_to_end_says_how_to_go_on_and_does() {
    let mut federation = Federation::start(&long(), "");
    let mut worker = federation.worker();
    federation.until_round(10);
    federation.coordinator.signal("-TERM");
    assert_eq!(federation.coordinator.ended(), Some(130));
    let said = federation.said();
    assert!(said.contains("fedlayer coordinator several --listen"), "{said}");
    assert!(said.contains("`fedlayer resume several`"), "{said}");
    until("the worker's patience", || {
        federation.worker_said(1).contains("it stopped, and may come back")
    });
    federation.restart();
    assert!(federation.said().contains("going on after"));
    federation.finish_like_one_process();
    assert_eq!(worker.ended(), Some(0));
}

#[test]
fn a_run_of_several_processes_can_be_finished_by_one() {
    let mut federation = Federation::start(&long(), "");
    let _worker = federation.worker();
    federation.until_round(10);
    federation.kill();
    federation.place.fedlayer("resume several").ok();
    assert_same_bytes(&in_one_process(long()), &federation.place.records("several"));
}

#[test]
fn a_second_coordinator_on_the_same_folder_or_port_is_refused() {
    let mut federation = Federation::start(&long(), "");
    let port = federation.port;
    let folder = federation.place.fedlayer("coordinator several --listen 127.0.0.1:0");
    assert_eq!(folder.code, Some(7), "{}", folder.stderr);
    assert!(folder.stderr.contains("another process is writing to `several`"), "{}", folder.stderr);
    let taken = federation
        .place
        .fedlayer(&format!("coordinator scenario.toml --listen 127.0.0.1:{port} --out other"));
    assert_eq!(taken.code, Some(11), "{}", taken.stderr);
    assert!(taken.stderr.contains("choose another port"), "{}", taken.stderr);
    let _worker = federation.worker();
    federation.finish_like_one_process();
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
