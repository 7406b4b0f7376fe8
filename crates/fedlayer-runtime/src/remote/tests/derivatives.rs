//! Derivatives cross the wire bit for bit. A reply that does not fit is refused, and a lost worker
//! costs nothing but its job.

use std::{sync::Arc, time::Duration};

use fedlayer_core::{
    Seed,
    data::Split,
    model::Point,
    trainer::{Derivatives, Probe, ToyTrainer, Trainer},
};
use tokio::{
    runtime::Handle,
    task::{JoinSet, spawn_blocking},
    time::timeout,
};
use tonic::Code;

use super::{
    super::{
        client::{WorkerConfig, WorkerOutcome, run_worker},
        protocol::message::{
            JobHead, JobOutcome, Piece, Receipt, ReplyPart, ReplyRejection, ValueSource, WorkHead,
            WorkerNote,
        },
        security::{BearerToken, Security},
        server::{Hub, RunEnd},
    },
    fixture::{
        Peer, TOKEN, TestCoordinator, config, coordinator, data, hello, identity, plan, prepared,
        update, values,
    },
};
use crate::{LinkError, LinkTrainer, Reply, shutdown};

/// The outcome of a job with this number of directions.
fn derivatives(products: u32) -> JobOutcome {
    JobOutcome::Differentiated { loss: 0.25, products }
}

/// A piece of `count` `f64` values of 1.5.
fn doubles(count: usize) -> ReplyPart {
    let values = ValueSource::Derivative(vec![1.5; count].into());
    ReplyPart::Piece(Piece::Outgoing(values, 0..count))
}

/// Replies that do not fit a job with two directions for a model of three values, each with a part
/// of the error.
fn misfits() -> [(&'static str, JobOutcome, Vec<ReplyPart>); 9] {
    let cut = ReplyPart::Piece(Piece::Incoming(vec![0; 12].into()));
    [
        ("found 3 results; the job asks for 2", derivatives(3), vec![doubles(12)]),
        ("found 1 results; the job asks for 2", derivatives(1), vec![doubles(6)]),
        ("found 4294967295 results; the job asks for 2", derivatives(u32::MAX), vec![doubles(9)]),
        ("ended after 8 of 9 values", derivatives(2), vec![doubles(8)]),
        ("1 values more than expected", derivatives(2), vec![doubles(10)]),
        ("ended after 0 of 9 values", derivatives(2), vec![]),
        ("a piece of 12 bytes; values have 8 bytes each", derivatives(2), vec![cut, doubles(8)]),
        ("a result of another kind", JobOutcome::Evaluated(vec![false; 2]), vec![values(16)]),
        ("a result of another kind", update(3, 2), vec![values(3)]),
    ]
}

#[tokio::test]
async fn derivatives_that_do_not_fit_their_job_are_refused_and_the_job_is_given_out_again() {
    let coordinator = coordinator().await;
    let mut peer = coordinator.attend(hello(), identity()).await.unwrap();
    let asked = coordinator.differentiate(vec![vec![1.0; 3], vec![2.0; 3]]);
    for (words, outcome, parts) in misfits() {
        let JobHead { job, work, blobs, .. } = peer.pull().await;
        assert!(matches!(work, WorkHead::Differentiate { along, .. } if along == [1, 2]));
        assert_eq!(blobs.len(), 3, "the model and two directions");
        let reply = [vec![peer.head(job, outcome)], parts].concat();
        let refused = peer.push(reply).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(refused.message().contains(words), "{} for {words}", refused.message());
    }
    assert!(coordinator.has_counted("Malformed"));
    assert_eq!(done(&coordinator.hub, "differentiate"), None);
    // Values that are not finite cross unchanged: the analysis judges them, as in one process.
    let numbers =
        [f64::NAN, f64::INFINITY, -0.0, f64::MIN_POSITIVE / 4.0, 0.1, 1e300, 0.0, 1.0, 2.0];
    let job = peer.pull().await.job;
    let values = ValueSource::Derivative(numbers.into());
    let loss = f64::NEG_INFINITY;
    let parts = vec![
        peer.head(job, JobOutcome::Differentiated { loss, products: 2 }),
        ReplyPart::Piece(Piece::Outgoing(values.clone(), 0..4)),
        ReplyPart::Piece(Piece::Outgoing(values, 4..9)),
    ];
    assert_eq!(peer.push(parts).await.unwrap(), Receipt::Taken);
    let Reply::Differentiated(found) = asked.await.unwrap().unwrap() else {
        panic!("no derivatives")
    };
    let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    assert_eq!(found.loss, loss);
    assert_eq!(bits(&found.gradient), bits(&numbers[..3]));
    assert_eq!(bits(&found.products.concat()), bits(&numbers[3..]));
    assert_eq!(done(&coordinator.hub, "differentiate"), Some(1));
}

/// Returns the number of jobs of a kind that were done.
fn done(hub: &Hub, kind: &str) -> Option<u64> {
    let name = format!("fedlayer_jobs_done_total{{kind=\"{kind}\"}} ");
    let text = hub.metrics_text();
    text.lines().find_map(|line| line.strip_prefix(&name)).map(|count| count.parse().unwrap())
}

#[tokio::test]
async fn derivatives_of_a_lost_worker_are_given_to_another_and_taken_once() {
    let coordinator = coordinator().await;
    let mut first = coordinator.attend(hello(), identity()).await.unwrap();
    let mut second = coordinator.attend(hello(), identity()).await.unwrap();
    let asked = coordinator.differentiate(vec![vec![1.0; 3]]);
    let job = first.pull().await.job;
    let reply = |peer: &Peer| vec![peer.head(job, derivatives(1)), doubles(6)];
    first.sender.send(WorkerNote::Leave { why: "enough".into() }).await.unwrap();
    assert!(first.notes.message().await.is_ok_and(|note| note.is_none()));
    assert_eq!(second.pull().await.job, job);
    assert_eq!(second.push(reply(&second)).await.unwrap(), Receipt::Taken);
    let again = second.push(reply(&second)).await.unwrap();
    assert_eq!(again, Receipt::Refused(ReplyRejection::Repeated));
    let Reply::Differentiated(found) = asked.await.unwrap().unwrap() else {
        panic!("no derivatives")
    };
    let expected = Derivatives { loss: 0.25, gradient: vec![1.5; 3], products: vec![vec![1.5; 3]] };
    assert_eq!(found, expected);
}

/// No worker would read it, and the job would be given out for ever.
#[tokio::test]
async fn a_direction_of_another_length_is_given_to_no_worker() {
    let coordinator = coordinator().await;
    let asked = coordinator.differentiate(vec![vec![1.0; 3], vec![1.0; 2]]);
    let error = timeout(Duration::from_secs(60), asked).await.unwrap().unwrap();
    let words = "found a model or a direction of 2 values; the plan's model has 3".to_owned();
    assert_eq!(error.unwrap_err(), LinkError::Refused(words));
    assert!(coordinator.hub.metrics_text().contains("fedlayer_jobs_waiting 0"));
}

/// Starts workers with two slots each.
async fn start_workers(
    coordinator: &TestCoordinator,
    count: usize,
) -> JoinSet<Option<WorkerOutcome>> {
    let mut workers = JoinSet::new();
    for _ in 0..count {
        let address = coordinator.address.trim_start_matches("http://").to_owned();
        let security = Security { token: BearerToken::new(TOKEN), ..Security::default() };
        let config = WorkerConfig { security, slots: 2, ..config(address) };
        workers.spawn(async move {
            let prepare = |_: &str, _: &str| Ok(prepared());
            run_worker(&config, Arc::new(prepare), shutdown().1, |_| {}).await.ok()
        });
    }
    coordinator.hub.wait_for_workers(count).await;
    workers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_of_other_processes_are_one_trainer_with_the_results_of_one() {
    let coordinator = coordinator().await;
    let mut workers = start_workers(&coordinator, 2).await;
    let (hub, runtime) = (coordinator.hub.clone(), Handle::current());
    let plan = coordinator.plan.clone();
    spawn_blocking(move || compare_with_one(LinkTrainer::new(hub, plan, runtime))).await.unwrap();
    // Two splits of probes over four slots; 130 directions need three jobs of at most 64, and are
    // shared by four slots; 5 directions go to three slots, and 1 and none to one each.
    let kinds = ["initial", "train", "evaluate", "differentiate"];
    let counts = kinds.map(|kind| done(&coordinator.hub, kind));
    assert_eq!(counts, [Some(1), None, Some(4), Some(4 + 3 + 1 + 1)]);
    coordinator.hub.farewell(RunEnd::Finished).await;
    while let Some(ended) = workers.join_next().await {
        assert_eq!(ended.unwrap(), Some(WorkerOutcome::Finished));
    }
}

/// Compares a trainer with one toy trainer.
fn compare_with_one(mut found: LinkTrainer<Hub>) {
    let mut expected = ToyTrainer::new(&plan(), data()).unwrap();
    let params = found.initial(Seed::new(3)).unwrap();
    assert_eq!(params, expected.initial(Seed::new(3)).unwrap());
    let point = Point::Model(Arc::new(params));
    let probes = vec![Probe { point: point.clone(), split: Split::Test }; 7];
    assert_eq!(found.evaluate(&probes), expected.evaluate(&probes));
    let direction = |at: usize| vec![at as f32 / 7.0, -1.0, 1e-30];
    let along: Vec<Vec<f32>> = (0..130).map(direction).collect();
    for along in [&along[..], &along[..5], &along[..1], &[]] {
        let derivatives = found.differentiate(&point, Split::Test, along).unwrap();
        assert_eq!(derivatives, expected.differentiate(&point, Split::Test, along).unwrap());
        assert_eq!(derivatives.products.len(), along.len());
    }
}
