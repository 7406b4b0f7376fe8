//! Replies that do not fit their job, come twice or come late.

use tonic::Code;

use super::{
    super::protocol::{
        limits,
        message::{
            JobId, JobOutcome, Piece, Receipt, ReplyPart, ReplyRejection, RunId, UpdateHead,
            ValueSource, WorkerNote,
        },
    },
    fixture::{Peer, coordinator, hello, identity, update, values},
};
use crate::Reply;

/// Returns the parts of a reply to a job.
type Answer = fn(&Peer, JobId) -> Vec<ReplyPart>;

/// Replies that do not fit their job, each with a part of the error.
const MISFITS: [(&str, Answer); 8] = [
    ("an update of client 2 for round 2; the job trains client 3", |p, job| {
        vec![p.head(job, update(2, 2)), values(3)]
    }),
    ("an update of client 3 for round 1; the job trains client 3", |p, job| {
        vec![p.head(job, update(3, 1)), values(3)]
    }),
    ("found 0 results; the job asks for 1", |p, job| {
        vec![p.head(job, JobOutcome::Trained(vec![]))]
    }),
    ("a result of another kind", |p, job| vec![p.head(job, JobOutcome::Initial), values(3)]),
    ("ended after 2 of 3 values", |p, job| vec![p.head(job, update(3, 2)), values(2)]),
    ("1 values more than expected", |p, job| vec![p.head(job, update(3, 2)), values(4)]),
    ("a second head", |p, job| vec![p.head(job, update(3, 2)), p.head(job, update(3, 2))]),
    ("found 9 optimizer slots; at most 3", |p, job| {
        let JobOutcome::Trained(mut results) = update(3, 2) else {
            unreachable!("it is an update")
        };
        results[0].as_mut().unwrap().optimizer = Some((1, 9));
        vec![p.head(job, JobOutcome::Trained(results)), values(30)]
    }),
];

#[tokio::test]
async fn a_reply_that_does_not_fit_its_job_is_refused_and_the_job_is_given_out_again() {
    let coordinator = coordinator().await;
    let mut peer = coordinator.attend(hello(), identity()).await.unwrap();
    let asked = coordinator.train();
    for (words, parts) in MISFITS {
        let job = peer.pull().await.job;
        let parts = parts(&peer, job);
        let refused = peer.push(parts).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(refused.message().contains(words), "{}", refused.message());
    }
    assert!(coordinator.has_counted("Malformed"));
    // A correct reply to the same job is taken.
    let job = peer.pull().await.job;
    let parts = vec![peer.head(job, update(3, 2)), values(3)];
    assert_eq!(peer.push(parts).await.unwrap(), Receipt::Taken);
    let Reply::Trained(results) = asked.await.unwrap().unwrap() else { panic!("not trained") };
    assert_eq!(results[0].as_ref().unwrap().params.values(), [0.5; 3]);
}

#[tokio::test]
async fn a_reply_that_is_repeated_late_unknown_or_of_another_run_changes_nothing() {
    let coordinator = coordinator().await;
    let mut peer = coordinator.attend(hello(), identity()).await.unwrap();
    let asked = coordinator.train();
    let job = peer.pull().await.job;
    let whole = |peer: &Peer, job| vec![peer.head(job, update(3, 2)), values(3)];
    let parts = whole(&peer, job);
    assert_eq!(peer.push(parts.clone()).await.unwrap(), Receipt::Taken);
    asked.await.unwrap().unwrap();
    assert_eq!(peer.push(parts).await.unwrap(), Receipt::Refused(ReplyRejection::Repeated));
    let parts = whole(&peer, JobId(99));
    assert_eq!(peer.push(parts).await.unwrap(), Receipt::Refused(ReplyRejection::Unknown));
    // The round is abandoned: nobody waits for the reply.
    let given_up = coordinator.train();
    let job = peer.pull().await.job;
    given_up.abort();
    assert!(given_up.await.unwrap_err().is_cancelled());
    let parts = whole(&peer, job);
    assert_eq!(peer.push(parts).await.unwrap(), Receipt::Refused(ReplyRejection::Late));
    peer.run = RunId([0; 16]);
    let parts = whole(&peer, job);
    assert_eq!(peer.push(parts).await.unwrap(), Receipt::Refused(ReplyRejection::OtherRun));
    assert!(coordinator.has_counted("Repeated") && coordinator.has_counted("Late"));
}

/// The state machine judges the values, as in one process: a NaN fails its client and no other one.
#[tokio::test]
async fn values_that_are_not_finite_cross_unchanged_and_fail_the_check_of_the_update() {
    let coordinator = coordinator().await;
    let mut peer = coordinator.attend(hello(), identity()).await.unwrap();
    for (value, loss, examples, words) in [
        (f32::NAN, 0.5, 4, "holds NaN"),
        (f32::INFINITY, 0.5, 4, "holds inf"),
        (0.5, f64::NAN, 4, "the training loss is NaN"),
        (0.5, 0.5, 0, "found 0 training examples"),
    ] {
        let asked = coordinator.train();
        let job = peer.pull().await.job;
        let head = UpdateHead { client: 3, round: 2, examples, steps: 2, loss, optimizer: None };
        let values = Piece::Outgoing(ValueSource::Values(vec![value; 3].into()), 0..3);
        let parts =
            vec![peer.head(job, JobOutcome::Trained(vec![Ok(head)])), ReplyPart::Piece(values)];
        assert_eq!(peer.push(parts).await.unwrap(), Receipt::Taken);
        let Reply::Trained(results) = asked.await.unwrap().unwrap() else { panic!("not trained") };
        let refused =
            results[0].as_ref().unwrap().check(&coordinator.plan.layout).unwrap_err().to_string();
        assert!(refused.contains(words), "{refused}");
    }
}

#[tokio::test]
async fn an_oversized_message_is_refused_by_its_length() {
    let coordinator = coordinator().await;
    let mut peer = coordinator.attend(hello(), identity()).await.unwrap();
    let _asked = coordinator.train();
    let job = peer.pull().await.job;
    let parts = vec![peer.head(job, update(3, 2)), values(limits::MESSAGE_BYTES / 4 + 1)];
    let refused = peer.push(parts).await.unwrap_err();
    assert_eq!(refused.code(), Code::OutOfRange, "{refused}");
    assert!(coordinator.has_counted("Malformed"));
}

#[tokio::test]
async fn a_worker_that_leaves_hands_back_its_jobs_and_its_session_is_over() {
    let coordinator = coordinator().await;
    let mut first = coordinator.attend(hello(), identity()).await.unwrap();
    let mut second = coordinator.attend(hello(), identity()).await.unwrap();
    let asked = coordinator.train();
    let job = first.pull().await;
    first.sender.send(WorkerNote::Leave { why: "enough".into() }).await.unwrap();
    assert!(first.notes.message().await.is_ok_and(|note| note.is_none()));
    let again = second.pull().await;
    assert_eq!(again.job, job.job);
    let late = vec![first.head(job.job, update(3, 2)), values(3)];
    assert_eq!(first.push(late).await.unwrap_err().code(), Code::Unauthenticated);
    let parts = vec![second.head(again.job, update(3, 2)), values(3)];
    assert_eq!(second.push(parts).await.unwrap(), Receipt::Taken);
    asked.await.unwrap().unwrap();
}
