//! [`TorchError`]: what libtorch could not do, or was asked for and cannot be.

use thiserror::Error;

/// Why a trainer or a device could not be had, or why libtorch failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TorchError {
    /// Words that name no device.
    #[error("unknown device `{found}`; allowed: `auto`, `cpu`, `cuda`, `cuda:N` (N counts from 0)")]
    UnknownDevice {
        /// What was given.
        found: String,
    },
    /// CUDA's part of libtorch is not on this machine, or does not fit.
    #[error(
        "device `cuda:{device}` needs `libtorch_cuda.so`, which could not be opened: {reason}\n\nhint: \
         put the libraries of a libtorch 2.11 with CUDA first: \
         LD_LIBRARY_PATH=…/site-packages/torch/lib; or use `--device cpu`"
    )]
    CudaLibrary {
        /// The device that was asked for.
        device: usize,
        /// What the loader said.
        reason: String,
    },
    /// CUDA is there, the device is not.
    #[error(
        "device `cuda:{device}` does not answer: found {found} CUDA devices\n\nhint: \
         `nvidia-smi` lists them; a device is opened before anything else is asked of libtorch"
    )]
    NoCudaDevice {
        /// The device that was asked for.
        device: usize,
        /// How many devices answered.
        found: usize,
    },
    /// A model that libtorch does not train.
    #[error(
        "`model.{found}` is not a network; libtorch trains `linear`, `deep-linear`, `diagonal-linear`, `mlp`"
    )]
    Model {
        /// The model of the plan.
        found: &'static str,
    },
    /// Plan and data that do not belong together.
    #[error(
        "tensor `{tensor}` has shape {found:?} in the plan; the network on this data needs {expected:?}"
    )]
    Shape {
        /// The tensor's name.
        tensor: String,
        /// The shape in the plan's layout.
        found: Vec<usize>,
        /// The shape that the forward pass needs.
        expected: Vec<usize>,
    },
    /// libtorch itself failed: out of memory, a shape that does not fit, a broken device.
    #[error("libtorch: {0}")]
    Torch(String),
}

impl From<tch::TchError> for TorchError {
    /// Keeps the first line; the rest is libtorch's own stack trace.
    fn from(error: tch::TchError) -> Self {
        let message = error.to_string();
        let mut lines = message.lines().map(str::trim).filter(|line| !line.is_empty());
        Self::Torch(lines.next().unwrap_or("an error without a message").to_owned())
    }
}
