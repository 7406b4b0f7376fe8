//! [`Mix`]: one model mixed into another on a layer set, and the random twin of a mix.

use std::{ops::Range, sync::Arc};

use rand_distr::{Distribution, StandardNormal};

use crate::{
    model::{LayerSet, Params, TensorSpec, distance},
    seed::Seed,
};

/// The mix of `other` into `base` on `set`: the layers of the set are (1 − w)·base + w·other, and
/// all other layers are the base's, bit for bit.
///
/// For two models and w = α this is the definition of the paper (Adilova et al., ICLR 2024). w may
/// exceed 1: the mix then lies beyond the other model.
#[derive(Debug, Clone)]
pub struct Mix {
    /// The model that is mixed into.
    pub base: Arc<Params>,
    /// The model that is mixed in.
    pub other: Arc<Params>,
    /// The layers that are mixed.
    pub set: LayerSet,
    /// The weight w: 0 is the base, 1 is the other model.
    pub weight: f64,
}

impl Mix {
    /// Computes the mixed parameters, in f64 and rounded once. w = 0 is the base and w = 1 the
    /// other model, bit for bit.
    ///
    /// Batch counters are not interpolated: for other weights the larger counter is taken.
    pub fn params(&self) -> Params {
        let mut mixed = (*self.base).clone();
        for range in self.set.ranges() {
            self.blend(&mut mixed.values_mut()[range.clone()], range);
        }
        for TensorSpec { range, .. } in self.set.counters() {
            self.carry(&mut mixed.values_mut()[range.clone()], range);
        }
        mixed
    }

    /// Computes the mixed values of one range of the parameters, as [`params`](Self::params) does.
    pub(super) fn layer(&self, layer: &Range<usize>) -> Vec<f32> {
        let mut mixed = self.base.range(layer).to_vec();
        for range in self.set.ranges() {
            let common = range.start.max(layer.start)..range.end.min(layer.end);
            if !common.is_empty() {
                let targets = common.start - layer.start..common.end - layer.start;
                self.blend(&mut mixed[targets], &common);
            }
        }
        let inside = |range: &Range<usize>| layer.start <= range.start && range.end <= layer.end;
        for TensorSpec { range, .. } in self.set.counters().filter(|tensor| inside(&tensor.range)) {
            self.carry(&mut mixed[range.start - layer.start..range.end - layer.start], range);
        }
        mixed
    }

    /// Mixes the other model's values of `range` into `targets`, which hold the base's values.
    fn blend(&self, targets: &mut [f32], range: &Range<usize>) {
        for (target, &other) in targets.iter_mut().zip(self.other.range(range)) {
            *target = lerp(*target, other, self.weight);
        }
    }

    /// Sets the batch counters of `range`; `targets` holds the mix's values of that range.
    fn carry(&self, targets: &mut [f32], range: &Range<usize>) {
        let ends = self.base.range(range).iter().zip(self.other.range(range));
        for (target, (&base, &other)) in targets.iter_mut().zip(ends) {
            *target = carried(base, other, self.weight);
        }
    }

    /// Computes the equal-norm twin: the base plus a Gaussian direction on the trained values of
    /// the set, scaled to the norm of the mix's own step, ‖w·(other − base)‖₂. Running statistics
    /// are the base's.
    pub fn twin(&self, seed: Seed) -> Params {
        let mut generator = seed.generator();
        let ranges = self.set.trained();
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

    /// Returns ‖other − base‖₂ over the trained values of the set.
    fn distance(&self) -> f64 {
        distance(&self.base, &self.other, self.set.trained())
    }
}

/// Returns (1 − w)·a + w·b, rounded once. w = 0 and w = 1 return the end itself, because a sum with
/// 0·x would lose the sign of −0.
fn lerp(a: f32, b: f32, w: f64) -> f32 {
    if w == 0.0 {
        a
    } else if w == 1.0 {
        b
    } else {
        ((1.0 - w) * f64::from(a) + w * f64::from(b)) as f32
    }
}

/// Returns the batch counter of a mix: an end's own counter at w = 0 and w = 1, and the larger one
/// otherwise.
fn carried(a: f32, b: f32, w: f64) -> f32 {
    if w == 0.0 {
        a
    } else if w == 1.0 {
        b
    } else {
        a.max(b)
    }
}
