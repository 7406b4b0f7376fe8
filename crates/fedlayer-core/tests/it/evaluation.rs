//! The clients' models right after averaging, and the summary of a run.

use std::sync::Arc;

use fedlayer_core::{
    data::{ClientId, Split},
    model::{LayerSet, Params},
    record::{EvaluationRecord, RoundRecord, SummaryRow},
    round::{EvaluatedSplits, Federation, RoundEvaluation},
    spec::Weighting,
    trainer::Evaluation,
};
use proptest::prelude::*;

use crate::support::{layout, near, params, update};

/// The splits of a scenario without validation data.
const TEST_ALONE: EvaluatedSplits =
    EvaluatedSplits { client_test: true, validation: false, client_validation: false };

/// Two clients, with one averaged layer and one layer of their own.
fn federation(averaged: &[usize]) -> Federation {
    let layout = layout(&[("a", 1), ("b", 1)]);
    let updates =
        [update(0, &params(&layout, &[1.0, 3.0]), 1), update(1, &params(&layout, &[2.0, 5.0]), 1)];
    let mut federation = Federation::new(Arc::new(Params::zeros(layout.clone())));
    let set = LayerSet::new(layout, averaged.iter().copied());
    federation.commit(1, &set, Weighting::Equal, &updates).unwrap();
    federation
}

fn clients() -> [ClientId; 2] {
    [ClientId(0), ClientId(1)]
}

/// Four examples with this loss, `right` of them correct.
fn four(loss: f32, right: usize) -> Evaluation {
    let correct = (0..4).map(|example| f32::from(u8::from(example < right))).collect();
    Evaluation { losses: vec![loss; 4], correct: Some(correct) }
}

#[test]
fn a_shared_model_is_evaluated_on_the_test_set_once() {
    let checkup = RoundEvaluation::new(&federation(&[0, 1]), clients(), TEST_ALONE);
    let splits: Vec<Split> = checkup.probes().iter().map(|probe| probe.split).collect();
    let [first, second] = clients().map(Split::ClientTest);
    assert_eq!(splits, [Split::Test, first, second]);
    let record = checkup.record(&[four(0.5, 3), four(1.0, 2), four(3.0, 4)]);
    assert_eq!((record.test_loss, record.test_accuracy), (Some(0.5), Some(0.75)));
    assert_eq!((record.client_loss_mean, record.client_accuracy_mean), (Some(2.0), Some(0.75)));
    near(record.client_accuracy_std.unwrap(), 0.125_f64.sqrt(), 1e-12, "n − 1");
}

#[test]
fn own_layers_make_own_models() {
    let checkup = RoundEvaluation::new(&federation(&[0]), clients(), TEST_ALONE);
    let probes = checkup.probes();
    let models: Vec<Vec<f32>> =
        probes.iter().map(|probe| probe.point.params().values().to_vec()).collect();
    assert_eq!(models, [[1.5, 3.0], [1.5, 5.0], [1.5, 3.0], [1.5, 5.0]]);
    let record = checkup.record(&[four(1.0, 2), four(2.0, 4), four(1.0, 0), four(2.0, 1)]);
    assert_eq!((record.test_loss, record.test_accuracy), (Some(1.5), Some(0.75)));
    assert_eq!(record.client_accuracy_mean, Some(0.125));
}

#[test]
fn validation_data_are_evaluated_like_test_data_and_recorded_beside_them() {
    let all = EvaluatedSplits { client_test: true, validation: true, client_validation: true };
    let checkup = RoundEvaluation::new(&federation(&[0, 1]), clients(), all);
    let splits: Vec<Split> = checkup.probes().iter().map(|probe| probe.split).collect();
    let [first, second] = clients();
    let expected = [
        Split::Test,
        Split::ClientTest(first),
        Split::ClientTest(second),
        Split::Validation,
        Split::ClientValidation(first),
        Split::ClientValidation(second),
    ];
    assert_eq!(splits, expected);
    let nothing = Evaluation { losses: Vec::new(), correct: Some(Vec::new()) };
    let values = [four(0.5, 3), four(1.0, 2), four(3.0, 4), four(0.25, 1), four(8.0, 2), nothing];
    let record = checkup.record(&values);
    assert_eq!((record.test_loss, record.client_loss_mean), (Some(0.5), Some(2.0)));
    assert_eq!((record.validation_loss, record.validation_accuracy), (Some(0.25), Some(0.25)));
    assert_eq!(record.client_validation_loss_mean, Some(8.0));
    assert_eq!(record.client_validation_accuracy_mean, Some(0.5));
    assert_eq!((record.clients_without_test, record.clients_without_validation), (0, 1));
}

#[test]
fn without_own_test_data_no_value_over_them_is_measured() {
    let none = EvaluatedSplits { client_test: false, ..TEST_ALONE };
    let checkup = RoundEvaluation::new(&federation(&[0, 1]), clients(), none);
    assert_eq!(checkup.probes().len(), 1);
    let record = checkup.record(&[four(0.5, 3)]);
    assert_eq!((record.client_loss_mean, record.client_accuracy_mean), (None, None));
    assert_eq!((record.client_accuracy_std, record.clients_without_test), (None, 2));
    let text = serde_json::to_string(&record).unwrap();
    let expected = r#"{"test_loss":0.5,"test_accuracy":0.75,"client_loss_mean":null,"client_accuracy_mean":null,"client_accuracy_std":null,"clients_without_test":2}"#;
    assert_eq!(text, expected, "no validation part, no validation key");
}

/// Clients without test data are left out of the means over it; a loss that is not finite is
/// absent.
#[test]
fn values_that_cannot_be_measured_are_absent() {
    let checkup = RoundEvaluation::new(&federation(&[0]), clients(), TEST_ALONE);
    let nothing = Evaluation { losses: Vec::new(), correct: Some(Vec::new()) };
    let record = checkup.record(&[four(f32::INFINITY, 2), four(2.0, 4), nothing, four(2.0, 1)]);
    assert_eq!((record.test_loss, record.test_accuracy), (None, Some(0.75)));
    assert_eq!((record.client_loss_mean, record.client_accuracy_mean), (Some(2.0), Some(0.25)));
    assert_eq!(record.client_accuracy_std, None);
    assert_eq!(record.clients_without_test, 1);
    let row = SummaryRow::new("all", 1, &[round_record(record.clone())]);
    assert_eq!(row.clients_without_test, 1);
    let text = serde_json::to_string(&record).unwrap();
    assert!(text.ends_with(r#""client_accuracy_std":null,"clients_without_test":1}"#), "{text}");
    let all = checkup.record(&[four(1.0, 2), four(2.0, 4), four(1.0, 0), four(2.0, 1)]);
    assert!(
        !serde_json::to_string(&all).unwrap().contains("without_test"),
        "nothing where nobody is"
    );
}

/// Records may come from another program and hold any number.
#[test]
fn bytes_beyond_the_largest_number_are_the_largest_number() {
    let record = || RoundRecord {
        bytes_up: u64::MAX,
        bytes_down: 1,
        ..round_record(EvaluationRecord::default())
    };
    let row = SummaryRow::new("all", 1, &[record(), record()]);
    assert_eq!((row.bytes_up, row.bytes_down), (u64::MAX, 2));
}

fn round_record(evaluation: EvaluationRecord) -> RoundRecord {
    RoundRecord {
        round: 1,
        attempt: 1,
        reported: clients().to_vec(),
        missing: Vec::new(),
        averaged: "all".into(),
        examples: 2,
        steps: 2,
        train_loss: 1.0 / 3.0,
        evaluation: Some(evaluation),
        barriers: None,
        bytes_up: 0,
        bytes_down: 0,
        bytes: Vec::new(),
    }
}

proptest! {
    /// `summary.json` is made from records that were read back: a number keeps its text, however
    /// often it is read and written.
    #[test]
    fn a_record_that_is_read_back_has_the_same_text(number in prop::num::f64::NORMAL) {
        let evaluation = EvaluationRecord { test_loss: Some(number), ..EvaluationRecord::default() };
        let record = RoundRecord { train_loss: number, ..round_record(evaluation) };
        let text = serde_json::to_string(&record).unwrap();
        let again: RoundRecord = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(again.train_loss.to_bits(), number.to_bits());
        prop_assert_eq!(serde_json::to_string(&again).unwrap(), text);
    }
}
