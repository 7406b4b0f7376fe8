//! [`Graph`]: the forward pass of one network that is a list of operations, differentiated by
//! autograd.
//!
//! `program` cuts the operations at the layers; `interpreter` runs them; `attention` is the
//! attention of a transformer.

mod attention;
mod interpreter;
mod program;

use fedlayer_core::model::architecture::Architecture;
use tch::{TchError, Tensor};

use super::{activations::Activations, mode::Mode};
use interpreter::Interpreter;
use program::Program;

/// A network that is a list of operations.
#[derive(Debug, Clone)]
pub(crate) struct Graph {
    architecture: Architecture,
    program: Program,
    format: MemoryFormat,
}

/// The order of an image's values in memory, as `torch.memory_format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MemoryFormat {
    /// Channel after channel: `(B, C, H, W)` row-major.
    Contiguous,
    /// Pixel after pixel, the channels of a pixel together: convolutions on the CPU are faster.
    ChannelsLast,
}

impl Graph {
    /// Builds the forward pass of an architecture.
    pub(crate) fn new(architecture: Architecture, device: crate::Device) -> Self {
        let format = match device {
            crate::Device::Cpu => MemoryFormat::ChannelsLast,
            crate::Device::Cuda(_) => MemoryFormat::Contiguous,
        };
        Self { program: Program::new(&architecture), architecture, format }
    }

    /// The operations.
    pub(crate) fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// Removes dropout, which the fixtures of the tests do not have.
    #[cfg(test)]
    pub(crate) fn without_dropout(&mut self) {
        self.program = self.program.without_dropout();
    }

    /// Runs the instructions before the first layer on a batch `(B, …)`.
    pub(crate) fn begin(
        &self,
        inputs: &Tensor,
        mode: &mut Mode<'_>,
    ) -> Result<Activations, TchError> {
        let activations = Activations::new(self.in_format(inputs)?);
        Interpreter::new(&[], mode).run(self.program.before_first_layer(), activations)
    }

    /// Runs the instructions of a layer and those behind it, up to the next layer. `tensors` are
    /// the layer's parameters.
    pub(crate) fn apply_layer(
        &self,
        index: usize,
        tensors: &[Tensor],
        activations: Activations,
        mode: &mut Mode<'_>,
    ) -> Result<Activations, TchError> {
        Interpreter::new(tensors, mode).run(self.program.of_layer(index), activations)
    }

    /// Images in the network's memory format; other inputs unchanged.
    fn in_format(&self, inputs: &Tensor) -> Result<Tensor, TchError> {
        match (self.format, inputs.dim()) {
            (MemoryFormat::ChannelsLast, 4) => channels_last(inputs),
            _ => Ok(inputs.shallow_clone()),
        }
    }
}

/// The same images `(B, C, H, W)` with the channels of a pixel together in memory.
fn channels_last(images: &Tensor) -> Result<Tensor, TchError> {
    images.f_permute([0, 2, 3, 1])?.f_contiguous()?.f_permute([0, 3, 1, 2])
}
