//! Barriers before and after the second model is permuted to match the first.

use std::sync::Arc;

use fedlayer_analysis::{ModelSet, matching::Symmetry};
use fedlayer_core::{
    Seed,
    data::DataFacts,
    model::{Layout, Params, architecture::Architecture},
    record::{AnalysisRow, Metric},
    spec::{Align, Baseline, Measurement, MlpForm, ModelSpec, SetSpec},
};

use crate::fixture::{Closure, model_set, normal, refusal, rows};
use crate::support::{Outcomes, cross_entropy, dense, forward, near};

pub(crate) const WIDTHS: [usize; 4] = [6, 8, 5, 10];

pub(crate) fn network() -> Architecture {
    let data = DataFacts { shape: vec![6], classes: 10, targets: 1, pool: 1, test: 1 };
    Architecture::new(&ModelSpec::Mlp(MlpForm::Hidden(vec![8, 5])), &data).unwrap()
}

/// Computes the outputs of the network on forty random inputs.
fn outputs(values: &[f32]) -> Vec<Vec<f64>> {
    let inputs = normal(99, 40 * 6);
    let output = |input: &[f32]| {
        let input: Vec<f64> = input.iter().map(|&x| x.into()).collect();
        forward(&WIDTHS, values, &input, |x| x.max(0.0))
    };
    inputs.chunks(6).map(output).collect()
}

/// Returns the label with the largest output.
fn said(output: &[f64]) -> usize {
    (0..output.len()).reduce(|best, k| if output[k] > output[best] { k } else { best }).unwrap()
}

/// Computes the softmax cross-entropy with the first model's answers as labels: the first model is
/// good at it, and a broken model is not.
fn loss(values: &[f32]) -> Outcomes {
    let labels = outputs(&first()).into_iter().map(|output| said(&output));
    let pairs = outputs(values).into_iter().zip(labels);
    pairs.map(|(o, label)| (cross_entropy(&o, label) as f32, said(&o) == label)).collect()
}

fn first() -> Vec<f32> {
    normal(1, dense(&WIDTHS).value_count())
}

/// Makes a model, and the same function with permuted units plus a little noise.
fn two(noise: f32) -> (Arc<Layout>, ModelSet, Symmetry) {
    let layout = dense(&WIDTHS);
    let first = first();
    let symmetry = Symmetry::of(&network()).unwrap();
    let model = Params::new(layout.clone(), first.clone()).unwrap();
    let moved = symmetry.permuted(&model, &symmetry.random(Seed::new(3))).unwrap();
    let steps = normal(2, first.len());
    let second: Vec<f32> =
        moved.values().iter().zip(&steps).map(|(value, step)| value + noise * step).collect();
    let mut model_set = model_set(&layout, &[&first, &second]);
    model_set.architecture = Some(network());
    (layout, model_set, symmetry)
}

fn spec() -> Measurement {
    Measurement::Align(Align { sets: vec![SetSpec::Full, SetSpec::Layers] })
}

/// Returns the value of the loss row of a kind and set, into the first model, under the baseline
/// `mean` if it has a baseline.
fn value(rows: &[AnalysisRow], variant: &str, kind: &str, set: &str, metric: Metric) -> f64 {
    let found: Vec<_> = rows
        .iter()
        .filter(|row| row.variant.as_deref() == Some(variant) && row.metric == Some(metric))
        .filter(|row| (row.kind.as_str(), row.set.as_str()) == (kind, set))
        .filter(|row| row.base.starts_with('3'))
        .filter(|row| row.baseline.is_none_or(|baseline| baseline == Baseline::Mean))
        .collect();
    let [row] = found[..] else { panic!("{} rows of {variant} {kind} {set}", found.len()) };
    row.value.unwrap()
}

#[test]
fn a_copy_in_another_order_has_no_barrier_once_it_is_aligned() {
    let (layout, model_set, symmetry) = two(0.0);
    let mut trainer = Closure::new(&layout, |v, _| loss(v));
    let found = rows(&spec(), &model_set, &mut trainer);
    assert!(value(&found, "before", "full", "all", Metric::Loss) > 0.5);
    assert!(value(&found, "before", "layer", "fc2", Metric::Loss).abs() > 0.1);
    for (kind, set) in [("full", "all"), ("layer", "fc1"), ("layer", "fc2"), ("layer", "out")] {
        near(value(&found, "after", kind, set, Metric::Loss), 0.0, 1e-6, set);
    }
    for set in ["fc1", "fc2", "out", "all"] {
        assert!(value(&found, "before", "geometry", set, Metric::Norm) > 0.1, "{set}");
        assert_eq!(value(&found, "after", "geometry", set, Metric::Norm), 0.0, "{set}");
    }
    // The inverse permutation moves every unit back.
    for (group, order) in symmetry.groups().iter().zip(symmetry.random(Seed::new(3))) {
        let moved = order.sources().iter().enumerate().filter(|(at, from)| at != *from).count();
        let row = found.iter().find(|row| row.kind == "units" && row.set == group.name.as_str());
        assert_eq!(row.unwrap().value, Some(moved as f64));
        assert!(moved > 0);
    }
}

/// The permuted model is the same function.
#[test]
fn the_function_stays() {
    let (layout, model_set, _) = two(0.3);
    let mut trainer = Closure::new(&layout, |v, _| loss(v));
    let found = rows(&spec(), &model_set, &mut trainer);
    let drift = found.iter().find(|row| row.kind == "drift").unwrap();
    assert!(drift.value.unwrap() < 1e-5, "{drift:?}");
    let end = |variant| {
        let ends = found.iter().filter(|row| row.kind == "end" && row.base == "5");
        let of = ends.filter(|row| row.variant.as_deref() == Some(variant));
        of.map(|row| row.value.unwrap()).collect::<Vec<_>>()
    };
    for (before, after) in end("before").into_iter().zip(end("after")) {
        near(after, before, 1e-6, "end");
    }
    assert!(
        value(&found, "after", "geometry", "all", Metric::Norm)
            < 0.7 * value(&found, "before", "geometry", "all", Metric::Norm)
    );
    assert!(
        value(&found, "after", "full", "all", Metric::Loss)
            < value(&found, "before", "full", "all", Metric::Loss)
    );
    assert!(found.iter().all(|row| row.metric != Some(Metric::Cosine)));
    assert_eq!(found, rows(&spec(), &model_set, &mut trainer));
}

#[test]
fn a_network_that_is_not_known_is_refused() {
    let (layout, mut model_set, _) = two(0.0);
    model_set.architecture = None;
    let mut trainer = Closure::new(&layout, |v, _| loss(v));
    let text = "`align` needs a network with known operations; those of a TorchScript module are unknown: name the network in the scenario's `model`";
    assert_eq!(refusal(&spec(), &model_set, &mut trainer), text);
}
