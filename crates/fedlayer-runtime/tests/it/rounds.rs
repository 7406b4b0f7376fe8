//! The records of a run depend on its plan alone.

use fedlayer_core::{Plan, spec::Rule};
use fedlayer_runtime::ResumePoint;

use crate::support::{Run, Staged, Written, plan};

async fn written(plan: Plan, workers: usize) -> Written {
    let (end, written) = Run::new(plan, Staged::calm()).workers(workers).go().await;
    end.unwrap();
    written
}

fn assert_same(a: &Written, b: &Written) {
    assert_eq!(a.records, b.records);
    assert_eq!(a.barriers, b.barriers);
    let models = |written: &Written| {
        let federations = written.federations.iter();
        let models = federations.map(|f| (f.shared().values().to_vec(), f.clients().clone()));
        models.collect::<Vec<_>>()
    };
    assert_eq!(models(a), models(b));
}

#[tokio::test]
async fn the_number_of_workers_changes_no_record() {
    for rule in [Rule::All, Rule::None, Rule::Rotate(1)] {
        let mut plan = plan(rule);
        plan.clients.per_round = Some(5);
        plan.clients.dropout = 0.2;
        let one = written(plan.clone(), 1).await;
        assert_eq!(one.records.len(), 5);
        assert_same(&one, &written(plan, 4).await);
    }
}

#[tokio::test]
async fn a_run_that_goes_on_after_any_round_ends_the_same() {
    let plan = plan(Rule::Rotate(1));
    let whole = written(plan.clone(), 2).await;
    for committed in 1..=5_u32 {
        let done = committed as usize;
        let progress = ResumePoint {
            committed,
            federation: whole.federations[done - 1].clone(),
            selection: None,
        };
        let (end, rest) = Run::new(plan.clone(), Staged::calm()).from(progress).go().await;
        end.unwrap();
        assert_eq!(rest.records, whole.records[done..]);
    }
}

#[tokio::test]
async fn averaging_all_layers_leaves_one_model_and_averaging_none_sends_nothing_up() {
    let all = written(plan(Rule::All), 2).await;
    let bytes = 4 * 3;
    for record in &all.records {
        assert_eq!((record.bytes_up, record.bytes_down), (6 * bytes, 6 * bytes));
        assert_eq!(record.averaged, "all");
    }
    let none = written(plan(Rule::None), 2).await;
    // The initial model is sent down once.
    let down: Vec<u64> = none.records.iter().map(|record| record.bytes_down).collect();
    assert_eq!(down, [6 * bytes, 0, 0, 0, 0]);
    assert!(none.records.iter().all(|record| record.bytes_up == 0));
}

#[tokio::test]
async fn measurements_follow_their_intervals_and_the_last_round() {
    let mut plan = plan(Rule::All);
    plan.evaluate.every = 2;
    plan.barriers.as_mut().unwrap().every = 3;
    let written = written(plan, 2).await;
    let evaluated: Vec<bool> = written.records.iter().map(|r| r.evaluation.is_some()).collect();
    assert_eq!(evaluated, [false, true, false, true, true]);
    let measured: Vec<bool> = written.records.iter().map(|r| r.barriers.is_some()).collect();
    assert_eq!(measured, [false, false, true, false, true]);
}
