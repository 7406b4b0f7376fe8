//! [`StackedNetwork`]: the forward and the backward pass of K networks at once, stacked along a
//! client axis.
//!
//! All parameters are in one tensor `(K, P)`, in the layout's order, and so are the gradients: an
//! optimizer updates all clients and layers with one operation. The backward pass is written by
//! hand, without autograd: it builds no graph and writes each gradient to its final memory.
//!
//! Measured for a step of the MLP 64-128-64-10, batch 16, SGD, on one thread of a busy machine,
//! against autograd: 45 instead of 136 µs for K = 1, 142 instead of 262 µs for K = 4, 519 instead
//! of 795 µs for K = 16.

mod dense;
mod diagonal;

use fedlayer_core::{
    model::Layout,
    spec::{Activation, ModelSpec},
};
use tch::{TchError, Tensor};

use super::activations::Activations;

/// K networks of one architecture.
#[derive(Debug, Clone)]
pub(crate) struct StackedNetwork {
    layers: LayerKind,
    slices: Vec<TensorSlice>,
}

/// The kind of all layers of a stacked network.
#[derive(Debug, Clone, Copy)]
enum LayerKind {
    /// Fully connected layers with an activation between them.
    Dense(Activation),
    /// Diagonal layers, which are multiplied.
    Diagonal,
}

/// The range of one tensor in a row of the flat parameters, and its shape: a bias is `(1, out)`,
/// which is added to `(B, out)`.
#[derive(Debug, Clone, Copy)]
struct TensorSlice {
    start: i64,
    rows: i64,
    columns: i64,
}

/// The results of a forward pass that the backward pass needs.
#[derive(Debug)]
pub(crate) struct ForwardPass {
    /// The output of each layer but the last.
    pub(crate) hidden: Vec<Tensor>,
    /// The output of the network. `(K, B, C)`
    pub(crate) logits: Tensor,
}

impl StackedNetwork {
    /// The network of a model, if it can be stacked.
    pub(crate) fn new(model: &ModelSpec, layout: &Layout) -> Option<Self> {
        let layers = match model {
            ModelSpec::Linear | ModelSpec::DeepLinear(_) | ModelSpec::Mlp(_) => {
                let activation = model.activation();
                // The backward pass computes an activation's derivative from its output, which
                // GELU does not allow.
                (activation != Activation::Gelu).then_some(LayerKind::Dense(activation))?
            }
            ModelSpec::DiagonalLinear(_) => LayerKind::Diagonal,
            _ => return None,
        };
        let slices = layout.tensors().map(|tensor| {
            let (rows, columns) = match tensor.shape[..] {
                [out, input] => (out, input),
                _ => (1, tensor.range.len()),
            };
            let start = tensor.range.start as i64;
            TensorSlice { start, rows: rows as i64, columns: columns as i64 }
        });
        Some(Self { layers, slices: slices.collect() })
    }

    /// Returns the tensors of the layout as views of `flat`, `(K, P)`: weights `(K, out, in)`,
    /// biases `(K, 1, out)`.
    pub(crate) fn views(&self, flat: &Tensor) -> Result<Vec<Tensor>, TchError> {
        let clients = flat.size()[0];
        let view = |slice: &TensorSlice| {
            let columns = flat.f_narrow(1, slice.start, slice.rows * slice.columns)?; // (K, rows·columns)
            columns.f_view([clients, slice.rows, slice.columns]) // (K, rows, columns)
        };
        self.slices.iter().map(view).collect()
    }

    /// Computes the logits of `inputs`, `(K, B, F)`. `views` are the views of the parameters.
    pub(crate) fn forward(
        &self,
        views: &[Tensor],
        inputs: &Tensor,
    ) -> Result<ForwardPass, TchError> {
        match self.layers {
            LayerKind::Dense(activation) => dense::forward(activation, views, inputs),
            LayerKind::Diagonal => diagonal::forward(views, inputs),
        }
    }

    /// Applies one layer of a single network, K = 1, as [`forward`](Self::forward) does.
    pub(crate) fn apply_layer(
        &self,
        index: usize,
        tensors: &[Tensor],
        mut activations: Activations,
    ) -> Result<Activations, TchError> {
        let Activations { x, saved, .. } = &mut activations;
        match self.layers {
            LayerKind::Dense(_) if 2 * (index + 1) == self.slices.len() => {
                *x = dense::affine(tensors, x)?;
            }
            LayerKind::Dense(activation) => *x = dense::hidden(activation, tensors, x)?,
            // The layers are multiplied first; `end` applies the product to the inputs.
            LayerKind::Diagonal => {
                *saved = vec![match saved.pop() {
                    Some(product) => product.f_mul(&tensors[0])?,
                    None => tensors[0].shallow_clone(),
                }]; // (1, C, F)
            }
        }
        Ok(activations)
    }

    /// Returns the logits behind the last layer. `(1, B, C)`
    pub(crate) fn end(&self, activations: Activations) -> Result<Tensor, TchError> {
        match activations.saved.last() {
            Some(product) => diagonal::logits(&activations.x, product),
            None => Ok(activations.x),
        }
    }

    /// Overwrites `gradients`, the views of the flat gradients, from the gradient of the loss with
    /// respect to the logits, `(K, B, C)`.
    pub(crate) fn backward(
        &self,
        views: &[Tensor],
        gradients: &[Tensor],
        inputs: &Tensor,
        pass: ForwardPass,
        by_logits: Tensor,
    ) -> Result<(), TchError> {
        match self.layers {
            LayerKind::Dense(activation) => {
                dense::backward(activation, views, gradients, inputs, pass, by_logits)
            }
            LayerKind::Diagonal => diagonal::backward(views, gradients, inputs, pass, by_logits),
        }
    }
}

#[cfg(test)]
mod tests {
    use fedlayer_core::{
        data::DataFacts,
        spec::{Mlp, MlpForm},
    };
    use tch::{Device, Kind};

    use super::*;

    #[test]
    fn forward_and_backward_take_the_shapes_of_the_layout() {
        let full = MlpForm::Full(Mlp { hidden: vec![7, 4], activation: Activation::Tanh });
        let models = [
            ModelSpec::Linear,
            ModelSpec::DeepLinear(vec![6]),
            ModelSpec::DiagonalLinear(1),
            ModelSpec::DiagonalLinear(3),
            ModelSpec::Mlp(full),
        ];
        let facts = DataFacts { shape: vec![1, 5, 1], classes: 3, targets: 1, pool: 1, test: 1 };
        for model in models {
            let layout = model.layout(&facts).unwrap();
            let network = StackedNetwork::new(&model, &layout).unwrap();
            let float = (Kind::Float, Device::Cpu);
            let flat = Tensor::full([2, layout.value_count() as i64], 0.1, float); // (K, P)
            let gradient = flat.full_like(f64::NAN); // (K, P)
            let views = network.views(&flat).unwrap();
            for (view, tensor) in views.iter().zip(layout.tensors()) {
                let of_one: Vec<i64> = tensor.shape.iter().map(|&length| length as i64).collect();
                let of_one = if let [out] = of_one[..] { vec![1, out] } else { of_one };
                assert_eq!(view.size(), [&[2], &of_one[..]].concat(), "{}", tensor.name);
            }
            let inputs = Tensor::ones([2, 8, 5], float); // (K, B, F)
            let pass = network.forward(&views, &inputs).unwrap();
            assert_eq!(pass.logits.size(), [2, 8, 3]);
            let by_logits = pass.logits.ones_like(); // (K, B, C)
            let gradients = network.views(&gradient).unwrap();
            network.backward(&views, &gradients, &inputs, pass, by_logits).unwrap();
            assert_eq!(gradient.isfinite().all().int64_value(&[]), 1, "{model:?}: not all written");
        }
    }
}
