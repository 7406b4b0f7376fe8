//! The barriers of a round: every sweep, α, baseline and extra, norms, cosines and counts.

use std::sync::Arc;

use fedlayer_core::{
    Seed,
    barrier::{BarrierStudy, EndModel, summarize},
    data::{Examples, FederatedData, Split},
    model::Point,
    record::{BarrierKind, BarrierRow, Metric},
    spec::*,
    trainer::{Trainer, Update},
};
use serde_json::Value;

use super::{Case, cases, data, read};
use crate::setup::{probe, trainer};

/// Losses are about 1 and computed in f32.
const LOSS: f64 = 1e-5;

impl Case {
    fn study(
        &mut self,
        between: Between,
        alpha: Vec<f64>,
        twins: u32,
    ) -> (BarrierStudy, Vec<BarrierRow>) {
        let end = |update: Update| EndModel { start: self.start.clone(), update };
        let ends: Vec<EndModel> = (0..3).map(|client| end(self.update(client))).collect();
        let spec = BarrierSpec {
            sets: vec![SetSpec::Full, SetSpec::Layers, SetSpec::Shallow, SetSpec::Deep],
            alpha,
            splits: vec![SplitSpec::Test],
            between,
            twins,
            ..BarrierSpec::default()
        };
        let study = BarrierStudy::new(&spec, Weighting::Examples, 1, Seed::new(1), &ends).unwrap();
        let evaluations = self.trainer.evaluate(&study.probes()).unwrap();
        let rows = study.rows(&evaluations);
        (study, rows)
    }
}

/// The values of a list of estimates: of each base, then of their mean.
fn column(values: &Value, part: usize) -> Vec<Value> {
    values.as_array().unwrap().iter().map(|estimate| estimate[part].clone()).collect()
}

/// The largest value of the bases. NaN counts as the largest.
fn largest(bases: &[Value]) -> Value {
    let values: Option<Vec<f64>> = bases.iter().map(Value::as_f64).collect();
    let largest = values.and_then(|values| values.into_iter().reduce(f64::max));
    largest.map_or(Value::Null, Value::from)
}

/// The values by base, then their mean and the largest, as records have them.
fn by_base(study: &Value, values: &[Value]) -> Vec<(String, Value)> {
    let mut bases: Vec<String> = read(&study["bases"]);
    bases.push("mean".to_owned());
    let found: Vec<(String, Value)> = bases.into_iter().zip(values.iter().cloned()).collect();
    let max = ("max".to_owned(), largest(&values[..values.len() - 1]));
    found.into_iter().chain([max]).collect()
}

fn between(study: &Value) -> Between {
    read(&study["between"])
}

#[test]
fn barriers_of_every_policy_are_pytorchs() {
    let mut compared = 0;
    for mut case in cases() {
        let alphas: Vec<f64> = read(&case.fixture["alphas"]);
        for expected in read::<Vec<Value>>(&case.expected["studies"]) {
            let (_, rows) = case.study(between(&expected), alphas.clone(), 0);
            let barriers = expected["barriers"].as_array().unwrap();
            let of_study = barriers.iter().map(|barrier| compare(&case, &expected, barrier, &rows));
            compared += of_study.sum::<usize>();
        }
    }
    assert!(compared > 5000, "{compared}");
}

/// Compares the rows of a barrier with PyTorch's values and standard errors. Returns the number of
/// rows.
fn compare(case: &Case, study: &Value, barrier: &Value, rows: &[BarrierRow]) -> usize {
    const SWEEPS: [BarrierKind; 4] =
        [BarrierKind::Full, BarrierKind::Layer, BarrierKind::Shallow, BarrierKind::Deep];
    let (metric, baseline): (Metric, Baseline) =
        (read(&barrier["metric"]), read(&barrier["baseline"]));
    let tolerance = if metric == Metric::Loss { LOSS } else { 1e-3 };
    let of_barrier = rows.iter().filter(|row| {
        SWEEPS.contains(&row.kind)
            && row.set == barrier["set"]
            && row.alpha == barrier["alpha"].as_f64()
            && (row.metric, row.baseline) == (metric, Some(baseline))
    });
    let values = by_base(study, &column(&barrier["values"], 0));
    let errors = by_base(study, &column(&barrier["values"], 1));
    let mut found = 0;
    for row in of_barrier {
        let at = values.iter().position(|(base, _)| *base == row.base).unwrap();
        let what = format!("{row:?}");
        case.near(row.value, &values[at].1, tolerance, &what);
        if row.base != "max" {
            case.near(row.std_error, &errors[at].1, tolerance, &what);
        }
        found += 1;
    }
    assert!(found >= values.len(), "{barrier}");
    found
}

/// Under `keep` every base has its own running statistics at ½ and at 1, even if all layers are
/// mixed. α = 0.4999 shows it.
#[test]
fn under_keep_all_layers_mixed_to_the_end_differ_by_base() {
    let mut case = cases().into_iter().find(|case| case.statistics == Statistics::Keep).unwrap();
    for (way, whole) in [(Between::Cohort, 0.5), (Between::Pairs, 1.0)] {
        let (_, rows) = case.study(way, vec![whole - 1e-4, whole], 0);
        let full = |kind: BarrierKind, alpha: f64, base: &str| {
            let found = rows.iter().find(|row| {
                (row.kind, row.metric, row.alpha) == (kind, Metric::Loss, Some(alpha))
                    && (row.set.as_str(), row.base.as_str(), row.baseline)
                        == ("all", base, Some(Baseline::Mean))
            });
            found.unwrap().value.unwrap()
        };
        let bases = if way == Between::Cohort { ["0", "1", "2"] } else { ["0<-1", "1<-0", "2<-0"] };
        for kind in [BarrierKind::Full, BarrierKind::Shallow, BarrierKind::Deep] {
            let at = |alpha| bases.map(|base| full(kind, alpha, base));
            let (before, at_the_end) = (at(whole - 1e-4), at(whole));
            for (before, at_the_end) in before.iter().zip(&at_the_end) {
                assert!((before - at_the_end).abs() < 1e-3, "{kind}: {before} and {at_the_end}");
            }
            assert_ne!(at_the_end[0], at_the_end[1], "{kind}");
        }
    }
}

#[test]
fn interaction_peak_and_the_table_are_pytorchs() {
    for mut case in cases() {
        let alphas: Vec<f64> = read(&case.fixture["alphas"]);
        for expected in read::<Vec<Value>>(&case.expected["studies"]) {
            let (_, rows) = case.study(between(&expected), alphas.clone(), 0);
            let shown = |kind: BarrierKind, alpha: Option<f64>| {
                let rows = rows.iter().filter(move |row| {
                    (row.kind, row.metric, row.baseline)
                        == (kind, Metric::Loss, Some(Baseline::Mean))
                        && row.set == "all"
                        && alpha.is_none_or(|alpha| row.alpha == Some(alpha))
                });
                rows.collect::<Vec<_>>()
            };
            let interactions = by_base(&expected, &column(&expected["interaction"], 0));
            let found = shown(BarrierKind::Interaction, Some(0.5));
            assert_eq!(found.len(), interactions.len());
            for (row, (base, value)) in found.iter().zip(&interactions) {
                assert_eq!(row.base, *base);
                case.near(row.value, value, 4.0 * LOSS, "interaction");
            }
            // The largest of PyTorch's values over the grid of α.
            let curve: Vec<Vec<(String, Value)>> = alphas
                .iter()
                .map(|alpha| {
                    let of_all = expected["barriers"].as_array().unwrap().iter().find(|row| {
                        row["set"] == "all"
                            && row["alpha"].as_f64() == Some(*alpha)
                            && row["baseline"] == "mean"
                            && row["metric"] == "loss"
                    });
                    by_base(&expected, &column(&of_all.unwrap()["values"], 0))
                })
                .collect();
            for row in shown(BarrierKind::Peak, None) {
                let at = curve[0].iter().position(|(base, _)| *base == row.base).unwrap();
                let over: Vec<Value> = curve.iter().map(|values| values[at].1.clone()).collect();
                case.near(row.value, &largest(&over), LOSS, "peak");
            }
            let half = &curve[alphas.iter().position(|alpha| *alpha == 0.5).unwrap()];
            let mean = half.iter().find(|(base, _)| base == "mean").unwrap();
            case.near(summarize(&rows).full_barrier, &mean.1, LOSS, "full_barrier");
        }
    }
}

/// Only the scale and the shift of a normalisation are measured. Its statistics differ hundreds of
/// times as much.
#[test]
fn norms_cosines_and_parameters_are_those_of_trained_values() {
    for mut case in cases() {
        for way in [Between::Cohort, Between::Pairs] {
            let (_, rows) = case.study(way, vec![0.5], 0);
            let word = if way == Between::Cohort { "cohort" } else { "pairs" };
            let found = |metric: Metric, set: &Value, base: &str| {
                let row = rows.iter().find(|row| {
                    (row.kind, row.metric) == (BarrierKind::Geometry, metric)
                        && row.set == *set
                        && row.base == base
                });
                row.unwrap_or_else(|| panic!("no {metric:?} of {set} at {base}")).value
            };
            for expected in read::<Vec<Value>>(&case.fixture["geometry"][word]) {
                let (set, base) = (&expected["set"], expected["base"].as_str().unwrap());
                let norm = expected["norm"].as_f64().unwrap();
                case.near(found(Metric::Norm, set, base), &expected["norm"], 1e-5 * norm, "norm");
                case.near(found(Metric::Cosine, set, base), &expected["cosine"], 1e-5, "cosine");
            }
            for (set, count) in case.fixture["parameters"].as_object().unwrap() {
                let set = Value::from(set.clone());
                case.near(found(Metric::Parameters, &set, "mean"), count, 0.0, "parameters");
            }
        }
    }
}

/// A twin has the norm of its mix over the trained values, keeps the base's running statistics, and
/// has a finite loss.
#[test]
fn twins_spend_their_length_on_trained_values_and_have_a_loss() {
    for mut case in cases() {
        for way in [Between::Cohort, Between::Pairs] {
            let (study, rows) = case.study(way, vec![0.5, 1.0], 3);
            let mut twins = 0;
            for probe in study.probes() {
                let Point::Twin { mix, .. } = &probe.point else { continue };
                let twin = probe.point.params();
                for statistic in twin.layout().statistics() {
                    let range = &statistic.range;
                    assert_eq!(twin.range(range), mix.base.range(range), "{}", statistic.name);
                }
                let away = |to| fedlayer_core::model::distance(&mix.base, to, mix.set.trained());
                let (found, expected) = (away(&twin), mix.weight * away(&mix.other));
                assert!((found - expected).abs() < 1e-6 * expected, "{found} is not {expected}");
                twins += 1;
            }
            assert!(twins > 100);
            for row in rows.iter().filter(|row| {
                row.kind == BarrierKind::Twin && row.baseline != Some(Baseline::Chord)
            }) {
                assert!(
                    row.value.is_some() && row.std_error.is_some(),
                    "{:?}: {row:?}",
                    case.statistics
                );
            }
        }
    }
}

/// Two batches of 256 and 64 examples have the same weight. Each contributes its mean and its
/// unbiased variance.
#[test]
fn statistics_measured_in_several_batches_are_pytorchs() {
    let case = cases().into_iter().find(|case| case.statistics == Statistics::Recompute).unwrap();
    let small = data(&case.fixture);
    let pool = small.pool().unwrap();
    let (values, classes) = (pool.all_values(), pool.classes);
    let copies = (0_u8..10).map(|copy| 1.0 + f32::from(copy) / 10.0);
    let values = copies.flat_map(|factor| values.iter().map(move |value| value * factor)).collect();
    let large = Examples::new(pool.shape.clone(), classes, values, pool.labels.repeat(10));
    let clients = [((0..large.len() as u32).collect(), vec![])];
    let data = Arc::new(FederatedData::new(Arc::new(large), small.test.clone(), clients));
    let mut trainer = trainer(&case.plan, &data);
    let found = trainer.evaluate(&[probe(&case.models[1], Split::Test)]).unwrap().remove(0).loss();
    case.near(found, &case.fixture["measured_in_batches"], LOSS, "measured in two batches");
}
