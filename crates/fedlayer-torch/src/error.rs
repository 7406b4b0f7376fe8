//! [`TorchError`]: what libtorch could not do, or was asked for and cannot be.

use thiserror::Error;

/// Why a trainer or a device could not be had, or why libtorch failed.
#[derive(Debug, Clone, PartialEq, Error)]
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
    /// A batch that a batch normalisation cannot take.
    #[error(
        "a batch of one example leaves batch normalisation `{norm}` one value per channel, whose variance is 0/0: leave out such a last batch \
         (`local.last_batch = \"drop\"`), or choose another `local.batch`"
    )]
    OneValue {
        /// The layer.
        norm: String,
    },
    /// Training that diverged on inputs that were not scaled.
    #[error(
        "training diverged (its loss is {loss}) on inputs from {min} to {max}: scale them, `data.scale = …` or `data.normalize = \"set\"`"
    )]
    LargeInputs {
        /// The mean training loss.
        loss: f64,
        /// The smallest input.
        min: f64,
        /// The largest input.
        max: f64,
    },
    /// libtorch itself failed: out of memory, a shape that does not fit, a broken device.
    #[error("libtorch: {0}")]
    Torch(String),
}

impl From<tch::TchError> for TorchError {
    /// Keeps the line that says what went wrong; the rest is a stack trace.
    fn from(error: tch::TchError) -> Self {
        Self::Torch(cause(&error.to_string()).to_owned())
    }
}

impl From<TorchError> for fedlayer_core::TrainerError {
    fn from(error: TorchError) -> Self {
        Self(error.to_string())
    }
}

/// How the trace of a TorchScript module begins.
const INTERPRETER: &str = "The following operation failed in the TorchScript interpreter";

/// The first line of libtorch's words; of a TorchScript module's trace the line of the exception, which stands behind the trace.
fn cause(message: &str) -> &str {
    let mut lines = message.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or("an error without a message");
    if !first.contains(INTERPRETER) {
        return first;
    }
    let is_exception = |line: &&str| {
        let name = line.split_once(": ").map_or("", |(name, _)| name);
        name.ends_with("Error") || name.ends_with("Exception")
    };
    lines.find(is_exception).unwrap_or(first)
}

#[cfg(test)]
mod tests {
    use super::cause;

    #[test]
    fn a_modules_exception_is_named_and_not_the_head_of_its_trace() {
        let trace = "The following operation failed in the TorchScript interpreter.\n\
            Traceback of TorchScript, serialized code (most recent call last):\n  \
            File \"code/__torch__.py\", line 3, in forward\n    ops.prim.RaiseException(x)\n    ~~~~ <--- HERE\n\n\
            RuntimeError: Expected more than 1 value per channel\n";
        assert_eq!(cause(trace), "RuntimeError: Expected more than 1 value per channel");
        assert_eq!(
            cause("shape '[2]' is invalid\nException raised from x: y"),
            "shape '[2]' is invalid"
        );
    }
}
