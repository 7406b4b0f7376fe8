//! [`Point`]: a model that is evaluated: an end model, a mix of two, or a mix's random twin. Made only where it is evaluated.

use std::{ops::Range, sync::Arc};

use rand_distr::{Distribution, StandardNormal};

use crate::{LayerSet, Params, Seed};

/// A model in parameter space, described by what it is made of, so that it costs nothing until it is evaluated.
#[derive(Debug, Clone)]
pub enum Point {
    /// A model as it is.
    Model(Arc<Params>),
    /// A mix of one model into another.
    Mix(Mix),
    /// A mix's equal-norm twin: a random direction instead of the one towards the other model.
    Twin {
        /// The mix whose norm it has.
        mix: Mix,
        /// Where the direction comes from.
        seed: Seed,
    },
}

/// The mix of `other` into `base` on `set`: the layers of the set are (1 − w)·base + w·other, all others stay the base's, bit for bit.
///
/// With w = α and two models it is the definition of the paper (Adilova et al., ICLR 2024). w may exceed 1: past the other model.
#[derive(Debug, Clone)]
pub struct Mix {
    /// The model that is mixed into.
    pub base: Arc<Params>,
    /// The model that is mixed in.
    pub other: Arc<Params>,
    /// The layers that are mixed.
    pub set: LayerSet,
    /// w: 0 is the base, 1 the other model.
    pub weight: f64,
}

impl Point {
    /// The parameters of the point.
    pub fn params(&self) -> Arc<Params> {
        match self {
            Self::Model(params) => params.clone(),
            Self::Mix(mix) => Arc::new(mix.params()),
            Self::Twin { mix, seed } => Arc::new(mix.twin(*seed)),
        }
    }
}

impl Mix {
    /// The mixed parameters. Computed in f64 and rounded once: w = 0 is the base and w = 1 the other model, bit for bit.
    pub fn params(&self) -> Params {
        let mut mixed = (*self.base).clone();
        for range in self.set.ranges() {
            let targets = mixed.values_mut()[range.clone()].iter_mut();
            for (target, &other) in targets.zip(self.other.range(range)) {
                *target = lerp(*target, other, self.weight);
            }
        }
        mixed
    }

    /// The base plus a Gaussian direction on the set, scaled to the norm of the mix's own step, ‖w·(other − base)‖₂ on the set.
    pub fn twin(&self, seed: Seed) -> Params {
        let mut generator = seed.generator();
        let ranges = self.set.ranges();
        let direction: Vec<Vec<f64>> = ranges
            .iter()
            .map(|range| range.clone().map(|_| StandardNormal.sample(&mut generator)).collect())
            .collect();
        let length = direction.iter().flatten().map(|value| value * value).sum::<f64>().sqrt();
        let scale = if length > 0.0 { self.weight.abs() * self.distance() / length } else { 0.0 };
        let mut twin = (*self.base).clone();
        for (range, direction) in ranges.iter().zip(&direction) {
            for (target, step) in twin.values_mut()[range.clone()].iter_mut().zip(direction) {
                *target = (f64::from(*target) + scale * step) as f32;
            }
        }
        twin
    }

    /// ‖other − base‖₂ on the set.
    fn distance(&self) -> f64 {
        distance(&self.base, &self.other, self.set.ranges())
    }
}

/// (1 − w)·a + w·b, rounded once; at w = 0 and w = 1 bit for bit the end, of which a sum with 0·x would lose a −0.
fn lerp(a: f32, b: f32, w: f64) -> f32 {
    if w == 0.0 {
        a
    } else if w == 1.0 {
        b
    } else {
        ((1.0 - w) * f64::from(a) + w * f64::from(b)) as f32
    }
}

/// ‖a − b‖₂ over some ranges of the parameters, summed in f64.
pub fn distance(a: &Params, b: &Params, ranges: &[Range<usize>]) -> f64 {
    let squares = ranges.iter().flat_map(|range| a.range(range).iter().zip(b.range(range)));
    squares.map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum::<f64>().sqrt()
}
