//! An evaluation has one value per example in the split's order, and does not depend on the other
//! probes.

use std::sync::Arc;

use fedlayer_core::{
    Seed,
    data::{ClientId, ClientRows, Examples, FederatedData, Split},
    model::{LayerSet, Mix, Params, Point},
    spec::*,
    trainer::{Evaluation, Probe, Trainer},
};

use crate::setup::*;

#[test]
fn a_probe_gives_the_same_bytes_beside_any_other_probes() {
    let data = data(6, 3, &[40, 7], 3000);
    let plan = plan(mlp(&[16, 8]), &data, local(sgd(0.1)));
    let mut trainer = trainer(&plan, &data);
    let (a, b) = (initial(&mut trainer), Arc::new(trainer.initial(Seed::new(2)).unwrap()));
    let mix = Mix {
        base: a.clone(),
        other: b.clone(),
        set: LayerSet::new(plan.layout.clone(), [1]),
        weight: 0.5,
    };
    let splits =
        [Split::Test, Split::Train, Split::ClientTest(ClientId(0)), Split::ClientTest(ClientId(1))];
    let points = [
        Point::Model(a),
        Point::Mix(mix.clone()),
        Point::Model(b),
        Point::Twin { mix, seed: Seed::new(4) },
    ];
    let probes: Vec<Probe> = splits
        .iter()
        .flat_map(|&split| points.iter().map(move |point| Probe { point: point.clone(), split }))
        .collect();
    let together = trainer.evaluate(&probes).unwrap();
    for (probe, together) in probes.iter().zip(&together).rev() {
        let mut fresh = crate::setup::trainer(&plan, &data);
        assert_eq!(&fresh.evaluate(std::slice::from_ref(probe)).unwrap()[0], together);
        assert_eq!(&trainer.evaluate(std::slice::from_ref(probe)).unwrap()[0], together);
    }
    let lengths: Vec<usize> = together.iter().map(|e| e.losses.len()).step_by(4).collect();
    assert_eq!(lengths, [3000, 47, 2, 2]);
}

/// The same examples as test and as validation data have the same losses, bit for bit, on networks
/// that are stacked (on the device) and that are not (in the host's memory).
#[test]
fn validation_data_are_evaluated_as_test_data_are() {
    let data = data(6, 3, &[40, 7], 30);
    let pool = data.pool().unwrap().clone();
    let client = |id| {
        let own = data.client(ClientId(id));
        ClientRows { train: own.train, validation: own.test.clone(), test: own.test }
    };
    let twice = FederatedData::new(pool, data.test.clone(), [client(0), client(1)]);
    let twice = Arc::new(twice.with_validation(Some(data.test.clone())));
    let unstacked =
        model(r#"{ "layers": [{ "linear": { "out": 5 } }, "relu", { "linear": { "out": 3 } }] }"#);
    for model in [mlp(&[16, 8]), unstacked] {
        let plan = plan(model, &twice, local(sgd(0.1)));
        let mut trainer = trainer(&plan, &twice);
        let start = initial(&mut trainer);
        let of = |id| [Split::ClientTest(ClientId(id)), Split::ClientValidation(ClientId(id))];
        for [test, validation] in [[Split::Test, Split::Validation], of(0), of(1)] {
            let probes = [probe(&start, test), probe(&start, validation)];
            let [test, validation] = trainer.evaluate(&probes).unwrap().try_into().unwrap();
            assert!(!test.losses.is_empty());
            assert_eq!(test, validation);
        }
    }
    // Without such data there is nothing to evaluate, and no error.
    let plan = plan(ModelSpec::Linear, &data, local(sgd(0.1)));
    let mut trainer = trainer(&plan, &data);
    let start = initial(&mut trainer);
    let none = [Split::Validation, Split::ClientValidation(ClientId(1))];
    for evaluation in trainer.evaluate(&none.map(|split| probe(&start, split))).unwrap() {
        assert_eq!(evaluation.losses.len(), 0);
    }
}

/// Logistic regression on one feature, with a weight per class.
fn tiny(weights: [f32; 3], test: Vec<(f32, u32)>) -> Evaluation {
    let examples = |rows: Vec<(f32, u32)>| {
        let (features, labels) = rows.into_iter().unzip();
        Arc::new(Examples::new(vec![1], 3, features, labels))
    };
    let pool = examples(vec![(1.0, 2), (2.0, 0)]);
    let data = Arc::new(FederatedData::new(pool, examples(test), [(vec![1, 0], vec![])]));
    let plan = plan(ModelSpec::Linear, &data, local(sgd(0.1)));
    let values = [weights, [0.0; 3]].concat();
    let params = Arc::new(Params::new(plan.layout.clone(), values).unwrap());
    let mut trainer = trainer(&plan, &data);
    let probes = [Split::Test, Split::Train, Split::ClientTest(ClientId(0))]
        .map(|split| probe(&params, split));
    let [test, train, own] = trainer.evaluate(&probes).unwrap().try_into().unwrap();
    assert_eq!(own, Evaluation { losses: vec![], correct: Some(vec![]) });
    assert_eq!((own.loss(), own.accuracy()), (None, None));
    // The client's order, not the pool's: x = 2 of class 0, then x = 1 of class 2.
    let expected = [f64::from(2.0 * weights[0]), f64::from(weights[2])];
    for (at, x) in [(0, 2.0), (1, 1.0)] {
        let sum: f64 = weights.iter().map(|w| (x * f64::from(*w)).exp()).sum();
        assert!((f64::from(train.losses[at]) - (sum.ln() - expected[at])).abs() < 1e-6);
    }
    test
}

#[test]
fn losses_come_in_the_order_of_the_split() {
    let test = tiny([1.0, 0.0, -1.0], vec![(0.0, 0), (1.0, 0), (-3.0, 2)]);
    assert_eq!(test.correct, Some(vec![1.0, 1.0, 1.0]));
    assert!((test.losses[0] - 3.0_f32.ln()).abs() < 1e-6);
    assert!(test.losses[2] < test.losses[1] && test.losses[1] < test.losses[0]);
}

#[test]
fn of_equal_outputs_the_first_class_counts() {
    let test = tiny([0.0, 1.0, 1.0], vec![(1.0, 0), (1.0, 1), (1.0, 2), (0.0, 0), (0.0, 1)]);
    assert_eq!(test.correct, Some(vec![0.0, 1.0, 0.0, 1.0, 0.0]));
}
