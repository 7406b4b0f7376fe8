//! [`Curvature`]: products of the Hessian at a model with directions on some of its layers.

use fedlayer_core::{Generator, model::Point, spec::SplitSpec};
use rand::RngExt;

use crate::{
    error::AnalysisError,
    linalg::{Coordinates, dot},
    losses::{Losses, at_once},
};

/// The mean loss of a split around a model.
pub(crate) struct Curvature<'a, 'b> {
    /// Who differentiates.
    pub(crate) losses: &'a mut Losses<'b>,
    /// The model.
    pub(crate) point: Point,
    /// The examples.
    pub(crate) split: SplitSpec,
    /// The number of values of the model.
    pub(crate) parameters: usize,
}

/// A direction, and where it lies.
pub(crate) type LayerDirection<'a> = (&'a Coordinates, Vec<f64>);

impl Curvature<'_, '_> {
    /// H·v on the coordinates of each direction v. `(n)` each
    ///
    /// Directions are rounded to `f32`, in which models are differentiated.
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

    /// ⟨g, v⟩ with the gradient g, and ⟨v, H·v⟩, of each direction v.
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

    /// Hands over every direction with the gradient and its product, both over all parameters. Some are held at once.
    fn each(
        &mut self,
        directions: &[LayerDirection<'_>],
        mut found: impl FnMut(&LayerDirection<'_>, &[f64], &[f64]),
    ) -> Result<(), AnalysisError> {
        for some in directions.chunks(at_once(self.parameters)) {
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

    /// ⟨v, H·v⟩ of each of `count` directions, some of which are held at once.
    pub(crate) fn forms(
        &mut self,
        coordinates: &Coordinates,
        count: usize,
        direction: impl Fn(usize) -> Vec<f64>,
    ) -> Result<Vec<f64>, AnalysisError> {
        let mut forms = Vec::with_capacity(count);
        let most = at_once(self.parameters);
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

/// +1 or −1, each as likely (Rademacher).
pub(crate) fn sign(generator: &mut Generator) -> f64 {
    if generator.random() { 1.0 } else { -1.0 }
}
