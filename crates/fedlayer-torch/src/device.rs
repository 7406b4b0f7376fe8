//! [`DeviceChoice`] and [`Device`]: the CPU or a CUDA device. [`one_thread`]: the number of threads
//! of libtorch.
//!
//! CUDA needs no second build: its libraries are opened at run time.

use std::{
    cell::Cell,
    fmt,
    str::FromStr,
    sync::{Once, OnceLock},
};

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
use tch::{Kind, Tensor};

use crate::TorchError;

/// The device that a user asks for: `auto`, `cpu`, `cuda` (the first one) or `cuda:1`.
///
/// [`DeviceChoice::open`] turns it into a [`Device`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// The first CUDA device if there is one, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// A CUDA device, counted from 0.
    Cuda(usize),
}

/// The device of tensors. A CUDA device from [`DeviceChoice::open`] is known to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Device {
    /// The CPU.
    Cpu,
    /// A CUDA device, counted from 0.
    Cuda(usize),
}

impl FromStr for DeviceChoice {
    type Err = TorchError;

    fn from_str(text: &str) -> Result<Self, TorchError> {
        let unknown = || TorchError::UnknownDevice { found: text.to_owned() };
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            _ => {
                let index = text.strip_prefix("cuda:").ok_or_else(unknown)?;
                Ok(Self::Cuda(index.parse().map_err(|_| unknown())?))
            }
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
        }
    }
}

impl DeviceChoice {
    /// Opens the device. Call it before anything else of this crate: libtorch looks for CUDA once,
    /// at its first use.
    ///
    /// Opening CUDA loads hundreds of megabytes of libraries. `auto` does so only if an NVIDIA
    /// driver is installed, and never fails.
    ///
    /// # Errors
    /// When the user asks for CUDA and `libtorch_cuda.so` cannot be opened, or the device does not
    /// answer.
    pub fn open(self) -> Result<Device, TorchError> {
        match self {
            Self::Cpu => Ok(Device::Cpu),
            Self::Cuda(index) => open_cuda(index),
            Self::Auto if has_driver() => Ok(open_cuda(0).unwrap_or(Device::Cpu)),
            Self::Auto => Ok(Device::Cpu),
        }
    }
}

impl From<Device> for tch::Device {
    fn from(device: Device) -> Self {
        match device {
            Device::Cpu => Self::Cpu,
            Device::Cuda(index) => Self::Cuda(index),
        }
    }
}

/// Makes libtorch use one thread for the operations of the calling thread. With as many workers as
/// cores, a second thread would only slow the others down.
///
/// Every call of a [`TorchTrainer`](crate::TorchTrainer) does this for its thread, so that a result
/// never depends on the number of threads. Repeating it costs nothing. (On an AMD CPU, two threads
/// of libtorch 2.11 gave gradients of a small residual network that were wrong by up to 6 %, and
/// different in every process.)
pub fn one_thread() {
    thread_local!(static DONE: Cell<bool> = const { Cell::new(false) });
    static FIRST: Once = Once::new();
    if !DONE.replace(true) {
        FIRST.call_once(|| {
            // The number of inter-op threads belongs to the process and can only be set once.
            tch::set_num_interop_threads(1);
            tch::set_num_threads(1);
            choose_vector_kernels();
        });
        tch::set_num_threads(1);
    }
}

/// Makes MKL choose its kernels of `exp`, `log` and `tanh` while no other thread computes.
///
/// At its first call, MKL stores the processor's type in a static variable and then overwrites it
/// with an index into its table of kernels. A second thread that reads the variable between the two
/// writes takes an entry beyond the end of the row: an `exp` with a relative error of 1e-6.
fn choose_vector_kernels() {
    // An error (too little memory) is reported by the operations of the caller, because it occurs
    // there, too.
    let one = Tensor::f_ones([1], (Kind::Float, tch::Device::Cpu));
    let _ = one.and_then(|one| one.f_exp());
}

/// Returns whether an NVIDIA driver is installed. Takes well under a millisecond if none is.
fn has_driver() -> bool {
    open_library("libcuda.so.1").is_ok()
}

fn open_cuda(index: usize) -> Result<Device, TorchError> {
    // Open until the process ends: libtorch keeps what the library has registered.
    static CUDA: OnceLock<Result<Library, String>> = OnceLock::new();
    let open = || {
        disable_tf32();
        open_library("libtorch_cuda.so")
    };
    if let Err(reason) = CUDA.get_or_init(open) {
        return Err(TorchError::CudaLibrary { device: index, reason: reason.clone() });
    }
    let found = usize::try_from(tch::Cuda::device_count()).unwrap_or(0);
    if index >= found {
        return Err(TorchError::NoCudaDevice { device: index, found });
    }
    Ok(Device::Cuda(index))
}

/// Makes NVIDIA's libraries compute f32 in full precision, unless the user says otherwise. cuDNN
/// would round convolutions to the 10 bits of TF32, a thousandth of a value.
#[allow(unsafe_code, reason = "another thread might read the environment meanwhile")]
fn disable_tf32() {
    const TF32: &str = "NVIDIA_TF32_OVERRIDE";
    if std::env::var_os(TF32).is_none() {
        // SAFETY: the device is opened first of all, before any thread could read the environment.
        // The libraries that read it are opened afterwards.
        unsafe { std::env::set_var(TF32, "0") };
    }
}

/// Opens a library so that its symbols serve the whole process.
#[allow(unsafe_code, reason = "opening a library runs its initialisers, which Rust cannot check")]
fn open_library(name: &str) -> Result<Library, String> {
    // SAFETY: the initialisers of libtorch_cuda.so and of the driver's libcuda.so.1 only register
    // functions. Both are made to be opened at run time, and neither is closed while it is in use.
    unsafe { Library::open(Some(name), RTLD_NOW | RTLD_GLOBAL) }.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_have_four_forms() {
        let parse = str::parse::<DeviceChoice>;
        assert_eq!(parse("auto"), Ok(DeviceChoice::Auto));
        assert_eq!(parse("cpu"), Ok(DeviceChoice::Cpu));
        assert_eq!(parse("cuda"), Ok(DeviceChoice::Cuda(0)));
        assert_eq!(parse("cuda:3"), Ok(DeviceChoice::Cuda(3)));
        for wrong in ["gpu", "cuda:", "cuda:-1", "CPU", ""] {
            assert_eq!(parse(wrong), Err(TorchError::UnknownDevice { found: wrong.to_owned() }));
        }
    }
}
