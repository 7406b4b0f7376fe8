//! [`Architecture`]: a network as a list of operations, known without libtorch: its layers, its shapes, and what it costs to compute.
//!
//! One list serves all: the layout, `fedlayer check`, the initial draw, and the forward pass that `fedlayer-torch` makes of it.

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
    /// Floating-point operations of a forward pass, per example; a multiplication with its addition counts as two.
    pub flops: u64,
}

/// Why a model and data do not make a network.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ArchitectureError {
    /// The layers cannot be laid out.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// The model takes other examples.
    #[error("`{model}` takes {takes}; an example of this data has shape {found:?}")]
    Input {
        /// The model.
        model: &'static str,
        /// What it takes.
        takes: &'static str,
        /// The shape of an example.
        found: Vec<usize>,
    },
    /// The model gives one label an example, the data have several, or the other way round.
    #[error("`{model}` gives {gives} an example; this data has {found}")]
    Targets {
        /// The model.
        model: &'static str,
        /// What it gives.
        gives: &'static str,
        /// The labels of an example.
        found: usize,
    },
    /// A layer that does not fit what comes to it.
    #[error("{layer} does not fit {shape:?}: {reason}")]
    Layer {
        /// The layer.
        layer: String,
        /// The shape that comes to it.
        shape: Vec<usize>,
        /// Why not, and what would.
        reason: String,
    },
    /// A value that must divide another.
    #[error("`{divisor}` is {by}, which does not divide {what} {value}")]
    Divide {
        /// The key.
        divisor: &'static str,
        /// Its value.
        by: usize,
        /// What it must divide.
        what: &'static str,
        /// Its value.
        value: usize,
    },
    /// The layers of a module are known to libtorch alone.
    #[error("the layers of a TorchScript module are in its file")]
    Module,
    /// A model that is no list of operations.
    #[error("`{0}` has no list of operations")]
    NoOperations(&'static str),
}

impl Architecture {
    /// The network that a model is on data of these facts.
    ///
    /// # Errors
    /// When the model takes other data, or is none that is a list of operations (`toy`, `diagonal-linear`, `torchscript`).
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

    /// The layers of the network, in the order in which its operations use them.
    ///
    /// # Errors
    /// When two layers share a name.
    pub fn layout(&self) -> Result<Layout, ArchitectureError> {
        let mut tensors = Vec::new();
        self.ops.iter().for_each(|op| op.tensors(&mut tensors));
        Ok(Layout::with_roles(tensors)?)
    }

    /// The first batch normalisation that sees one value of each channel in an example, if there is one: a batch of one example then has no variance
    /// there, and PyTorch refuses it.
    pub fn needs_two_examples(&self) -> Option<&str> {
        self.ops.iter().find_map(Op::needs_two_examples)
    }

    /// Whether the network has a batch normalisation.
    pub fn has_statistics(&self) -> bool {
        self.ops.iter().any(Op::has_statistics)
    }
}

impl ModelSpec {
    /// The layers of the network on data of these facts, from input to output.
    ///
    /// # Errors
    /// When the network would have a layer without parameters (a toy of more layers than features), does not fit the data, or is a
    /// TorchScript module, whose layers are known to libtorch alone.
    pub fn layout(&self, data: &DataFacts) -> Result<Layout, ArchitectureError> {
        let (features, classes) = (data.features(), data.classes);
        Ok(match self {
            Self::Toy(toy) => {
                let layers = toy.curvature.len();
                // Layer l takes the features from ⌊l·D/L⌋ up to ⌊(l+1)·D/L⌋.
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
