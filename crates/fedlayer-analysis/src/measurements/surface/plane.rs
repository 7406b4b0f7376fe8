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

/// The loss on the plane through θ₁, θ₂ and θ₃: the third model, or else the initial one, whose `base` is then `initial`. Kinds `model` and `plane`.
///
/// The grid is the smallest rectangle that holds the three models, and `beyond` more on every side.
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
        let places = plane.positions().map(of);
        let from = places.into_iter().fold(f64::INFINITY, f64::min);
        let to = places.into_iter().fold(f64::NEG_INFINITY, f64::max);
        axis(spec.points, from - spec.beyond, to + spec.beyond)
    };
    let (alphas, betas) = (side(|place| place.0), side(|place| place.1));
    let at = |alpha, beta| {
        (row("plane", "all", first.id, alpha, Some(beta)), Point::Model(plane.at(alpha, beta)))
    };
    let grid = alphas.iter().flat_map(|&alpha| betas.iter().map(move |&beta| (alpha, beta)));
    losses.rows(models.chain(grid.map(|(alpha, beta)| at(alpha, beta))))
}

/// The third model, or else the initial one, which is no client's.
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

/// A plane with orthogonal axes that are both in units of ‖θ₂ − θ₁‖, so that lengths and angles of its picture are those of parameter space (as in Garipov et al.,
/// NeurIPS 2018, but for the unit).
///
/// With u = θ₂ − θ₁, v = θ₃ − θ₁ and c = ⟨v, u⟩/‖u‖² the second axis is w = v − c·u at the length of u. With h = ‖w‖/‖u‖ the point (α, β) is
/// θ₁ + α·u + (β/h)·w = θ₁ + (α − cβ/h)·u + (β/h)·v.
///
/// Lengths and angles are those of trained values. Running statistics that belong to their layers are mixed as their layers are; those that stay with the model
/// are θ₁'s all over the plane.
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
        // ⟨v, u⟩, ‖u‖², ‖w‖²: sums over what is trained.
        let steps = |at: usize| {
            let [a, b, c] = models.map(|model| f64::from(model.values()[at]));
            (b - a, c - a)
        };
        let places = || set.trained().iter().cloned().flatten();
        let (vu, uu) =
            places().map(steps).fold((0.0, 0.0), |(vu, uu), (u, v)| (vu + v * u, uu + u * u));
        let foot = vu / uu;
        let ww: f64 = places().map(steps).map(|(u, v)| (v - foot * u).powi(2)).sum();
        let height = (ww / uu).sqrt();
        // What rounding leaves of a point of the line is no direction.
        if !height.is_finite() || height < f64::from(f32::EPSILON) {
            return Err(AnalysisError::NoPlane(
                "the three models lie on one line; choose models that do not".to_owned(),
            ));
        }
        Ok(Self { models, set, foot, height })
    }

    /// (α, β) of the three models.
    fn positions(&self) -> [(f64, f64); 3] {
        [(0.0, 0.0), (1.0, 0.0), (self.foot, self.height)]
    }

    /// The point at (α, β).
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
