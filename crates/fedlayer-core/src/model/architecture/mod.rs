//! [`Architecture`]: a network as a list of operations, with its layers, shapes and costs. It does
//! not need libtorch.
//!
//! The list is the only definition of a network: the layout, `fedlayer check`, the initial draw and
//! the forward pass of `fedlayer-torch` are all made from it.
//!
//! * [`Op`] and its operands: one operation.
//! * `builder`: appends operations and tracks shapes and costs.
//! * `zoo`, `resnet`, `gpt`: the networks with a name; `spelled_out`: `model.layers` of a scenario.

mod builder;
mod gpt;
mod operation;
mod resnet;
mod spelled_out;
mod zoo;

use thiserror::Error;

pub use operation::{Attention, Conv, Embedding, Init, Linear, Norm, Op, Pool, PoolKind};

use crate::{
    data::DataFacts,
    model::{Layout, LayoutError},
    spec::ModelSpec,
};

/// A network: operations from the input to the logits.
#[derive(Debug, Clone, PartialEq)]
pub struct Architecture {
    /// The operations, in order.
    pub ops: Vec<Op>,
    /// Floating-point operations of a forward pass per example; a multiply-add counts as two.
    pub flops: u64,
}

/// A model that does not fit the data, or that is not a list of operations.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ArchitectureError {
    /// The layers do not form a layout.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// The model takes examples of another shape.
    #[error("`{model}` takes {takes}; an example of this data has shape {found:?}")]
    Input {
        /// The model.
        model: &'static str,
        /// The examples that it takes.
        takes: &'static str,
        /// The shape of an example.
        found: Vec<usize>,
    },
    /// The model predicts one label per example and the data have several, or the other way round.
    #[error("`{model}` predicts {predicts}; this data has {found}")]
    Targets {
        /// The model.
        model: &'static str,
        /// The labels that it predicts.
        predicts: &'static str,
        /// The number of labels of an example.
        found: usize,
    },
    /// A layer that does not fit its input.
    #[error("{layer} does not fit {shape:?}: {reason}")]
    Layer {
        /// The layer.
        layer: String,
        /// The shape of its input.
        shape: Vec<usize>,
        /// The reason, and what would fit.
        reason: String,
    },
    /// A value that does not divide another.
    #[error("`{divisor}` is {by}, which does not divide {what} {value}")]
    Divide {
        /// The key.
        divisor: &'static str,
        /// Its value.
        by: usize,
        /// The name of the value that it must divide.
        what: &'static str,
        /// The value that it must divide.
        value: usize,
    },
    /// The layers of a TorchScript module are known only to libtorch.
    #[error("the layers of a TorchScript module are in its file")]
    Module,
    /// The model is not a list of operations.
    #[error("`{0}` has no list of operations")]
    NoOperations(&'static str),
}

impl Architecture {
    /// Builds the network of a model on data of these facts.
    ///
    /// # Errors
    /// When the model takes other data, or is not a list of operations (`toy`, `diagonal-linear`,
    /// `torchscript`).
    pub fn new(model: &ModelSpec, data: &DataFacts) -> Result<Self, ArchitectureError> {
        match model {
            ModelSpec::Linear | ModelSpec::DeepLinear(_) | ModelSpec::Mlp(_) => {
                zoo::dense(model, data)
            }
            ModelSpec::Lenet5 => zoo::lenet_5(data),
            ModelSpec::McmahanCnn => zoo::mcmahan_cnn(data),
            ModelSpec::PflCnn => zoo::pfl_cnn(data),
            ModelSpec::Vgg11(vgg) => zoo::vgg_11(vgg, data),
            ModelSpec::Resnet18(residual) => resnet::resnet_18(residual, data),
            ModelSpec::Resnet20(residual) => resnet::resnet_20(residual, data),
            ModelSpec::Gpt(gpt) => gpt::gpt(gpt, data),
            ModelSpec::Layers(layers) => spelled_out::layers(layers, data),
            ModelSpec::Torchscript(_) => Err(ArchitectureError::Module),
            ModelSpec::DiagonalLinear(_) => Err(ArchitectureError::NoOperations("diagonal-linear")),
            ModelSpec::Toy(_) => Err(ArchitectureError::NoOperations("toy")),
        }
    }

    /// Returns the layers of the network, in the order of its operations.
    ///
    /// # Errors
    /// When two layers share a name.
    pub fn layout(&self) -> Result<Layout, ArchitectureError> {
        let mut tensors = Vec::new();
        self.ops.iter().for_each(|op| op.tensors(&mut tensors));
        Ok(Layout::with_roles(tensors)?)
    }

    /// Returns the first batch normalisation that sees one value per channel and example, if any. A
    /// batch of one example has no variance there, and PyTorch refuses it.
    pub fn needs_two_examples(&self) -> Option<&str> {
        self.ops.iter().find_map(Op::needs_two_examples)
    }

    /// Returns whether the network has a batch normalisation.
    pub fn has_statistics(&self) -> bool {
        self.ops.iter().any(Op::has_statistics)
    }
}

impl ModelSpec {
    /// Returns the layers of the network on data of these facts, from input to output.
    ///
    /// # Errors
    /// When a layer would have no parameters (a toy with more layers than features), the model does
    /// not fit the data, or the model is a TorchScript module, which only libtorch can read.
    pub fn layout(&self, data: &DataFacts) -> Result<Layout, ArchitectureError> {
        let (features, classes) = (data.features(), data.classes);
        Ok(match self {
            Self::Toy(toy) => {
                let layers = toy.curvature.len();
                // Layer l has the features from ⌊l·D/L⌋ to ⌊(l+1)·D/L⌋.
                let cut = |layer: usize| layer * features / layers;
                Layout::new(
                    (0..layers).map(|l| (format!("q{}.center", l + 1), vec![cut(l + 1) - cut(l)])),
                )?
            }
            Self::DiagonalLinear(depth) => Layout::new(
                (1..=*depth).map(|layer| (format!("w{layer}.weight"), vec![classes, features])),
            )?,
            _ => Architecture::new(self, data)?.layout()?,
        })
    }
}
