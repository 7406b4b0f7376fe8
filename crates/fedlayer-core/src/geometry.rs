//! [`Geometry`]: how far apart the models of a cohort are, and whether they moved the same way. It needs no data.

use std::ops::Range;

use crate::{
    BarrierKind, BarrierRow, Layer, LayerSet, Metric, Params, distance,
    study::{BarrierStudy, Direction, EndModel},
};

/// Per direction and layer (the whole model last): ‖Δ‖₂ and the cosine of the movements, both over trained values.
#[derive(Debug)]
pub(crate) struct Geometry {
    sets: Vec<(String, LayerSet)>,
    norms: Vec<Vec<f64>>,
    cosines: Vec<Vec<Option<f64>>>,
}

impl Geometry {
    /// `shares` are the weights of the end models; they add up to 1.
    pub(crate) fn new(directions: &[Direction], ends: &[EndModel], shares: &[f64]) -> Self {
        let layout = ends[0].update.params.layout();
        let layer = |(at, layer): (usize, &Layer)| {
            (layer.name.to_string(), LayerSet::new(layout.clone(), [at]))
        };
        let whole = ("all".to_owned(), LayerSet::all(layout));
        let layers = layout.layers().iter().enumerate();
        let sets: Vec<(String, LayerSet)> = layers.map(layer).chain([whole]).collect();
        let movements: Vec<Vec<f64>> = ends.iter().map(movement).collect();
        let mut norms = Vec::new();
        let mut cosines = Vec::new();
        for direction in directions {
            let base = &ends[direction.base].update.params;
            let others = others(direction, &movements, shares);
            let norm =
                |set: &LayerSet| direction.reach * distance(base, &direction.toward, set.trained());
            norms.push(sets.iter().map(|(_, set)| norm(set)).collect());
            let own = &movements[direction.base];
            cosines.push(sets.iter().map(|(_, set)| cosine(own, &others, set.trained())).collect());
        }
        Self { sets, norms, cosines }
    }

    /// One row a value: per layer and whole, per base and as mean and max over the bases; then the parameters of every measured set.
    pub(crate) fn rows(&self, study: &BarrierStudy) -> Vec<BarrierRow> {
        let row = |metric, set: &str, base: &str, value: Option<f64>| BarrierRow {
            round: study.round,
            split: None,
            metric,
            kind: BarrierKind::Geometry,
            set: set.to_owned(),
            base: base.to_owned(),
            alpha: None,
            baseline: None,
            value: value.filter(|value| value.is_finite()),
            std_error: None,
        };
        let mut rows = Vec::new();
        for (s, (set, _)) in self.sets.iter().enumerate() {
            let norms: Vec<Option<f64>> = self.norms.iter().map(|norms| Some(norms[s])).collect();
            let cosines: Vec<Option<f64>> = self.cosines.iter().map(|cosines| cosines[s]).collect();
            for (metric, values) in [(Metric::Norm, norms), (Metric::Cosine, cosines)] {
                for (direction, &value) in study.directions.iter().zip(&values) {
                    rows.push(row(metric, set, &direction.label, value));
                }
                let shares = study.directions.iter().map(|direction| direction.share);
                let present =
                    values.iter().zip(shares).filter_map(|(v, share)| Some(((*v)?, share)));
                let (sum, total) = present
                    .fold((0.0, 0.0), |(sum, total), (v, share)| (sum + share * v, total + share));
                rows.push(row(metric, set, "mean", Some(sum / total)));
                rows.push(row(metric, set, "max", values.into_iter().flatten().reduce(f64::max)));
            }
        }
        let mut seen = Vec::new();
        for target in &study.targets {
            if !seen.contains(&&target.set) {
                seen.push(&target.set);
                let parameters = target.set.parameters() as f64;
                let set = target.set.to_string();
                rows.push(row(Metric::Parameters, &set, "mean", Some(parameters)));
            }
        }
        rows
    }
}

/// What local training changed: θ − start.
fn movement(end: &EndModel) -> Vec<f64> {
    let values =
        |params: &Params| params.values().iter().map(|&v| f64::from(v)).collect::<Vec<_>>();
    let (after, before) = (values(&end.update.params), values(&end.start));
    after.iter().zip(before).map(|(after, before)| after - before).collect()
}

/// The movement of the other models of a direction: the weighted sum over all but the base (a cosine does not see its length).
fn others(direction: &Direction, movements: &[Vec<f64>], shares: &[f64]) -> Vec<f64> {
    let mut sum = vec![0.0; movements[0].len()];
    for (model, movement) in movements.iter().enumerate() {
        if model != direction.base && direction.weights[model] > 0.0 {
            for (sum, value) in sum.iter_mut().zip(movement) {
                *sum += shares[model] * value;
            }
        }
    }
    sum
}

/// The cosine of two vectors over some ranges; absent where one of them is zero.
fn cosine(a: &[f64], b: &[f64], ranges: &[Range<usize>]) -> Option<f64> {
    let dot = |a: &[f64], b: &[f64]| -> f64 {
        let products =
            ranges.iter().flat_map(|range| a[range.clone()].iter().zip(&b[range.clone()]));
        products.map(|(a, b)| a * b).sum()
    };
    let norms = dot(a, a).sqrt() * dot(b, b).sqrt();
    (norms > 0.0).then(|| dot(a, b) / norms)
}
