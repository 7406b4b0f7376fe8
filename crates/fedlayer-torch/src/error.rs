//! [`TorchError`]: the errors of this crate, and libtorch's messages as one sentence.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

use thiserror::Error;

/// The reason why a trainer or a device cannot be used, or why libtorch failed.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum TorchError {
    /// The name of a device is unknown.
    #[error("unknown device `{found}`; allowed: `auto`, `cpu`, `cuda`, `cuda:N` (N counts from 0)")]
    UnknownDevice {
        /// The given name.
        found: String,
    },
    /// CUDA's part of libtorch is missing or cannot be opened.
    #[error(
        "device `cuda:{device}` needs `libtorch_cuda.so`, which could not be opened: {reason}\n\nhint: \
         put a libtorch 2.11 with CUDA first: \
         LD_LIBRARY_PATH=…/site-packages/torch/lib; or use `--device cpu`"
    )]
    CudaLibrary {
        /// The requested device.
        device: usize,
        /// The message of the loader.
        reason: String,
    },
    /// CUDA is available, but the device does not exist.
    #[error(
        "device `cuda:{device}` does not exist: found {found} CUDA devices, counted from 0\n\nhint: \
         `nvidia-smi` lists them"
    )]
    NoCudaDevice {
        /// The requested device.
        device: usize,
        /// The number of devices.
        found: usize,
    },
    /// libtorch cannot train the model, or not as the plan asks for.
    #[error("the plan's model cannot be trained by libtorch: {reason}")]
    Model {
        /// The reason.
        reason: String,
    },
    /// The module of a plan is missing.
    #[error("the plan's model is the module `{file}`, but its file was not given")]
    NoModule {
        /// The file, as the scenario names it.
        file: String,
    },
    /// A TorchScript module cannot be used.
    #[error("module `{file}`: {reason}")]
    Module {
        /// The file.
        file: String,
        /// The reason, and what is needed instead.
        reason: String,
    },
    /// The plan and the data do not belong together.
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
    /// A batch is too small for a batch normalisation.
    #[error(
        "a batch of one example leaves batch normalisation `{norm}` one value per channel, which has no variance: drop such a last batch \
         (`local.last_batch = \"drop\"`), or choose another `local.batch`"
    )]
    OneValue {
        /// The layer.
        norm: String,
    },
    /// Training diverged on inputs that were not scaled.
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
    /// libtorch failed: out of memory, a wrong shape, a broken device.
    #[error("libtorch: {0}")]
    Torch(String),
}

impl From<tch::TchError> for TorchError {
    /// Keeps the sentence that names the cause.
    fn from(error: tch::TchError) -> Self {
        Self::Torch(sentence(&error.to_string()))
    }
}

impl From<TorchError> for fedlayer_core::trainer::TrainerError {
    fn from(error: TorchError) -> Self {
        Self(error.to_string())
    }
}

/// Runs libtorch code. A panic becomes an error.
pub(crate) fn caught<T>(body: impl FnOnce() -> T) -> Result<T, TorchError> {
    catch_unwind(AssertUnwindSafe(body)).map_err(|panic: Box<dyn Any + Send>| {
        let words = panic.downcast_ref::<String>().map(String::as_str);
        let words = words.or_else(|| panic.downcast_ref::<&str>().copied());
        TorchError::Torch(format!("panic: {}", words.unwrap_or("without a message")))
    })
}

/// Runs libtorch code. Its errors and its panics become an error of the trainer.
pub(crate) fn guarded<T>(
    body: impl FnOnce() -> Result<T, tch::TchError>,
) -> Result<T, fedlayer_core::trainer::TrainerError> {
    let result = caught(body).and_then(|result| result.map_err(TorchError::from));
    result.map_err(|error| fedlayer_core::trainer::TrainerError(error.to_string()))
}

/// The first words of the trace of an exception inside a module.
const INTERPRETER: &str = "The following operation failed in the TorchScript interpreter";

/// Returns the sentence of a libtorch message that names the cause.
///
/// This is the first line, before libtorch's own stack trace. For an exception inside a module it
/// is the last line, with the line of the user's code that raised it.
fn sentence(message: &str) -> String {
    let message = message.strip_prefix("Internal torch error: ").unwrap_or(message);
    let own = message.split("Exception raised from").next().unwrap_or(message);
    let mut lines = own.lines().map(str::trim).filter(|line| !line.is_empty());
    let Some(first) = lines.next() else { return "an error without a message".to_owned() };
    if !first.contains(INTERPRETER) {
        return first.to_owned();
    }
    let Some(last) = lines.next_back() else { return first.to_owned() };
    let exception = last.strip_prefix("RuntimeError: ").or(last.strip_prefix("builtins."));
    let exception = exception.unwrap_or(last).to_owned();
    match source(own) {
        Some(location) => format!("{exception} ({location})"),
        None => exception,
    }
}

/// Returns the innermost line of the user's own code in a trace: `line 16 of net.py`.
fn source(trace: &str) -> Option<String> {
    let (_, original) = trace.split_once("original code")?;
    let frames = original.lines().filter_map(|line| line.trim().strip_prefix("File \""));
    let own = frames.rev().find(|frame| !frame.contains("/torch/"))?;
    let (file, rest) = own.split_once("\", line ")?;
    let line: String = rest.chars().take_while(char::is_ascii_digit).collect();
    let file = file.rsplit(['/', '\\']).next().unwrap_or(file);
    Some(format!("line {line} of {file}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_trace_is_cut_off() {
        let message = "expected scalar type Long but found Float\nException raised from check at a.cpp:1 (most recent call first):\nframe #0: x\n";
        assert_eq!(sentence(message), "expected scalar type Long but found Float");
        assert_eq!(sentence("Internal torch error: no\n"), "no");
        assert_eq!(sentence(" \n"), "an error without a message");
    }

    #[test]
    fn an_exception_inside_a_module_is_named_with_its_line() {
        let trace = |last: &str| {
            format!(
                "The following operation failed in the TorchScript interpreter.\n\
                 Traceback of TorchScript, serialized code (most recent call last):\n  \
                 File \"code/__torch__.py\", line 10, in forward\n    return (fc).forward(x, )\n           ~~~~ <--- HERE\n\n\
                 Traceback of TorchScript, original code (most recent call last):\n  \
                 File \"/home/me/net.py\", line 16, in forward\n    return self.fc(x)\n           ~~~~~~~ <--- HERE\n  \
                 File \"/lib/site-packages/torch/nn/modules/linear.py\", line 134, in forward\n        return F.linear(x)\n               ~~~~ <--- HERE\n{last}\n"
            )
        };
        let shapes = "mat1 and mat2 shapes cannot be multiplied (2x64 and 63x10)";
        assert_eq!(
            sentence(&trace(&format!("RuntimeError: {shapes}"))),
            format!("{shapes} (line 16 of net.py)")
        );
        assert_eq!(
            sentence(&trace("builtins.ValueError: three channels, please")),
            "ValueError: three channels, please (line 16 of net.py)"
        );
    }
}
