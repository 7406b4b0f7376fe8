//! Averages, mixes, barriers and geometry, compared with numbers that an independent PyTorch script
//! computed in f64 (`tests/oracle/`).

use std::{collections::BTreeMap, sync::Arc};

use fedlayer_core::{
    Seed,
    barrier::BarrierStudy,
    model::{LayerSet, Layout, Mix, Params, Point, named_layers},
    record::{BarrierKind, Metric},
    round::{update_weights, weighted_mean},
    spec::{BarrierSpec, Baseline, SetSpec, Weighting},
    trainer::{Evaluation, Probe},
};
use serde::Deserialize;

use crate::support::{
    At, Measured, at, cohort, cross_entropy, dense, ends, forward, near, params, update,
};

/// The contents of `barriers.json`. Lists over bases are in the order of the members.
#[derive(Deserialize)]
struct Barriers {
    models: Vec<Vec<f32>>,
    start: Vec<f32>,
    examples: Vec<u64>,
    inputs: Vec<Vec<f64>>,
    labels: Vec<usize>,
    alphas: Vec<f64>,
    cohorts: Vec<CohortNumbers>,
}

#[derive(Deserialize)]
struct CohortNumbers {
    weighting: Weighting,
    members: Vec<usize>,
    ends: Vec<Outcome>,
    mixes: Vec<MixNumbers>,
    sweeps: BTreeMap<BarrierKind, Vec<String>>,
    barriers: Vec<BarrierNumbers>,
    geometry: Vec<GeometryNumbers>,
}

#[derive(Deserialize)]
struct Outcome {
    losses: Vec<f32>,
    correct: Vec<bool>,
}

#[derive(Deserialize)]
struct MixNumbers {
    base: usize,
    set: String,
    alpha: f64,
    #[serde(flatten)]
    outcome: Outcome,
}

/// The values into every base, then the mean over the bases.
#[derive(Deserialize)]
struct BarrierNumbers {
    metric: Metric,
    set: String,
    baseline: Baseline,
    alpha: f64,
    values: Vec<f64>,
    std_errors: Vec<f64>,
}

impl BarrierNumbers {
    fn row<'a>(&'a self, kind: BarrierKind, base: &'a str) -> At<'a> {
        let (alpha, baseline) = (Some(self.alpha), Some(self.baseline));
        At { metric: self.metric, alpha, baseline, ..at(kind, &self.set, base) }
    }
}

#[derive(Deserialize)]
struct GeometryNumbers {
    base: String,
    set: String,
    norm: f64,
    cosine: f64,
}

/// The contents of `averaging.json`.
#[derive(Deserialize)]
struct Averaging {
    models: Vec<Vec<f32>>,
    examples: Vec<u64>,
    averages: Vec<Average>,
    mixes: Vec<Mixed>,
}

#[derive(Deserialize)]
struct Average {
    weighting: Weighting,
    layers: Vec<String>,
    into: usize,
    params: Vec<f64>,
}

#[derive(Deserialize)]
struct Mixed {
    base: usize,
    other: usize,
    layers: Vec<String>,
    weight: f64,
    params: Vec<f64>,
}

/// The network of the scripts: 5 features, a tanh MLP with 4 and 3 hidden units, 3 classes.
const WIDTHS: [usize; 4] = [5, 4, 3, 3];

fn set(layout: &Arc<Layout>, layers: &[String]) -> LayerSet {
    named_layers(layout, layers).unwrap()
}

/// Compares with values that were computed in f64 and rounded once to f32.
fn close(found: &Params, expected: &[f64], what: &str) {
    for (&found, &expected) in found.values().iter().zip(expected) {
        near(found.into(), expected, 2e-7, what);
    }
}

#[test]
fn averages_are_the_oracles() {
    let oracle = include_str!("../../../../tests/oracle/fixtures/averaging.json");
    let oracle: Averaging = serde_json::from_str(oracle).unwrap();
    let layout = dense(&WIDTHS);
    let models: Vec<_> = oracle.models.iter().map(|values| params(&layout, values)).collect();
    let clients = models.iter().zip(&oracle.examples).enumerate();
    let updates: Vec<_> =
        clients.map(|(client, (model, &n))| update(client as u32, model, n)).collect();
    assert_eq!((oracle.averages.len(), oracle.mixes.len()), (10, 20));
    for average in &oracle.averages {
        let weights = update_weights(average.weighting, &updates);
        let weighted: Vec<_> = weights.into_iter().zip(models.iter().map(|m| &**m)).collect();
        let mut target = (*models[average.into]).clone();
        weighted_mean(&mut target, &set(&layout, &average.layers), &weighted).unwrap();
        close(&target, &average.params, &format!("{:?} {:?}", average.weighting, average.layers));
    }
    for mixed in &oracle.mixes {
        let (base, other) = (models[mixed.base].clone(), models[mixed.other].clone());
        let mix =
            Mix { base, other, set: set(&layout, &mixed.layers), weight: mixed.weight }.params();
        close(&mix, &mixed.params, &format!("{:?} {}", mixed.layers, mixed.weight));
    }
}

/// Returns the oracle's evaluation of a probe, after checking that the parameters of the probe have
/// these losses.
fn evaluate(oracle: &Barriers, numbers: &CohortNumbers, probe: &Probe) -> Evaluation {
    let model = |params: &Params| {
        let mut models = numbers.members.iter().map(|&member| &oracle.models[member]);
        models.position(|values| values == params.values()).unwrap()
    };
    let outcome = match &probe.point {
        Point::Model(params) => &numbers.ends[model(params)],
        Point::Mix(mix) => {
            let key = (model(&mix.base), mix.set.to_string(), mix.weight / 2.0);
            let mut mixes = numbers.mixes.iter();
            let mix = mixes.find(|mix| (mix.base, mix.set.clone(), mix.alpha) == key);
            &mix.unwrap_or_else(|| panic!("the oracle lacks {key:?}")).outcome
        }
        Point::Twin { .. } => panic!("no twins were asked for"),
    };
    let params = probe.point.params();
    let examples = oracle.inputs.iter().zip(&oracle.labels);
    for ((input, &label), &loss) in examples.zip(&outcome.losses) {
        let output = forward(&WIDTHS, params.values(), input, f64::tanh);
        near(cross_entropy(&output, label), loss.into(), 1e-5, "a mix has another loss");
    }
    Evaluation { losses: outcome.losses.clone(), correct: Some(shares(&outcome.correct)) }
}

#[test]
fn barriers_are_the_oracles() {
    let oracle = include_str!("../../../../tests/oracle/fixtures/barriers.json");
    let oracle: Barriers = serde_json::from_str(oracle).unwrap();
    let layout = dense(&WIDTHS);
    let start = params(&layout, &oracle.start);
    let spec = BarrierSpec {
        sets: vec![SetSpec::Full, SetSpec::Layers, SetSpec::Shallow, SetSpec::Deep],
        alpha: oracle.alphas.clone(),
        ..cohort()
    };
    assert_eq!(oracle.cohorts.len(), 2);
    for numbers in &oracle.cohorts {
        let members = numbers.members.iter();
        let models: Vec<_> = members
            .map(|&member| (oracle.models[member].as_slice(), oracle.examples[member]))
            .collect();
        let mut ends = ends(&layout, &models);
        for end in &mut ends {
            end.start = start.clone();
        }
        let study = BarrierStudy::new(&spec, numbers.weighting, 1, Seed::new(1), &ends).unwrap();
        let evaluations: Vec<_> =
            study.probes().iter().map(|probe| evaluate(&oracle, numbers, probe)).collect();
        let measured = Measured { rows: study.rows(&evaluations), scale: 0.0 };
        let bases = measured.of(BarrierKind::Full).map(|row| row.base.clone());
        let bases: Vec<String> = bases.take(ends.len() + 1).filter(|base| base != "max").collect();
        assert_eq!(bases.len(), ends.len() + 1, "every client, then their mean");
        let mut checked = 0;
        for expected in &numbers.barriers {
            let sweeps = numbers.sweeps.iter();
            for (&kind, _) in sweeps.filter(|(_, sets)| sets.contains(&expected.set)) {
                for (b, base) in bases.iter().enumerate() {
                    let row = measured.row(expected.row(kind, base));
                    near(row.value.unwrap(), expected.values[b], 1e-6, row);
                    near(row.std_error.unwrap(), expected.std_errors[b], 1e-6, row);
                    checked += 1;
                }
            }
        }
        let kinds =
            [BarrierKind::Full, BarrierKind::Layer, BarrierKind::Shallow, BarrierKind::Deep];
        let found = measured.rows.iter().filter(|row| kinds.contains(&row.kind));
        assert_eq!(checked, found.filter(|row| row.base != "max").count(), "all rows were held");
        for expected in &numbers.geometry {
            let value = |metric| {
                let row = at(BarrierKind::Geometry, &expected.set, &expected.base);
                measured.value(At { metric, alpha: None, baseline: None, ..row })
            };
            near(value(Metric::Norm), expected.norm, 1e-6, &expected.set);
            near(value(Metric::Cosine), expected.cosine, 1e-6, &expected.set);
        }
        assert_eq!(numbers.geometry.len(), ends.len() * 4);
    }
}

/// Returns the share of correct labels of each example: 0 or 1.
fn shares(correct: &[bool]) -> Vec<f32> {
    correct.iter().map(|&correct| f32::from(u8::from(correct))).collect()
}
