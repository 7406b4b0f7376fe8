//! The choice of the best round by validation, and the end by patience: compared with counts by
//! hand, and with a search through all rounds.

use fedlayer_core::{
    Plan,
    record::{BestRow, EvaluationRecord, RoundRecord, SummaryRow},
    round::{Event, Machine, Phase, Selection},
    spec::{Select, SelectBy},
};
use proptest::prelude::*;

use crate::support::plan;

fn selecting(by: Option<SelectBy>, patience: Option<u32>) -> Plan {
    let mut plan = plan();
    plan.rounds = 50;
    plan.data.validation_share = 0.1;
    plan.evaluate.select = Select::Best;
    (plan.evaluate.by, plan.evaluate.patience) = (by, patience);
    plan
}

/// Makes the record of a round with these validation values, if it was evaluated. Its test loss is
/// the number of the round, so the first round is always the best by test data.
fn record(round: u32, values: Option<(Option<f64>, Option<f64>)>) -> RoundRecord {
    let evaluation = values.map(|(loss, accuracy)| EvaluationRecord {
        test_loss: Some(round.into()),
        test_accuracy: Some(1.0 / f64::from(round)),
        validation_loss: loss,
        validation_accuracy: accuracy,
        ..EvaluationRecord::default()
    });
    RoundRecord {
        round,
        attempt: 1,
        reported: Vec::new(),
        missing: Vec::new(),
        averaged: "all".into(),
        examples: 1,
        steps: 1,
        train_loss: 0.0,
        evaluation,
        barriers: None,
        bytes_up: 10,
        bytes_down: 3,
        bytes: Vec::new(),
        layers: Vec::new(),
    }
}

/// Makes rounds 1, 2, … with these validation losses; their accuracies are the negative losses.
fn rounds(losses: &[Option<f64>]) -> Vec<RoundRecord> {
    let of = |(round, loss): (u32, &Option<f64>)| record(round, Some((*loss, loss.map(|l| -l))));
    (1..).zip(losses).map(of).collect()
}

#[test]
fn the_earliest_of_the_smallest_losses_is_the_best_round() {
    let losses = [Some(0.9), Some(0.5), Some(0.7), Some(0.5), None, Some(f64::NAN), Some(0.6)];
    for by in [None, Some(SelectBy::ValidationLoss), Some(SelectBy::ValidationAccuracy)] {
        let plan = selecting(by, None);
        let mut selection = Selection::of(&plan).unwrap();
        let better: Vec<bool> =
            rounds(&losses).iter().map(|record| selection.observe(record)).collect();
        assert_eq!(better, [true, true, false, false, false, false, false], "{by:?}");
        assert_eq!(selection.best().unwrap().round, 2);
        assert!(!selection.is_over(), "no patience, no end");
    }
    assert_eq!(Selection::of(&plan()), None);
}

#[test]
fn patience_counts_evaluations_and_not_rounds() {
    let selection =
        |records: &[RoundRecord]| Selection::over(&selecting(None, Some(2)), records).unwrap();
    // Rounds 2 and 4 are not evaluated.
    let mut records = vec![
        record(1, Some((Some(1.0), None))),
        record(2, None),
        record(3, Some((Some(1.0), None))),
    ];
    records.push(record(4, None));
    assert!(!selection(&records).is_over());
    records.push(record(5, Some((Some(1.5), None))));
    assert!(selection(&records).is_over());
    assert_eq!(selection(&records).best().unwrap().round, 1);
    // A better round begins the count anew.
    records[2] = record(3, Some((Some(0.5), None)));
    assert!(!selection(&records).is_over());
}

#[test]
fn a_round_without_a_value_is_never_the_best() {
    let selection = Selection::over(&selecting(None, Some(3)), &rounds(&[None; 3])).unwrap();
    assert_eq!(selection.best(), None);
    assert!(selection.is_over());
    assert_eq!(BestRow::of(&selecting(None, None), &rounds(&[None; 3])), None);
}

#[test]
fn the_summary_reports_the_best_round_beside_the_last() {
    let plan = selecting(None, Some(2));
    let records = rounds(&[Some(0.9), Some(0.5), Some(0.7), Some(0.6)]);
    let best = BestRow::of(&plan, &records).unwrap();
    assert_eq!((best.round, best.value, best.by), (2, 0.5, SelectBy::ValidationLoss));
    assert_eq!((best.test_loss, best.test_accuracy), (Some(2.0), Some(0.5)));
    assert_eq!((best.bytes_up, best.bytes_down), (20, 6), "of rounds 1 and 2");
    assert!(best.stopped_early, "two evaluations without improvement, of 50 rounds");
    assert_eq!(SummaryRow::new("all", 1, &records).test_loss, Some(4.0), "the last round");
    let all = Plan { rounds: 4, ..plan };
    assert!(!BestRow::of(&all, &records).unwrap().stopped_early);
    assert_eq!(
        BestRow::of(&Plan { evaluate: crate::support::plan().evaluate, ..all }, &records),
        None
    );
}

#[test]
fn the_machine_finishes_after_the_round_that_the_run_ends_with() {
    let plan = std::sync::Arc::new(selecting(None, Some(2)));
    let (mut machine, actions) = Machine::new(plan.clone()).handle(Event::Joined { committed: 0 });
    let fedlayer_core::round::Action::Train { clients, .. } = &actions[0] else { panic!() };
    for &client in clients {
        let ticket = fedlayer_core::round::Ticket { round: 1, attempt: 1, client };
        let start = std::sync::Arc::new(fedlayer_core::model::Params::zeros(plan.layout.clone()));
        let result = Ok(Box::new(crate::support::update(client.0, &start, 1)));
        machine = machine.handle(Event::Reported { ticket, result }).0;
    }
    let (machine, actions) = machine.handle(Event::Probed { round: 1, is_last: true });
    assert_eq!(machine.phase(), &Phase::Finished);
    assert_eq!(actions, [fedlayer_core::round::Action::Commit { round: 1 }]);
}

proptest! {
    /// The selection reads validation values alone: whatever the test values are, the same round is
    /// the best one and the run ends in the same round.
    #[test]
    fn a_choice_by_validation_never_reads_test_data(
        losses in prop::collection::vec(prop::option::of(0.0..2.0), 1..30),
        wrong in prop::collection::vec(prop::option::of(prop::num::f64::ANY), 30),
        patience in 1_u32..5,
        by in prop::sample::select(vec![SelectBy::ValidationLoss, SelectBy::ValidationAccuracy]),
    ) {
        let plan = selecting(Some(by), Some(patience));
        let right = rounds(&losses);
        let mut other = right.clone();
        for (record, wrong) in other.iter_mut().zip(&wrong) {
            let evaluation = record.evaluation.as_mut().unwrap();
            evaluation.test_loss = *wrong;
            evaluation.test_accuracy = wrong.map(|value| -value);
            evaluation.client_loss_mean = *wrong;
            evaluation.client_accuracy_mean = *wrong;
        }
        let (right, other) = (Selection::over(&plan, &right), Selection::over(&plan, &other));
        prop_assert_eq!(right, other);
    }

    /// The selection, which takes one round after the other, finds what a search through all finds.
    #[test]
    fn the_best_round_has_the_smallest_loss_of_all(
        losses in prop::collection::vec(prop::option::of(0_u8..5), 1..30),
        patience in 1_u32..5,
    ) {
        let losses: Vec<Option<f64>> = losses.into_iter().map(|loss| loss.map(f64::from)).collect();
        let selection = Selection::over(&selecting(None, Some(patience)), &rounds(&losses)).unwrap();
        let least = losses.iter().flatten().copied().fold(f64::INFINITY, f64::min);
        let expected = losses.iter().position(|loss| *loss == Some(least));
        let found = selection.best().map(|best| best.round as usize - 1);
        prop_assert_eq!(found, expected);
        let since = losses.len() - found.map_or(0, |best| best + 1);
        prop_assert_eq!(selection.is_over(), since >= patience as usize);
    }
}
