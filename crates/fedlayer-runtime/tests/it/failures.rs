//! Failures of a client, a worker or the disk.

use fedlayer_core::{data::ClientId, spec::Rule};
use fedlayer_runtime::RunError;

use crate::support::{Run, Staged, Trouble, plan};

/// Returns the clients that did not report in a round, with the reasons.
fn missing(record: &fedlayer_core::record::RoundRecord) -> Vec<(u32, &str)> {
    record.missing.iter().map(|missing| (missing.client.0, missing.reason.as_str())).collect()
}

#[tokio::test]
async fn a_client_that_fails_is_named_and_the_others_go_on() {
    for (trouble, reason) in [
        (Trouble::Fail, "failed: out of memory"),
        (
            Trouble::NotANumber,
            "refused: layer `q2` holds NaN (tensor `q2.center`, element 0); every parameter must be finite; \
             training diverged, and a smaller learning rate may help",
        ),
    ] {
        let staged = Staged::troubled(vec![(2, ClientId(3), trouble)]);
        let (end, written) = Run::new(plan(Rule::All), staged).go().await;
        end.unwrap();
        assert_eq!(missing(&written.records[1]), [(3, reason)]);
        assert_eq!(written.records[1].reported.len(), 5);
        assert!(missing(&written.records[0]).is_empty() && missing(&written.records[2]).is_empty());
    }
}

#[tokio::test]
async fn a_worker_that_panics_fails_the_clients_of_its_stack_only() {
    let staged = Staged::troubled(vec![(2, ClientId(5), Trouble::Panic)]);
    let (end, written) = Run::new(plan(Rule::All), staged).go().await;
    end.unwrap();
    let missing = missing(&written.records[1]);
    // Clients 4 and 5 trained in one stack, 0 to 3 in another.
    let words = "failed: the worker broke: client 5 pulled the plug";
    assert_eq!(missing, [(4, words), (5, words)]);
    assert_eq!(written.records.len(), 5);
}

#[tokio::test]
async fn too_few_clients_are_tried_again_and_then_end_the_run() {
    let mut plan = plan(Rule::All);
    plan.clients.min_clients = 6;
    let staged = Staged::troubled(vec![(3, ClientId(0), Trouble::Fail)]);
    let (end, written) = Run::new(plan, staged).go().await;
    assert_eq!(
        end.unwrap_err().to_string(),
        "round 3, attempt 2 of 2: 5 of 6 needed clients reported (client 0 failed: out of memory)"
    );
    assert_eq!(written.records.len(), 2);
}

/// The other stack trains in microseconds of its second. The hanging one cannot report before the
/// gate opens, which is after the end of the run.
#[tokio::test]
async fn the_round_goes_on_without_a_client_that_misses_the_deadline() {
    let mut plan = plan(Rule::All);
    plan.clients.deadline = Some(1.0);
    plan.rounds = 1;
    let staged = Staged::troubled(vec![(1, ClientId(5), Trouble::Hang)]);
    let run = Run::new(plan, staged).workers(3);
    let gate = run.gate();
    let (end, written) = run.go().await;
    gate.open();
    end.unwrap();
    let late = "not back by the deadline";
    assert_eq!(missing(&written.records[0]), [(4, late), (5, late)]);
}

#[tokio::test]
async fn a_stopped_run_abandons_its_round_and_keeps_what_is_committed() {
    let staged = Staged::troubled(vec![(3, ClientId(0), Trouble::Hang)]);
    let run = Run::new(plan(Rule::All), staged);
    let (gate, journal, stopper) = (run.gate(), run.journal.clone(), run.stopper.clone());
    let task = tokio::spawn(run.go());
    while journal.written.lock().unwrap().records.len() < 2 {
        tokio::task::yield_now().await;
    }
    stopper.stop();
    let (end, written) = task.await.unwrap();
    gate.open();
    assert!(matches!(end, Err(RunError::Interrupted { .. })));
    assert_eq!(written.records.len(), 2);
}

#[tokio::test]
async fn a_full_disk_ends_the_run_with_the_error_of_the_journal() {
    let mut run = Run::new(plan(Rule::All), Staged::calm());
    run.journal.full_in = Some(4);
    let (end, written) = run.go().await;
    assert!(
        matches!(&end, Err(RunError::Journal(error)) if error.to_string() == "the disk is full")
    );
    assert_eq!(written.records.len(), 3);
}
