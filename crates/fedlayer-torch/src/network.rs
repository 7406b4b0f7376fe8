//! [`Network`]: the forward and the backward pass of K networks at once, stacked along a client axis.
//!
//! All parameters lie in one tensor `(K, P)`, in the layout's order, and so do the gradients: whatever an optimizer does is one operation on
//! the whole. The backward pass is written out instead of left to autograd: it builds no graph and writes every gradient where it belongs.
//! Measured for a step of the MLP 64-128-64-10, batch 16, SGD, on one thread of a busy machine: 45 against 136 µs for K = 1, 142 against 262 µs
//! for K = 4, 519 against 795 µs for K = 16.

use fedlayer_core::{
    Layout,
    spec::{Activation, ModelSpec},
};
use tch::{TchError, Tensor};

use crate::{dense, diagonal, graph::Standing};

/// K networks of one form.
#[derive(Debug, Clone)]
pub(crate) struct Network {
    form: Form,
    places: Vec<Place>,
}

/// How the output comes from the input.
#[derive(Debug, Clone, Copy)]
enum Form {
    /// Fully connected layers with an activation between them.
    Dense(Activation),
    /// A product of diagonal layers.
    Diagonal,
}

/// Where one tensor lies in a row of the flat parameters, and its shape there: a bias is `(1, out)`, to be added to `(B, out)`.
#[derive(Debug, Clone, Copy)]
struct Place {
    start: i64,
    rows: i64,
    columns: i64,
}

/// What the backward pass needs of the forward pass.
#[derive(Debug)]
pub(crate) struct Pass {
    /// Per layer but the last: what it put out.
    pub(crate) hidden: Vec<Tensor>,
    /// What the network put out. `(K, B, C)`
    pub(crate) logits: Tensor,
}

impl Network {
    /// The network of a model, if it is one that can be stacked.
    pub(crate) fn new(model: &ModelSpec, layout: &Layout) -> Option<Self> {
        let form = match model {
            ModelSpec::Linear | ModelSpec::DeepLinear(_) | ModelSpec::Mlp(_) => {
                let activation = model.activation();
                // The backward pass writes an activation's derivative from its output alone.
                (activation != Activation::Gelu).then_some(Form::Dense(activation))?
            }
            ModelSpec::DiagonalLinear(_) => Form::Diagonal,
            _ => return None,
        };
        let places = layout.tensors().map(|tensor| {
            let (rows, columns) = match tensor.shape[..] {
                [out, input] => (out, input),
                _ => (1, tensor.range.len()),
            };
            Place { start: tensor.range.start as i64, rows: rows as i64, columns: columns as i64 }
        });
        Some(Self { form, places: places.collect() })
    }

    /// The tensors of the layout as views of `flat`, `(K, P)`: each `(K, out, in)`, biases `(K, 1, out)`.
    pub(crate) fn views(&self, flat: &Tensor) -> Result<Vec<Tensor>, TchError> {
        let clients = flat.size()[0];
        let view = |place: &Place| {
            let columns = flat.f_narrow(1, place.start, place.rows * place.columns)?; // (K, rows·columns)
            columns.f_view([clients, place.rows, place.columns]) // (K, rows, columns)
        };
        self.places.iter().map(view).collect()
    }

    /// The outputs for `inputs`, `(K, B, F)`, where `views` are those of the parameters.
    pub(crate) fn forward(&self, views: &[Tensor], inputs: &Tensor) -> Result<Pass, TchError> {
        match self.form {
            Form::Dense(activation) => dense::forward(activation, views, inputs),
            Form::Diagonal => diagonal::forward(views, inputs),
        }
    }

    /// Goes through one layer of a stack of one network, whose tensors are `layer`, as [`forward`](Self::forward) does.
    pub(crate) fn through(
        &self,
        index: usize,
        layer: &[Tensor],
        mut standing: Standing,
    ) -> Result<Standing, TchError> {
        let Standing { x, aside, .. } = &mut standing;
        match self.form {
            Form::Dense(_) if 2 * (index + 1) == self.places.len() => {
                *x = dense::affine(layer, x)?;
            }
            Form::Dense(activation) => *x = dense::hidden(activation, layer, x)?,
            // The product of the layers so far waits for the inputs.
            Form::Diagonal => {
                *aside = vec![match aside.pop() {
                    Some(product) => product.f_mul(&layer[0])?,
                    None => layer[0].shallow_clone(),
                }]; // (1, C, F)
            }
        }
        Ok(standing)
    }

    /// The outputs behind the last layer. `(1, B, C)`
    pub(crate) fn end(&self, standing: Standing) -> Result<Tensor, TchError> {
        match standing.aside.last() {
            Some(product) => diagonal::logits(&standing.x, product),
            None => Ok(standing.x),
        }
    }

    /// Overwrites the gradients, whose views are `gradients`, for the gradient of the loss by the logits, `(K, B, C)`.
    pub(crate) fn backward(
        &self,
        views: &[Tensor],
        gradients: &[Tensor],
        inputs: &Tensor,
        pass: Pass,
        by_logits: Tensor,
    ) -> Result<(), TchError> {
        match self.form {
            Form::Dense(activation) => {
                dense::backward(activation, views, gradients, inputs, pass, by_logits)
            }
            Form::Diagonal => diagonal::backward(views, gradients, inputs, pass, by_logits),
        }
    }
}

#[cfg(test)]
mod tests {
    use fedlayer_core::{
        DataFacts,
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
            let network = Network::new(&model, &layout).unwrap();
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
