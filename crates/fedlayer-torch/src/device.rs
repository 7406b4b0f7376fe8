//! [`DeviceChoice`] and [`Device`]: where tensors live, how CUDA is had without a second build, and how many threads libtorch takes.

use std::{
    cell::Cell,
    fmt,
    str::FromStr,
    sync::{Once, OnceLock},
};

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
use tch::{Kind, Tensor};

use crate::TorchError;

/// What a user asks for: `auto`, `cpu`, `cuda` (the first) or `cuda:1`.
///
/// [`DeviceChoice::open`] makes a [`Device`] of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// The first CUDA device where there is one, else the processor.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// A CUDA device, counted from 0.
    Cuda(usize),
}

/// Where tensors live. A CUDA device has been opened and has answered, if it came from [`DeviceChoice::open`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Device {
    /// The processor.
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
    /// Opens the device. Call it before anything else of this crate: libtorch looks for CUDA once, at its first use.
    ///
    /// Opening CUDA loads hundreds of megabytes of libraries. `auto` does so only where an NVIDIA driver is installed, and never fails.
    ///
    /// # Errors
    /// When CUDA was asked for by name and `libtorch_cuda.so` cannot be opened, or the device does not answer.
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

/// Has libtorch take one thread for the operations of the calling thread: with as many workers as cores, a second one only disturbs.
///
/// Every call of a [`TorchTrainer`](crate::TorchTrainer) sees to it for the thread it runs on, so that a result never depends on the number
/// of threads. Repeating it costs nothing. (On an AMD processor, two threads of libtorch 2.11 gave gradients of a small residual network that were up to 6 %
/// off, and others in every process.)
pub fn one_thread() {
    thread_local!(static DONE: Cell<bool> = const { Cell::new(false) });
    static FIRST: Once = Once::new();
    if !DONE.replace(true) {
        FIRST.call_once(|| {
            // The number of threads between operations is the process's and may be set once.
            tch::set_num_interop_threads(1);
            tch::set_num_threads(1);
            choose_vector_kernels();
        });
        tch::set_num_threads(1);
    }
}

/// Has MKL choose the kernels of `exp`, `log` and `tanh` while no other thread computes.
///
/// At its first call, MKL stores the processor's type in a static variable and then overwrites it
/// with an index into its table of kernels. A second thread that reads the variable between the two
/// writes takes an entry beyond the end of the row: an `exp` with a relative error of 1e-6.
fn choose_vector_kernels() {
    // An error (too little memory) is reported by the operations of the caller, which meet it too.
    let one = Tensor::f_ones([1], (Kind::Float, tch::Device::Cpu));
    let _ = one.and_then(|one| one.f_exp());
}

/// Whether an NVIDIA driver is installed. Takes well under a millisecond where none is.
fn has_driver() -> bool {
    open_library("libcuda.so.1").is_ok()
}

fn open_cuda(index: usize) -> Result<Device, TorchError> {
    // Kept for the life of the process: what the library has registered with libtorch stays there.
    static CUDA: OnceLock<Result<Library, String>> = OnceLock::new();
    let open = || {
        whole_floats();
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

/// Has NVIDIA's libraries compute f32 in f32, unless the user says otherwise: cuDNN's convolutions would be rounded to TF32's 10 bits, a thousandth of a value.
#[allow(unsafe_code, reason = "another thread might read the environment meanwhile")]
fn whole_floats() {
    const TF32: &str = "NVIDIA_TF32_OVERRIDE";
    if std::env::var_os(TF32).is_none() {
        // SAFETY: the device is opened first of all, before there are threads that read the environment; the libraries that read it are opened after it.
        unsafe { std::env::set_var(TF32, "0") };
    }
}

/// Opens a library so that its symbols serve the whole process.
#[allow(unsafe_code, reason = "opening a library runs its initialisers, which Rust cannot check")]
fn open_library(name: &str) -> Result<Library, String> {
    // SAFETY: the initialisers of libtorch_cuda.so and of the driver's libcuda.so.1 only register what they offer; both are made to be
    // opened at run time, and neither is ever closed while it is in use.
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
