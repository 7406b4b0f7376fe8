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
    /// A model that libtorch does not train, or not in the way that the plan asks for.
    #[error("the plan's model cannot be trained by libtorch: {reason}")]
    Model {
        /// Why not.
        reason: String,
    },
    /// A plan of a TorchScript module without the module.
    #[error("the plan's model is the module `{file}`, whose file was not given")]
    NoModule {
        /// The file, as the scenario says it.
        file: String,
    },
    /// A TorchScript module that cannot be used.
    #[error("module `{file}`: {reason}")]
    Module {
        /// The file.
        file: String,
        /// What was found, and what is needed.
        reason: String,
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
