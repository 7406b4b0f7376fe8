//! The best round by validation: which rounds are marked, and where a run with patience ends.

use fedlayer_core::{
    Plan,
    round::Selection,
    spec::{Rule, Select},
};
use fedlayer_runtime::ResumePoint;

use crate::support::{Run, Staged, Written, plan};

/// A plan of ten rounds that selects the best one by the validation loss.
fn selecting(patience: Option<u32>) -> Plan {
    let mut plan = plan(Rule::All);
    plan.rounds = 10;
    plan.data.validation_share = 0.1;
    (plan.evaluate.select, plan.evaluate.patience) = (Select::Best, patience);
    plan
}

async fn written(plan: Plan, from: Option<ResumePoint>) -> Written {
    let run = Run::new(plan, Staged::calm());
    let run = if let Some(from) = from { run.from(from) } else { run };
    let (end, written) = run.go().await;
    end.unwrap();
    written
}

#[tokio::test]
async fn a_run_with_patience_is_the_beginning_of_one_without() {
    let whole = written(selecting(None), None).await;
    let losses: Vec<f64> = whole
        .records
        .iter()
        .map(|record| record.evaluation.as_ref().unwrap().validation_loss.unwrap())
        .collect();
    // The toy's loss at the origin grows with the distance, which grows in every round.
    assert!(losses.is_sorted_by(|a, b| a < b), "{losses:?}");
    let mut marks = vec![(false, false); 10];
    (marks[0].0, marks[9].1) = (true, true);
    assert_eq!(whole.marks, marks);
    let short = written(selecting(Some(3)), None).await;
    assert_eq!(short.records, whole.records[..4], "round 1 is the best; rounds 2 to 4 are not");
    assert_eq!(short.marks, [(true, false), (false, false), (false, false), (false, true)]);
}

#[tokio::test]
async fn a_resumed_run_remembers_the_best_round_and_ends_in_the_same_one() {
    let plan = selecting(Some(3));
    let whole = written(plan.clone(), None).await;
    for done in 1..=4 {
        let point = ResumePoint {
            committed: done as u32,
            federation: whole.federations[done - 1].clone(),
            selection: Selection::over(&plan, &whole.records[..done]),
        };
        assert_eq!(point.is_end(&plan), done == 4);
        let rest = written(plan.clone(), Some(point)).await;
        assert_eq!(rest.records, whole.records[done..]);
        assert_eq!(rest.marks, whole.marks[done..]);
    }
}

#[tokio::test]
async fn validation_data_change_nothing_else() {
    let without = Plan { data: plan(Rule::All).data, ..plan(Rule::All) };
    let mut with = without.clone();
    with.data.validation_share = 0.1;
    let (mut with, without) = (written(with, None).await, written(without, None).await);
    for record in &mut with.records {
        let evaluation = record.evaluation.as_mut().unwrap();
        assert!(evaluation.validation_loss.take().is_some());
    }
    assert_eq!(with.records, without.records);
}
