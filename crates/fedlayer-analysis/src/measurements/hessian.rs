//! `hessian`: trace and largest eigenvalue of the Hessian, per layer and of the whole model.

use fedlayer_core::{Estimate, Seed, model::LayerSet, record::AnalysisRow, spec::Hessian};

use crate::{
    curvature::{Curvature, Directions, LayerDirection, sign},
    error::AnalysisError,
    linalg::{Coordinates, dot, norm, unit},
    losses::Losses,
    model_set::ModelSet,
    rows::{loss_row, set_seed},
    work::{AnalysisWork, ModelSetShape},
};

/// Measures the Hessian H of the mean loss of the first two models, for every layer (the diagonal
/// block) and for all layers together:
///
/// * kind `trace`: Tr H = E⟨v, Hv⟩ over v of random signs (Hutchinson 1990), the mean over `draws`
///   with its standard error. If there are at most as many values as draws, unit vectors give the
///   exact trace, without a standard error.
/// * kind `top`: the eigenvalue of largest magnitude, with its sign, by power iteration from a
///   Gaussian vector: the Rayleigh quotient λ of the last step.
/// * kind `residual`: ‖Hv − λv‖ for the unit vector v of `top`. H has an eigenvalue within this
///   distance of λ. If it is not small against λ, the iteration needs more `steps`.
pub(crate) fn measure(
    spec: &Hessian,
    model_set: &ModelSet,
    seed: Seed,
    losses: &mut Losses<'_>,
) -> Result<Vec<AnalysisRow>, AnalysisError> {
    let sets = model_set.layers_and_whole();
    let blocks = blocks(&sets);
    let mut rows = Vec::new();
    for model in model_set.models.iter().take(2) {
        for split in losses.splits() {
            let parameters = model_set.layout().value_count();
            let mut curvature = Curvature { losses, point: model.point(), split, parameters };
            let row = |kind, set: &LayerSet| loss_row(kind, set, model.id, split);
            let seed = seed.child("base").index(model.id.0.into());
            for (set, coordinates) in &blocks {
                let estimate =
                    trace(spec, coordinates, set_seed(seed.child("trace"), set), &mut curvature)?;
                rows.push(row("trace", set).estimate(estimate));
            }
            for ((set, _), top) in blocks.iter().zip(tops(spec, &blocks, seed, &mut curvature)?) {
                rows.push(row("top", set).value(top.eigenvalue));
                rows.push(row("residual", set).value(top.residual));
            }
        }
    }
    Ok(rows)
}

/// Counts the work of [`measure`]. A power iteration that converges ends before its last step.
pub(crate) fn work(spec: &Hessian, shape: &ModelSetShape) -> AnalysisWork {
    let sets = shape.layers_and_whole();
    let of_block = |(_, coordinates): LayerBlock<'_>| {
        directions(spec, &coordinates).count() + spec.steps as usize
    };
    let products = blocks(&sets).into_iter().map(of_block).sum();
    AnalysisWork::products(products).times(shape.first_two())
}

/// A layer set, and the coordinates of its trained values.
type LayerBlock<'a> = (&'a LayerSet, Coordinates);

/// Returns the layer sets with trained values.
fn blocks(sets: &[LayerSet]) -> Vec<LayerBlock<'_>> {
    let blocks = sets.iter().map(|set| (set, Coordinates::of(set)));
    blocks.filter(|(_, coordinates)| coordinates.len() > 0).collect()
}

/// Returns the directions of a block: a unit vector per value gives the trace exactly.
fn directions(spec: &Hessian, coordinates: &Coordinates) -> Directions {
    Directions::within(spec.draws, Some(coordinates.len()))
}

fn trace(
    spec: &Hessian,
    coordinates: &Coordinates,
    seed: Seed,
    curvature: &mut Curvature<'_, '_>,
) -> Result<Estimate, AnalysisError> {
    let n = coordinates.len();
    let directions = directions(spec, coordinates);
    if let Directions::Exact(n) = directions {
        let axis = |at| (0..n).map(|value| f64::from(u8::from(value == at))).collect();
        let diagonal = curvature.forms(coordinates, n, axis)?;
        return Ok(Estimate {
            value: Estimate::of(&[diagonal.iter().sum()]).value,
            std_error: None,
        });
    }
    let draw = |draw: usize| {
        let mut generator = seed.index(draw as u64).generator();
        (0..n).map(|_| sign(&mut generator)).collect()
    };
    Ok(Estimate::of(&curvature.forms(coordinates, directions.count(), draw)?))
}

/// The state of a power iteration.
struct PowerIteration {
    /// The unit vector v. `(n)`
    vector: Vec<f64>,
    /// λ = ⟨v, Hv⟩.
    eigenvalue: f64,
    /// ‖Hv − λv‖.
    residual: f64,
    done: bool,
}

impl PowerIteration {
    fn start(coordinates: &Coordinates, seed: Seed) -> Self {
        let vector = unit(coordinates.gaussian(&mut seed.generator())).unwrap_or_default();
        Self { vector, eigenvalue: 0.0, residual: 0.0, done: false }
    }

    /// Makes one step, from the product of H with the vector.
    fn advance(&mut self, product: Vec<f64>, tolerance: f64) {
        let before = self.eigenvalue;
        self.eigenvalue = dot(&self.vector, &product);
        let lambda = self.eigenvalue;
        let rest = product.iter().zip(&self.vector).map(|(p, v)| p - lambda * v);
        self.residual = rest.map(|value| value * value).sum::<f64>().sqrt();
        let still = (lambda - before).abs() <= tolerance * lambda.abs();
        let lost = !norm(&product).is_finite() || norm(&product) == 0.0;
        self.done = still || lost;
        if !self.done
            && let Some(next) = unit(product)
        {
            self.vector = next;
        }
    }
}

/// Runs the power iterations of all layers in parallel: each step differentiates once for all of
/// them.
fn tops(
    spec: &Hessian,
    blocks: &[LayerBlock<'_>],
    seed: Seed,
    curvature: &mut Curvature<'_, '_>,
) -> Result<Vec<PowerIteration>, AnalysisError> {
    let start = |(set, coordinates): &LayerBlock<'_>| {
        PowerIteration::start(coordinates, set_seed(seed.child("top"), set))
    };
    let mut tops: Vec<PowerIteration> = blocks.iter().map(start).collect();
    for _ in 0..spec.steps {
        let running = blocks.iter().zip(&tops).filter(|(_, top)| !top.done);
        let directions: Vec<LayerDirection<'_>> =
            running.map(|((_, coordinates), top)| (coordinates, top.vector.clone())).collect();
        if directions.is_empty() {
            break;
        }
        let products = curvature.products(&directions)?;
        for (top, product) in tops.iter_mut().filter(|top| !top.done).zip(products) {
            top.advance(product, spec.tolerance);
        }
    }
    Ok(tops)
}
