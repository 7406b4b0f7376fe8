//! [`differentiate`]: the gradient of a split's mean loss, and products of its Hessian with
//! directions, by autograd.
//!
//! H·v is the gradient of ⟨g, v⟩ with the gradient g (Pearlmutter 1994). The batches are those of
//! an evaluation. Their derivatives are summed in f64.

use std::ops::Range;

use fedlayer_core::{
    model::{Point, Role},
    trainer::Derivatives,
};
use tch::{Kind, TchError, Tensor};

use crate::{
    engine::Engine,
    network::{LayerTensors, Mode},
};

use super::{point::layers_of, split_data::SplitData};

/// A trained tensor that collects gradients, and its range in the flat parameters.
struct LeafTensor {
    tensor: Tensor,
    range: Range<usize>,
}

/// Returns the derivatives of the mean loss at a point; `None` if the split has no examples. Each
/// direction has a value per parameter.
pub(crate) fn differentiate(
    engine: &Engine,
    point: &Point,
    data: &SplitData,
    directions: &[Vec<f32>],
) -> Result<Option<Derivatives>, TchError> {
    let labels = data.len() * engine.facts.targets;
    if labels == 0 {
        return Ok(None);
    }
    let (layers, leaves) = leaves(engine, &layers_of(engine, point)?)?;
    let tensors: Vec<&Tensor> = leaves.iter().map(|leaf| &leaf.tensor).collect();
    let directions: Vec<Vec<Tensor>> = directions
        .iter()
        .map(|direction| by_leaf(engine, direction, &leaves))
        .collect::<Result<_, _>>()?;
    let twice = !directions.is_empty();
    let mut loss = 0.0;
    let mut gradient = GradientSum::new(engine, &leaves)?;
    let mut products: Vec<GradientSum<'_>> =
        directions.iter().map(|_| GradientSum::new(engine, &leaves)).collect::<Result<_, _>>()?;
    for (start, count) in data.batches(engine) {
        let batch = data.batch(engine, start, count)?;
        let logits = engine.network.logits(&layers, &batch.inputs, &mut Mode::Differentiate)?;
        let total = engine.criterion.each(&logits, &batch.labels)?.f_sum(Kind::Double)?;
        loss += total.f_double_value(&[])?;
        let of_batch = Tensor::f_run_backward(&[&total], &tensors, twice, twice)?;
        gradient.add(&of_batch)?;
        for (direction, product) in directions.iter().zip(&mut products) {
            if let Some(slope) = slope_along(&of_batch, direction)? {
                product.add(&Tensor::f_run_backward(&[slope], &tensors, true, false)?)?;
            }
        }
    }
    let mean = |sum: GradientSum<'_>| sum.divided_by(labels);
    Ok(Some(Derivatives {
        loss: loss / labels as f64,
        gradient: mean(gradient)?,
        products: products.into_iter().map(mean).collect::<Result<_, _>>()?,
    }))
}

/// Returns the layers with trained tensors that collect gradients, and these tensors.
fn leaves(
    engine: &Engine,
    layers: &[LayerTensors],
) -> Result<(Vec<LayerTensors>, Vec<LeafTensor>), TchError> {
    let (mut tensors, mut ranges) = (Vec::new(), Vec::new());
    let with_leaves = layers.iter().zip(engine.layout.layers()).map(|(layer, specs)| {
        let pairs = layer.iter().zip(&specs.tensors);
        let leaves = pairs.map(|(tensor, spec)| {
            if spec.role == Role::Statistic {
                return Ok(tensor.shallow_clone());
            }
            let leaf = tensor.f_detach()?.f_set_requires_grad(true)?;
            tensors.push(leaf.shallow_clone());
            ranges.push(spec.range.clone());
            Ok(leaf)
        });
        leaves.collect::<Result<LayerTensors, TchError>>()
    });
    let with_leaves = with_leaves.collect::<Result<Vec<_>, _>>()?;
    let pairs = engine.network.gradient_targets(tensors)?.into_iter().zip(ranges);
    Ok((with_leaves, pairs.map(|(tensor, range)| LeafTensor { tensor, range }).collect()))
}

/// Cuts a direction into tensors of the shapes of the leaves.
fn by_leaf(
    engine: &Engine,
    direction: &[f32],
    leaves: &[LeafTensor],
) -> Result<Vec<Tensor>, TchError> {
    let part = |leaf: &LeafTensor| {
        let values = Tensor::f_from_slice(&direction[leaf.range.clone()])?;
        values.f_view(leaf.tensor.size().as_slice())?.f_to_device(engine.device.into())
    };
    leaves.iter().map(part).collect()
}

/// The sum of the gradients of batches, in f64.
struct GradientSum<'a> {
    leaves: &'a [LeafTensor],
    sums: Vec<Tensor>,
    parameters: usize,
}

impl<'a> GradientSum<'a> {
    fn new(engine: &Engine, leaves: &'a [LeafTensor]) -> Result<Self, TchError> {
        let zeros = |leaf: &LeafTensor| {
            let kind = (Kind::Double, leaf.tensor.device());
            Tensor::f_zeros(leaf.tensor.size().as_slice(), kind)
        };
        let sums = leaves.iter().map(zeros).collect::<Result<_, _>>()?;
        Ok(Self { leaves, sums, parameters: engine.parameters() })
    }

    fn add(&mut self, gradients: &[Tensor]) -> Result<(), TchError> {
        for (sum, gradient) in self.sums.iter_mut().zip(gradients) {
            // The gradient of a leaf without influence is undefined, and counts as 0.
            if gradient.defined() {
                let _ = sum.f_add_(&gradient.f_detach()?.f_to_kind(Kind::Double)?)?;
            }
        }
        Ok(())
    }

    /// Divides the sums by `count`. Returns them in the layout's order, 0 for running statistics.
    fn divided_by(self, count: usize) -> Result<Vec<f64>, TchError> {
        let mut flat = vec![0.0; self.parameters];
        for (leaf, sum) in self.leaves.iter().zip(&self.sums) {
            let values: Vec<f64> = sum.f_reshape(-1)?.f_to_device(tch::Device::Cpu)?.try_into()?;
            for (target, value) in flat[leaf.range.clone()].iter_mut().zip(values) {
                *target = value / count as f64;
            }
        }
        Ok(flat)
    }
}

/// Returns ⟨g, v⟩ for the gradient g and the direction v; `None` if no gradient depends on the
/// parameters.
fn slope_along(gradient: &[Tensor], direction: &[Tensor]) -> Result<Option<Tensor>, TchError> {
    let depends = |gradient: &Tensor| gradient.defined() && gradient.requires_grad();
    let pairs = gradient.iter().zip(direction).filter(|(gradient, _)| depends(gradient));
    let terms: Vec<Tensor> = pairs
        .map(|(gradient, direction)| gradient.f_mul(direction)?.f_sum(Kind::Double))
        .collect::<Result<_, _>>()?;
    match terms.is_empty() {
        true => Ok(None),
        false => Ok(Some(Tensor::f_stack(&terms, 0)?.f_sum(Kind::Double)?)),
    }
}
