//! [`Curvature`]: products of the Hessian of the mean loss with directions.

use fedlayer_core::{Generator, model::Point, spec::SplitSpec};
use rand::RngExt;

use crate::{
    error::AnalysisError,
    linalg::{Coordinates, dot},
    losses::{Losses, models_in_memory},
};

/// The mean loss of a split around a model.
pub(crate) struct Curvature<'a, 'b> {
    /// The trainer that differentiates, with the splits.
    pub(crate) losses: &'a mut Losses<'b>,
    /// The model.
    pub(crate) point: Point,
    /// The examples.
    pub(crate) split: SplitSpec,
    /// The number of values of the model.
    pub(crate) parameters: usize,
}

/// A direction, and its coordinates in the flat parameters.
pub(crate) type LayerDirection<'a> = (&'a Coordinates, Vec<f64>);

impl Curvature<'_, '_> {
    /// Computes H·v for each direction v, on the coordinates of v. `(n)` each
    ///
    /// Directions are rounded to `f32`, because trainers differentiate in `f32`.
    pub(crate) fn products(
        &mut self,
        directions: &[LayerDirection<'_>],
    ) -> Result<Vec<Vec<f64>>, AnalysisError> {
        let mut products = Vec::with_capacity(directions.len());
        self.each(directions, |(coordinates, _), _, product| {
            products.push(coordinates.part(product))
        })?;
        Ok(products)
    }

    /// Computes ⟨g, v⟩ with the gradient g, and ⟨v, H·v⟩, for each direction v.
    pub(crate) fn slopes_and_forms(
        &mut self,
        directions: &[LayerDirection<'_>],
    ) -> Result<Vec<(f64, f64)>, AnalysisError> {
        let mut found = Vec::with_capacity(directions.len());
        self.each(directions, |(coordinates, v), gradient, product| {
            found.push((dot(&coordinates.part(gradient), v), dot(&coordinates.part(product), v)));
        })?;
        Ok(found)
    }

    /// Calls `found` with each direction, the gradient and its product, both over all parameters. A
    /// limited number of directions is in memory at a time.
    fn each(
        &mut self,
        directions: &[LayerDirection<'_>],
        mut found: impl FnMut(&LayerDirection<'_>, &[f64], &[f64]),
    ) -> Result<(), AnalysisError> {
        for some in directions.chunks(models_in_memory(self.parameters)) {
            let along: Vec<Vec<f32>> = some
                .iter()
                .map(|(coordinates, v)| coordinates.embedded(v, self.parameters))
                .collect();
            let derivatives = self.losses.differentiate(&self.point, self.split, &along)?;
            for (direction, product) in some.iter().zip(&derivatives.products) {
                found(direction, &derivatives.gradient, product);
            }
        }
        Ok(())
    }

    /// Computes ⟨v, H·v⟩ for each of `count` directions. A limited number of them is in memory at a
    /// time.
    pub(crate) fn forms(
        &mut self,
        coordinates: &Coordinates,
        count: usize,
        direction: impl Fn(usize) -> Vec<f64>,
    ) -> Result<Vec<f64>, AnalysisError> {
        let mut forms = Vec::with_capacity(count);
        let most = models_in_memory(self.parameters);
        for first in (0..count).step_by(most) {
            let some = first..count.min(first + most);
            let directions: Vec<LayerDirection<'_>> =
                some.map(|at| (coordinates, direction(at))).collect();
            let products = self.products(&directions)?;
            let pairs = directions.iter().zip(&products);
            forms.extend(pairs.map(|((_, v), product)| dot(v, product)));
        }
        Ok(forms)
    }
}

/// The directions that estimate a sum over `exact` directions with a limit on their number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Directions {
    /// All of them: the sum is exact.
    Exact(usize),
    /// Random ones.
    Drawn(usize),
}

impl Directions {
    /// Takes all directions if `draws` allows it. `exact` is `None` if their number overflows.
    pub(crate) fn within(draws: u32, exact: Option<usize>) -> Self {
        let draws = draws as usize;
        exact.filter(|&exact| exact <= draws).map_or(Self::Drawn(draws), Self::Exact)
    }

    /// Returns their number.
    pub(crate) fn count(self) -> usize {
        match self {
            Self::Exact(count) | Self::Drawn(count) => count,
        }
    }
}

/// Draws +1 or −1 with equal probability (Rademacher).
pub(crate) fn sign(generator: &mut Generator) -> f64 {
    if generator.random() { 1.0 } else { -1.0 }
}
