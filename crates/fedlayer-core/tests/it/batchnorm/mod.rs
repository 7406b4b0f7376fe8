//! Running statistics in all numbers: a network with two batch normalisations, computed in the
//! tests and compared with `tests/oracle/fixtures/batchnorm.json` (PyTorch). `fedlayer-torch` tests
//! the policies that measure statistics anew.

mod case;

use std::sync::Arc;

use fedlayer_core::{
    Seed,
    data::ClientId,
    model::{LayerSet, Mix, Params, ParamsError, Point, distance},
    record::{BarrierKind, BarrierRow, Metric},
    round::{Federation, mean_model, traffic, weighted_mean},
    spec::*,
    trainer::UpdateError,
};
use serde_json::Value;

use crate::{
    batchnorm::case::{case, cases, read},
    support::{bits, cohort, near, pairs, update},
};

/// Every sweep at every α. A fault once used one model's statistics for all bases at α = ½ and α =
/// 1 of all layers.
#[test]
fn barriers_are_pytorchs_where_statistics_are_averaged_and_where_each_base_keeps_its_own() {
    for case in cases() {
        let alphas: Vec<f64> = read(&case.fixture["alphas"]);
        for study in case.expected["studies"].as_array().unwrap() {
            let spec = BarrierSpec {
                sets: vec![SetSpec::Full, SetSpec::Layers, SetSpec::Shallow, SetSpec::Deep],
                alpha: alphas.clone(),
                between: read(&study["between"]),
                ..cohort()
            };
            let rows = case.barriers(&spec);
            let mut bases: Vec<String> = read(&study["bases"]);
            bases.push("mean".to_owned());
            let mut compared = 0;
            for barrier in study["barriers"].as_array().unwrap() {
                let (metric, baseline): (Metric, Baseline) =
                    (read(&barrier["metric"]), read(&barrier["baseline"]));
                for row in rows.iter().filter(|row| {
                    [BarrierKind::Full, BarrierKind::Layer, BarrierKind::Shallow, BarrierKind::Deep].contains(&row.kind)
                        && (row.metric, row.baseline) == (metric, Some(baseline))
                        && row.set == barrier["set"]
                        && row.alpha == barrier["alpha"].as_f64()
                        && row.base != "max"
                        // A loss that is NaN has no correct answer, because no logit is the
                        // largest.
                        && (metric == Metric::Loss || row.alpha < Some(1.0))
                }) {
                    let at = bases.iter().position(|base| *base == row.base).unwrap();
                    let [value, error] = [0, 1].map(|part| barrier["values"][at][part].as_f64());
                    check_number(row.value, value, row);
                    check_number(row.std_error, error, row);
                    compared += 2;
                }
            }
            assert!(compared > 500, "{compared}");
            let interaction = rows.iter().filter(|row| {
                (row.kind, row.metric, row.baseline, row.alpha)
                    == (BarrierKind::Interaction, Metric::Loss, Some(Baseline::Mean), Some(0.5))
            });
            for (row, expected) in interaction.zip(study["interaction"].as_array().unwrap()) {
                near(row.value.unwrap(), expected[0].as_f64().unwrap(), 1e-5, row);
            }
        }
    }
}

fn check_number(found: Option<f64>, expected: Option<f64>, row: &BarrierRow) {
    assert_eq!(found.is_some(), expected.is_some(), "{row:?}");
    near(found.unwrap_or(0.0), expected.unwrap_or(0.0), 2e-6, row);
}

#[test]
fn norms_cosines_and_parameters_leave_statistics_out() {
    for case in cases() {
        for (name, spec) in [("cohort", cohort()), ("pairs", pairs())] {
            let sets = vec![SetSpec::Full, SetSpec::Layers, SetSpec::Shallow, SetSpec::Deep];
            let rows = case.barriers(&BarrierSpec { sets, ..spec });
            let found = |metric, set: &Value, base: &str| {
                let mut geometry = rows
                    .iter()
                    .filter(|row| (row.kind, row.metric) == (BarrierKind::Geometry, metric));
                geometry.find(|row| row.set == *set && row.base == base).unwrap().value.unwrap()
            };
            for expected in case.fixture["geometry"][name].as_array().unwrap() {
                let (set, base) = (&expected["set"], expected["base"].as_str().unwrap());
                for (metric, key) in [(Metric::Norm, "norm"), (Metric::Cosine, "cosine")] {
                    near(
                        found(metric, set, base),
                        expected[key].as_f64().unwrap(),
                        1e-6,
                        (key, set, base),
                    );
                }
            }
            for (set, count) in case.fixture["parameters"].as_object().unwrap() {
                let parameters = found(Metric::Parameters, &set.clone().into(), "mean");
                assert_eq!(Some(parameters), count.as_f64(), "{set}");
            }
        }
    }
}

/// A random direction in a variance would make it negative, and the loss NaN.
#[test]
fn twins_move_trained_values_alone() {
    for case in cases() {
        for spec in [cohort(), pairs()] {
            let rows = case.barriers(&BarrierSpec { alpha: vec![0.5, 1.0], twins: 4, ..spec });
            let twins = rows.iter().filter(|row| {
                row.kind == BarrierKind::Twin && row.baseline == Some(Baseline::Mean)
            });
            let twins: Vec<_> = twins.collect();
            assert!(twins.len() > 50 && twins.iter().all(|row| row.value.is_some()), "{twins:?}");
        }
        let [base, other] = [0, 1].map(|at| case.models[at].clone());
        for layers in [vec![1], vec![0, 1], vec![0, 1, 2, 3, 4]] {
            let set = case.set(&layers);
            let mix =
                Mix { base: base.clone(), other: other.clone(), set: set.clone(), weight: 0.5 };
            let twin = mix.twin(Seed::new(3));
            let step = 0.5 * distance(&base, &other, set.trained());
            near(distance(&base, &twin, set.trained()), step, 1e-6, "norm");
            assert_eq!(case.statistics(&twin), case.statistics(&base));
        }
    }
}

#[test]
fn an_average_and_a_mix_have_a_whole_number_of_batches() {
    let case = case(Statistics::Average);
    let mean = mean_model(Weighting::Examples, &case.updates()).unwrap();
    let expected: Vec<f32> = read(&case.fixture["mean"]);
    for tensor in case.layout.tensors() {
        let pairs = mean.range(&tensor.range).iter().zip(&expected[tensor.range.clone()]);
        for (&found, &expected) in pairs {
            let tolerance = if tensor.is_counter() { 0.0 } else { 1e-6 };
            near(found.into(), expected.into(), tolerance, &tensor.name);
        }
    }
    let counter = |params: &Params| {
        let counters = case.layout.statistics().filter(|tensor| tensor.is_counter());
        counters.map(|tensor| params.range(&tensor.range)[0]).collect::<Vec<f32>>()
    };
    let (few, many) = (case.models[0].clone(), case.models[2].clone());
    assert_eq!((counter(&few), counter(&many)), (vec![10.0; 2], vec![18.0; 2]));
    for (weight, expected) in [(0.0, 10.0), (0.3, 18.0), (0.5, 18.0), (1.0, 18.0), (1.4, 18.0)] {
        let mix = Mix { base: few.clone(), other: many.clone(), set: case.set(&[1, 3]), weight };
        assert_eq!(counter(&mix.params()), vec![expected; 2], "{weight}");
        for layer in [1, 3] {
            let range = case.layout.layers()[layer].range.clone();
            let part = Point::Mix(mix.clone()).layer(layer);
            assert_eq!(bits(&part.values()), bits(mix.params().range(&range)), "{weight}");
        }
    }
    // Only one layer is averaged; the other keeps the target's counter.
    let mut target = (*few).clone();
    weighted_mean(&mut target, &case.set(&[3]), &[(1.0, &few), (2.0, &many)]).unwrap();
    assert_eq!(counter(&target), [10.0, 18.0]);
}

/// Averaged statistics are sent with their layer. Statistics that each client keeps are sent once,
/// in the initial model.
#[test]
fn statistics_are_charged_where_they_are_sent() {
    for (statistics, of_norm) in
        [(Statistics::Average, 4 * (4 * 5 + 1)), (Statistics::Keep, 4 * 2 * 5)]
    {
        let case = case(statistics);
        let mut federation = Federation::new(case.start.clone());
        let reported = [ClientId(0), ClientId(1)];
        let all = LayerSet::all(&case.layout);
        let norm = |federation: &Federation, set: &LayerSet| {
            let bytes = traffic(federation, &reported, [ClientId(2)], set);
            (bytes[1].up, bytes[1].down)
        };
        let whole = 4 * (4 * 5 + 1);
        assert_eq!(norm(&federation, &all), (2 * of_norm, 3 * whole), "{statistics:?}");
        federation.commit(1, &all, Weighting::Equal, &case.updates()[..2]).unwrap();
        // Client 2 has never reported: it receives the whole model again.
        assert_eq!(norm(&federation, &all), (2 * of_norm, 2 * of_norm + whole), "{statistics:?}");
        assert_eq!(norm(&federation, &LayerSet::none(&case.layout)).0, 0);
    }
}

#[test]
fn a_negative_running_variance_is_refused_by_name() {
    let case = case(Statistics::Keep);
    let variance = case.layout.tensors().find(|tensor| tensor.name == "norm2.running_var").unwrap();
    let mut params = (*case.models[0]).clone();
    params.values_mut()[variance.range.start + 2] = -0.5;
    let said = params.check().unwrap_err();
    assert!(matches!(said, ParamsError::Variance { .. }));
    assert_eq!(
        said.to_string(),
        "layer `norm2` holds a variance of -0.5 (tensor `norm2.running_var`, element 2); a running variance must be at least 0"
    );
    let bad = update(0, &Arc::new(params.clone()), 3);
    assert_eq!(bad.check(&case.layout), Err(UpdateError::Variance(said.clone())));
    assert!(!bad.check(&case.layout).unwrap_err().to_string().contains("learning rate"));
    // The variance of a constant is 0, and a running mean may be negative.
    params.values_mut()[variance.range.start + 2] = 0.0;
    assert_eq!(params.check(), Ok(()));
}
