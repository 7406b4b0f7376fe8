//! Workers over gRPC, many of them at once, give the records of a pool of threads.

use std::{sync::Arc, time::Duration};

use fedlayer_core::{Plan, spec::Rule};
use fedlayer_runtime::{
    remote::{
        BoundPort, ConnectionLimits, CoordinatorNotice, Digest, Hub, Metrics, PreparedScenario,
        RunEnd, RunIdentity, RunOffer, Security, WorkerConfig, WorkerOutcome, run_worker, serve,
    },
    run_plan, shutdown,
};
use tokio::task::JoinSet;

use crate::support::{Memory, Run, Staged, data, plan};

const WORKERS: usize = 200;

const SAME: RunIdentity =
    RunIdentity { layout: Digest([1; 32]), plans: Digest([2; 32]), data: Digest([3; 32]) };

fn config(coordinator: String, number: usize) -> WorkerConfig {
    WorkerConfig {
        coordinator,
        security: Security::default(),
        name: format!("worker {number}"),
        version: "1".into(),
        slots: 1,
        device: "cpu".into(),
        processor: "any".into(),
        patience: Duration::from_secs(180),
    }
}

fn offer(plan: Arc<Plan>) -> RunOffer {
    RunOffer {
        name: "scenario".into(),
        scenario: "its text".into(),
        plans: vec![plan],
        identity: SAME,
        device: "cpu".into(),
        version: "1".into(),
        examples: Box::new(|_, split| data().split_len(split)),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_workers_at_once_are_accepted_and_none_is_refused_or_lost() {
    let mut plan = plan(Rule::All);
    (plan.data.validation_share, plan.data.client_validation_share) = (0.1, 0.1);
    let (_, alone) = Run::new(plan.clone(), Staged::calm()).go().await;
    let plan = Arc::new(plan);
    let metrics = Arc::new(Metrics::new());
    let refused = |notice| {
        if matches!(notice, CoordinatorNotice::Refused { .. } | CoordinatorNotice::Left { .. }) {
            eprintln!("{notice}");
        }
    };
    let hub = Hub::new(offer(plan.clone()), Duration::from_secs(180), metrics.clone(), refused);
    let hub = Arc::new(hub.unwrap());
    let listening = BoundPort::open("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let coordinator = listening.address().unwrap().to_string();
    tokio::spawn(serve(
        listening,
        hub.clone(),
        Security::default(),
        ConnectionLimits::within(4096),
    ));
    let mut workers = JoinSet::new();
    for number in 0..WORKERS {
        let (config, plan) = (config(coordinator.clone(), number), plan.clone());
        workers.spawn(async move {
            let prepare = move |_: &str, _: &str| {
                let (plans, factory) = (vec![plan.clone()], Arc::new(Staged::calm()));
                Ok(PreparedScenario { plans, identity: SAME, factory })
            };
            run_worker(&config, Arc::new(prepare), shutdown().1, |_| {}).await
        });
    }
    hub.wait_for_workers(WORKERS).await;
    assert_eq!(hub.present(), (WORKERS, WORKERS));
    let (_stopper, word) = shutdown();
    let (journal, data) = (Memory::default(), data());
    let examples = move |client| data.train_examples(client);
    run_plan(plan, examples, hub.clone(), journal.clone(), None, word).await.unwrap();
    let written = journal.written.lock().unwrap().clone();
    assert_eq!((written.records, written.barriers), (alone.records, alone.barriers));
    hub.farewell(RunEnd::Finished).await;
    for ended in workers.join_all().await {
        assert_eq!(ended.unwrap(), WorkerOutcome::Finished);
    }
    let counts = metrics.text();
    assert!(!counts.contains("fedlayer_refusals_total{"), "{counts}");
    assert!(counts.contains("fedlayer_workers_lost_total 0"), "{counts}");
}
