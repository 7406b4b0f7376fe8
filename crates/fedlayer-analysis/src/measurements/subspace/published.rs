//! Noise as drawn by the notebook behind Fig. 6 (`subspaceExperiments/` of the article's reference
//! code). It is measured beside the correct noise to show the effect of the notebook's four faults.
//!
//! 1. Its trajectory holds the final weights over and over, because each state shares its memory
//!    with the network that trains on. The span of training has two dimensions, the models
//!    themselves, and is not centred. (`published-rank` is 2.)
//! 2. Its direction to the other model points away from it.
//! 3. Coefficients on the basis are uniform in [0, 1): all of one sign, so the directions crowd
//!    around the sum of the basis. The basis of the complement that its library returned is not
//!    known; here it is the one of Householder's reflections.
//! 4. In a single layer, the direction to the other model is a part of the direction of length 1
//!    over the whole model. It is shorter than the directions that it is compared with.

use fedlayer_core::{Generator, model::LayerSet};
use rand::RngExt;

use crate::{
    linalg::{Basis, Coordinates, dot, norm, unit},
    measurements::subspace::noise::{Noise, Pair},
};

/// Fault 1: returns the span of the two final models, on the axes of their singular value
/// decomposition.
pub(super) fn span(pairs: [Pair<'_>; 2], coordinates: &Coordinates) -> Basis {
    let [a, b] = pairs.map(|(model, _)| coordinates.values(&model.params));
    // The principal axes of aaᵀ + bbᵀ: the Gram matrix of a and b is diagonal after this rotation.
    let angle = 0.5 * (2.0 * dot(&a, &b)).atan2(dot(&a, &a) - dot(&b, &b));
    let (sin, cos) = angle.sin_cos();
    let turned = |by_a: f64, by_b: f64| {
        a.iter().zip(&b).map(|(a, b)| by_a * a + by_b * b).collect::<Vec<f64>>()
    };
    let floor = f64::from(f32::EPSILON) * norm(&a).max(norm(&b));
    Basis::spanned([turned(cos, sin), turned(-sin, cos)], coordinates.len(), floor)
}

/// The number of the notebook's kinds of noise.
pub(super) const KINDS: usize = 3;

/// Returns the notebook's kinds of noise around a model.
pub(super) fn kinds<'a>(
    span: &'a Basis,
    set: &LayerSet,
    (base, other): Pair<'_>,
) -> [Noise<'a>; KINDS] {
    let whole = Coordinates::of(&LayerSet::all(set.layout()));
    // Faults 2 and 4: from the other model to this one, with length 1 over all layers.
    let length = norm(&whole.difference(&other.params, &base.params));
    let away = Coordinates::of(set).difference(&other.params, &base.params);
    let away: Vec<f64> = away.iter().map(|value| value / length).collect();
    let reflections = Reflections::of(span);
    [
        (
            "published-training",
            Box::new(|generator| unit(span.combined(positive(span.rank(), generator)))),
        ),
        ("published-null", Box::new(move |generator| reflections.outside(generator))),
        ("published-interpolation", Box::new(move |_| (length > 0.0).then(|| away.clone()))),
    ]
}

/// Fault 3: draws positive coefficients.
fn positive(count: usize, generator: &mut Generator) -> Vec<f64> {
    (0..count).map(|_| generator.random()).collect()
}

/// Householder reflections that map the first r axes to a basis of r vectors (up to signs), and the
/// other axes to a basis of their complement. The basis of the complement is never in memory.
struct Reflections {
    /// The mirrors, each of length 1. `(r, n)`
    mirrors: Vec<Vec<f64>>,
    n: usize,
}

impl Reflections {
    fn of(basis: &Basis) -> Self {
        let mut reflections = Self { mirrors: Vec::new(), n: 0 };
        for (axis, vector) in basis.vectors().iter().enumerate() {
            let mut mirror = vector.clone();
            reflections.mirrors.iter().for_each(|earlier| reflect(earlier, &mut mirror));
            mirror[..axis].fill(0.0);
            // The sign avoids cancellation.
            mirror[axis] += norm(&mirror).copysign(mirror[axis]);
            reflections.n = mirror.len();
            reflections.mirrors.extend(unit(mirror));
        }
        reflections
    }

    /// Draws Σ cⱼ kⱼ over a basis of the complement, with uniform positive coefficients, normalised
    /// to length 1. Returns `None` if there is no complement.
    fn outside(&self, generator: &mut Generator) -> Option<Vec<f64>> {
        let rank = self.mirrors.len();
        let mut vector = vec![0.0; rank];
        vector.extend(positive(self.n - rank, generator));
        self.mirrors.iter().rev().for_each(|mirror| reflect(mirror, &mut vector));
        unit(vector).filter(|_| self.n > rank)
    }
}

/// Reflects a vector: x − 2⟨m, x⟩m.
fn reflect(mirror: &[f64], vector: &mut [f64]) {
    let along = 2.0 * dot(mirror, vector);
    vector.iter_mut().zip(mirror).for_each(|(value, mirror)| *value -= along * mirror);
}

#[cfg(test)]
mod tests {
    use super::*;
    use fedlayer_core::Seed;

    #[test]
    fn reflections_reach_the_complement_alone() {
        let vectors = [vec![1.0, 2.0, -1.0, 0.5, 0.0], vec![0.0, 1.0, 1.0, -2.0, 3.0]];
        let basis = Basis::spanned(vectors, 5, 0.0);
        let reflections = Reflections::of(&basis);
        let mut generator = Seed::new(1).generator();
        let draws: Vec<Vec<f64>> =
            (0..200).map(|_| reflections.outside(&mut generator).unwrap()).collect();
        for draw in &draws {
            assert!((norm(draw) - 1.0).abs() < 1e-12);
            assert!(basis.vectors().iter().all(|b| dot(b, draw).abs() < 1e-12));
        }
        // The directions crowd together: the mean of isotropic directions would be near 0.
        let mean = |at: usize| draws.iter().map(|draw| draw[at]).sum::<f64>() / 200.0;
        let mean: Vec<f64> = (0..5).map(mean).collect();
        assert!(norm(&mean) > 0.7, "{}", norm(&mean));
        let span = Basis::spanned([vec![1.0, 0.0], vec![0.0, 1.0]], 2, 0.0);
        assert!(Reflections::of(&span).outside(&mut generator).is_none());
    }
}
