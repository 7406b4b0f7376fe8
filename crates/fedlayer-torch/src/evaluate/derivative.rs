//! [`differentiate`]: the gradient of a split's mean loss, and products of its Hessian with directions, by autograd.
//!
//! H·v is the gradient of ⟨g, v⟩, g being the gradient (Pearlmutter 1994). Batches are an evaluation's; each adds to sums in f64.

use std::ops::Range;

use fedlayer_core::{Derivatives, Point, Role};
use tch::{Kind, TchError, Tensor};

use crate::{
    engine::{Body, Engine},
    evaluate::Seen,
    graph::Mode,
    passage::Laid,
    prefix,
};

/// A trained tensor that collects gradients, and where it lies in the flat parameters.
struct Leaf {
    tensor: Tensor,
    range: Range<usize>,
}

/// The derivatives of the mean loss at a point; nothing where the split has no example. Directions are as long as the parameters.
pub(crate) fn differentiate(
    engine: &Engine,
    point: &Point,
    seen: &Seen,
    along: &[Vec<f32>],
) -> Result<Option<Derivatives>, TchError> {
    let (layers, leaves) = leaves(engine, &prefix::laid(engine, point)?)?;
    let tensors: Vec<&Tensor> = leaves.iter().map(|leaf| &leaf.tensor).collect();
    let directions: Vec<Vec<Tensor>> =
        along.iter().map(|direction| cut(engine, direction, &leaves)).collect::<Result<_, _>>()?;
    let mut loss = 0.0;
    let mut gradient = Sum::new(engine, &leaves)?;
    let mut products: Vec<Sum<'_>> =
        along.iter().map(|_| Sum::new(engine, &leaves)).collect::<Result<_, _>>()?;
    for (start, count) in seen.batches(engine) {
        let batch = seen.batch(engine, start, count)?;
        let logits = engine.logits(&layers, &batch.inputs, &mut Mode::Differentiate)?;
        let total = engine.criterion.each(&logits, &batch.labels)?.f_sum(Kind::Double)?;
        loss += total.f_double_value(&[])?;
        let again = !along.is_empty();
        let slopes = Tensor::f_run_backward(&[&total], &tensors, again, again)?;
        gradient.add(&slopes)?;
        for (direction, product) in directions.iter().zip(&mut products) {
            if let Some(slope) = slope_along(&slopes, direction)? {
                product.add(&Tensor::f_run_backward(&[slope], &tensors, true, false)?)?;
            }
        }
    }
    let labels = seen.len() * engine.facts.targets;
    if labels == 0 {
        return Ok(None);
    }
    let mean = |sum: Sum<'_>| sum.over(labels);
    Ok(Some(Derivatives {
        loss: loss / labels as f64,
        gradient: mean(gradient)?,
        products: products.into_iter().map(mean).collect::<Result<_, _>>()?,
    }))
}

/// The layers with tensors that collect gradients where they are trained, and these.
fn leaves(engine: &Engine, laid: &[Laid]) -> Result<(Vec<Laid>, Vec<Leaf>), TchError> {
    let script = match &engine.body {
        Body::Alone(alone) => alone.script(),
        Body::Stacked(_) => None,
    };
    let mut leaves = Vec::new();
    let layers = laid.iter().zip(engine.layout.layers()).map(|(laid, layer)| {
        let tensors = laid.iter().zip(&layer.tensors).map(|(tensor, spec)| {
            if spec.role == Role::Statistic {
                return Ok(tensor.shallow_clone());
            }
            let tensor = tensor.f_detach()?.f_set_requires_grad(true)?;
            leaves.push(Leaf { tensor: tensor.shallow_clone(), range: spec.range.clone() });
            Ok(tensor)
        });
        tensors.collect::<Result<Laid, TchError>>()
    });
    let layers = layers.collect::<Result<Vec<_>, _>>()?;
    if let Some(script) = script {
        // A module has tensors of its own: the values are laid under them.
        let flat: Vec<Tensor> = leaves.iter().map(|leaf| leaf.tensor.shallow_clone()).collect();
        for (leaf, tensor) in leaves.iter_mut().zip(script.lay(&flat)?) {
            leaf.tensor = tensor;
        }
    }
    Ok((layers, leaves))
}

/// A direction in the shapes of the leaves.
fn cut(engine: &Engine, direction: &[f32], leaves: &[Leaf]) -> Result<Vec<Tensor>, TchError> {
    let leaf = |leaf: &Leaf| {
        let values = Tensor::f_from_slice(&direction[leaf.range.clone()])?;
        values.f_view(leaf.tensor.size().as_slice())?.f_to_device(engine.device.into())
    };
    leaves.iter().map(leaf).collect()
}

/// Gradients of batches, summed in f64; 0 where no gradient comes.
struct Sum<'a> {
    leaves: &'a [Leaf],
    parts: Vec<Tensor>,
    parameters: usize,
}

impl<'a> Sum<'a> {
    fn new(engine: &Engine, leaves: &'a [Leaf]) -> Result<Self, TchError> {
        let zeros = |leaf: &Leaf| {
            let kind = (Kind::Double, leaf.tensor.device());
            Tensor::f_zeros(leaf.tensor.size().as_slice(), kind)
        };
        let parts = leaves.iter().map(zeros).collect::<Result<_, _>>()?;
        Ok(Self { leaves, parts, parameters: engine.parameters })
    }

    fn add(&mut self, gradients: &[Tensor]) -> Result<(), TchError> {
        for (sum, gradient) in self.parts.iter_mut().zip(gradients) {
            // What a derivative does not reach has none.
            if gradient.defined() {
                let _ = sum.f_add_(&gradient.f_detach()?.f_to_kind(Kind::Double)?)?;
            }
        }
        Ok(())
    }

    /// The sums over `count`, in the layout's order.
    fn over(self, count: usize) -> Result<Vec<f64>, TchError> {
        let mut flat = vec![0.0; self.parameters];
        for (leaf, part) in self.leaves.iter().zip(&self.parts) {
            let part = part.f_reshape(-1)?.f_to_device(tch::Device::Cpu)?;
            let values: Vec<f64> = part.try_into()?;
            for (target, value) in flat[leaf.range.clone()].iter_mut().zip(values) {
                *target = value / count as f64;
            }
        }
        Ok(flat)
    }
}

/// ⟨g, v⟩; nothing where no gradient depends on the parameters.
fn slope_along(slopes: &[Tensor], direction: &[Tensor]) -> Result<Option<Tensor>, TchError> {
    let pairs = slopes.iter().zip(direction);
    let depends = |slope: &Tensor| slope.defined() && slope.requires_grad();
    let terms = pairs.filter(|(slope, _)| depends(slope));
    let terms: Vec<Tensor> = terms
        .map(|(slope, direction)| slope.f_mul(direction)?.f_sum(Kind::Double))
        .collect::<Result<_, _>>()?;
    match terms.is_empty() {
        true => Ok(None),
        false => Ok(Some(Tensor::f_stack(&terms, 0)?.f_sum(Kind::Double)?)),
    }
}
