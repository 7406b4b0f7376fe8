//! [`Network`]: a plan's network, and its forward pass layer by layer.
//!
//! A pass can stop between two layers and continue from there more than once: `evaluate` uses this
//! to compute a common prefix of two models once. In reading order:
//!
//! * `activations`: the state of a pass between two layers; `mode`: the purpose of a pass.
//! * `layer_tensors`: the values of a layer on the device; `leaves`: views of the flat parameters
//!   for autograd.
//! * `stacked`: fully connected and diagonal networks of many clients, computed at once.
//! * `graph`: any network that is a list of operations; `dropout`: its masks.
//! * `script`: a TorchScript module.
//! * `init`: initial weights.

mod activations;
mod dropout;
mod graph;
mod init;
mod layer_tensors;
mod leaves;
mod mode;
mod script;
mod stacked;

use fedlayer_core::{
    Plan, Seed,
    data::DataFacts,
    model::{Layout, TensorSpec, architecture::Architecture},
    spec::{Augment, ModelSpec, Precision},
};
use tch::{TchError, Tensor};

use crate::{Device, Module, TorchError};
use graph::Graph;
use script::Script;

pub(crate) use activations::Activations;
pub(crate) use dropout::Dropout;
pub(crate) use layer_tensors::LayerTensors;
pub(crate) use leaves::{Leaves, trained_views};
pub(crate) use mode::Mode;
pub(crate) use stacked::StackedNetwork;

/// A plan's network.
#[derive(Debug)]
pub(crate) enum Network {
    /// A fully connected or diagonal network. All clients of a call are computed at once.
    Stacked(StackedNetwork),
    /// A list of operations. One client is computed after the other.
    Graph(Graph),
    /// A TorchScript module. One client is computed after the other.
    Script(Script),
}

impl Network {
    /// Builds the network of a plan. `module` is its TorchScript module, if its model is one.
    ///
    /// # Errors
    /// When the module is missing or cannot be used, or the network on this data has other layers
    /// than the plan.
    pub(crate) fn new(
        plan: &Plan,
        facts: &DataFacts,
        device: Device,
        module: Option<&Module>,
    ) -> Result<Self, TorchError> {
        if let ModelSpec::Torchscript(file) = &plan.model {
            let module = module.ok_or_else(|| TorchError::NoModule { file: file.clone() })?;
            return Script::open(module, &plan.layout, facts, device).map(Self::Script);
        }
        let expected =
            plan.model.layout(facts).map_err(|error| TorchError::Torch(error.to_string()))?;
        check_layout(&plan.layout, &expected)?;
        // Only autograd computes in bf16, and only its batches are augmented.
        let can_be_stacked =
            plan.local.precision == Precision::F32 && plan.data.augment == Augment::default();
        match StackedNetwork::new(&plan.model, &plan.layout) {
            Some(network) if can_be_stacked => Ok(Self::Stacked(network)),
            _ => Self::graph(&plan.model, facts, device),
        }
    }

    /// Builds the network of a model as a list of operations, even if it could be stacked.
    pub(crate) fn graph(
        model: &ModelSpec,
        facts: &DataFacts,
        device: Device,
    ) -> Result<Self, TorchError> {
        let architecture = Architecture::new(model, facts)
            .map_err(|error| TorchError::Model { reason: error.to_string() })?;
        Ok(Self::Graph(Graph::new(architecture, device)))
    }

    /// Removes dropout, which the fixtures of the tests do not have.
    #[cfg(test)]
    pub(crate) fn without_dropout(&mut self) {
        if let Self::Graph(graph) = self {
            graph.without_dropout();
        }
    }

    /// Returns whether several clients are computed at once.
    pub(crate) fn is_stacked(&self) -> bool {
        matches!(self, Self::Stacked(_))
    }

    /// Returns whether a pass can continue from between two layers. A module only runs as a whole.
    pub(crate) fn can_resume(&self) -> bool {
        !matches!(self, Self::Script(_))
    }

    /// The first batch normalisation that a batch of one example would leave without a variance.
    pub(crate) fn needs_two_examples(&self) -> Option<&str> {
        match self {
            Self::Graph(graph) => graph.architecture().needs_two_examples(),
            Self::Stacked(_) | Self::Script(_) => None,
        }
    }

    /// Returns the initial values: drawn from `seed`, or those that a module was saved with.
    pub(crate) fn initial(&self, model: &ModelSpec, layout: &Layout, seed: Seed) -> Vec<f32> {
        match self {
            Self::Stacked(_) => init::initial(model, None, layout, seed),
            Self::Graph(graph) => init::initial(model, Some(graph.architecture()), layout, seed),
            Self::Script(script) => script.values().to_vec(),
        }
    }

    /// The shape in which the forward pass takes a tensor. Stacked networks have a client axis in
    /// front: weights `(1, out, in)`, biases `(1, 1, out)`.
    pub(crate) fn shape_of(&self, tensor: &TensorSpec) -> Vec<i64> {
        let shape = tensor.shape.iter().map(|&length| length as i64);
        match (self, &tensor.shape[..]) {
            (Self::Graph(_) | Self::Script(_), _) => shape.collect(),
            (Self::Stacked(_), [_, _]) => [1].into_iter().chain(shape).collect(),
            (Self::Stacked(_), _) => vec![1, 1, tensor.range.len() as i64],
        }
    }

    /// Returns the tensors that receive the gradients of `leaves`.
    ///
    /// A module has parameters of its own: the values of the leaves are put under them.
    pub(crate) fn gradient_targets(&self, leaves: Vec<Tensor>) -> Result<Vec<Tensor>, TchError> {
        match self {
            Self::Script(script) => script.bind(&leaves),
            Self::Stacked(_) | Self::Graph(_) => Ok(leaves),
        }
    }

    /// Begins a pass for the batch `inputs`, `(B, …)`.
    pub(crate) fn begin(
        &self,
        inputs: &Tensor,
        mode: &mut Mode<'_>,
    ) -> Result<Activations, TchError> {
        match self {
            Self::Stacked(_) => Ok(Activations::new(inputs.f_unsqueeze(0)?)), // (1, B, F)
            Self::Graph(graph) => graph.begin(inputs, mode),
            Self::Script(_) => Ok(Activations::new(inputs.shallow_clone())),
        }
    }

    /// Continues a pass through the layer with this index, with `tensors` as its parameters.
    pub(crate) fn apply_layer(
        &self,
        index: usize,
        tensors: &[Tensor],
        mut activations: Activations,
        mode: &mut Mode<'_>,
    ) -> Result<Activations, TchError> {
        match self {
            Self::Stacked(network) => network.apply_layer(index, tensors, activations),
            Self::Graph(graph) => graph.apply_layer(index, tensors, activations, mode),
            // A module runs as a whole, in `end`.
            Self::Script(_) => {
                activations.saved.extend(tensors.iter().map(Tensor::shallow_clone));
                Ok(activations)
            }
        }
    }

    /// Ends a pass behind the last layer. Returns the logits, a row per label: `(B·targets, C)`.
    pub(crate) fn end(
        &self,
        activations: Activations,
        mode: &Mode<'_>,
    ) -> Result<Tensor, TchError> {
        match self {
            Self::Stacked(network) => network.end(activations)?.f_squeeze_dim(0),
            Self::Graph(_) => activations.x.f_to_kind(mode.full_kind())?.f_flatten(0, -2),
            Self::Script(script) => {
                script.forward(&activations.saved, &activations.x, mode)?.f_flatten(0, -2)
            }
        }
    }

    /// Returns the logits of a batch `(B, …)`, a row per label: `(B·targets, C)`.
    pub(crate) fn logits(
        &self,
        layers: &[LayerTensors],
        inputs: &Tensor,
        mode: &mut Mode<'_>,
    ) -> Result<Tensor, TchError> {
        let mut activations = self.begin(inputs, mode)?;
        for (index, tensors) in layers.iter().enumerate() {
            activations = self.apply_layer(index, tensors, activations, mode)?;
        }
        self.end(activations, mode)
    }
}

/// Checks that the plan has the layers that the forward pass expects.
fn check_layout(found: &Layout, expected: &Layout) -> Result<(), TorchError> {
    let Some(difference) = expected.first_difference(found) else { return Ok(()) };
    Err(TorchError::Shape {
        tensor: difference.name().to_owned(),
        found: difference.found.map_or_else(Vec::new, |tensor| tensor.shape.clone()),
        expected: difference.expected_shape(),
    })
}
