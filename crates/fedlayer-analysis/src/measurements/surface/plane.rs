//! The plane through three models.

use std::sync::Arc;

use fedlayer_core::{
    model::{LayerSet, Params, Point},
    record::AnalysisRow,
    round::carry_counters,
    spec::Surface,
};

use crate::{
    error::AnalysisError,
    losses::Losses,
    measurements::surface::grid::{axis, row},
    model_set::ModelSet,
};

/// Measures the loss on the plane through θ₁, θ₂ and θ₃, kinds `model` and `plane`. θ₃ is the third
/// model or else the initial model, which has the base `initial`.
///
/// The grid covers the smallest rectangle around the three models, extended by `beyond` on every
/// side.
pub(super) fn measure(
    spec: &Surface,
    model_set: &ModelSet,
    losses: &mut Losses<'_>,
) -> Result<Vec<AnalysisRow>, AnalysisError> {
    let (first, second) = model_set.pair("surface")?;
    let (name, third) = third(model_set)?;
    let plane = Plane::new([&first.params, &second.params, third])?;
    let names = [first.id.to_string(), second.id.to_string(), name];
    let models = names.iter().zip(plane.models).zip(plane.positions());
    let models = models.map(|((name, params), (alpha, beta))| {
        (row("model", "none", name, alpha, Some(beta)), Point::Model(params.clone()))
    });
    let side = |of: fn((f64, f64)) -> f64| {
        let positions = plane.positions().map(of);
        let from = positions.into_iter().fold(f64::INFINITY, f64::min);
        let to = positions.into_iter().fold(f64::NEG_INFINITY, f64::max);
        axis(spec.points, from - spec.beyond, to + spec.beyond)
    };
    let (alphas, betas) = (side(|position| position.0), side(|position| position.1));
    let at = |alpha, beta| {
        (row("plane", "all", first.id, alpha, Some(beta)), Point::Model(plane.at(alpha, beta)))
    };
    let grid = alphas.iter().flat_map(|&alpha| betas.iter().map(move |&beta| (alpha, beta)));
    losses.rows(models.chain(grid.map(|(alpha, beta)| at(alpha, beta))))
}

/// Returns the third model, or else the initial one, which belongs to no client.
fn third(model_set: &ModelSet) -> Result<(String, &Arc<Params>), AnalysisError> {
    match (model_set.models.get(2), &model_set.initial) {
        (Some(third), _) => Ok((third.id.to_string(), &third.params)),
        (None, Some(initial)) => Ok(("initial".to_owned(), initial)),
        (None, None) => {
            let found = model_set.models.len();
            Err(AnalysisError::Models { measure: "surface", found, needed: 3 })
        }
    }
}

/// A plane with orthogonal axes, both in units of ‖θ₂ − θ₁‖: lengths and angles in its picture are
/// those of parameter space (as in Garipov et al., NeurIPS 2018, with another unit).
///
/// With u = θ₂ − θ₁, v = θ₃ − θ₁ and c = ⟨v, u⟩/‖u‖² the second axis is w = v − c·u, scaled to the
/// length of u. With h = ‖w‖/‖u‖ the point (α, β) is θ₁ + α·u + (β/h)·w = θ₁ + (α − cβ/h)·u +
/// (β/h)·v.
///
/// Lengths and angles are taken over trained values. Running statistics that belong to their layers
/// are mixed with them; statistics that stay with the model are θ₁'s on the whole plane.
struct Plane<'a> {
    models: [&'a Arc<Params>; 3],
    set: LayerSet,
    /// c
    foot: f64,
    /// h
    height: f64,
}

impl<'a> Plane<'a> {
    fn new(models: [&'a Arc<Params>; 3]) -> Result<Self, AnalysisError> {
        let set = LayerSet::all(models[0].layout());
        // ⟨v, u⟩, ‖u‖², ‖w‖²: sums over trained values.
        let steps = |at: usize| {
            let [a, b, c] = models.map(|model| f64::from(model.values()[at]));
            (b - a, c - a)
        };
        let positions = || set.trained().iter().cloned().flatten();
        let (vu, uu) =
            positions().map(steps).fold((0.0, 0.0), |(vu, uu), (u, v)| (vu + v * u, uu + u * u));
        let foot = vu / uu;
        let ww: f64 = positions().map(steps).map(|(u, v)| (v - foot * u).powi(2)).sum();
        let height = (ww / uu).sqrt();
        // If the three models are on one line, only rounding is left of the second axis.
        if !height.is_finite() || height < f64::from(f32::EPSILON) {
            return Err(AnalysisError::NoPlane(
                "the three models lie on one line; choose models that do not".to_owned(),
            ));
        }
        Ok(Self { models, set, foot, height })
    }

    /// Returns (α, β) of the three models.
    fn positions(&self) -> [(f64, f64); 3] {
        [(0.0, 0.0), (1.0, 0.0), (self.foot, self.height)]
    }

    /// Computes the point at (α, β).
    fn at(&self, alpha: f64, beta: f64) -> Arc<Params> {
        let third = beta / self.height;
        let second = alpha - self.foot * third;
        let mut point = (**self.models[0]).clone();
        for range in self.set.ranges() {
            let ends = self.models[1].range(range).iter().zip(self.models[2].range(range));
            for (value, (&b, &c)) in point.values_mut()[range.clone()].iter_mut().zip(ends) {
                let a = f64::from(*value);
                *value = (a + second * (f64::from(b) - a) + third * (f64::from(c) - a)) as f32;
            }
        }
        carry_counters(&mut point, &self.set, self.models.iter().map(|model| &***model));
        Arc::new(point)
    }
}
