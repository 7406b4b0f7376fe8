//! The device and the number of workers that a command trains with.

use std::thread::available_parallelism;

use fedlayer_torch::{Device, DeviceChoice};

use crate::{args::ComputeArgs, exit::Failure, run_folder::note::RunNote};

/// Opens a device.
pub(super) fn open(choice: DeviceChoice) -> Result<Device, Failure> {
    choice.open().map_err(|error| Failure::Device(error.to_string()))
}

/// Returns the device that a run was noted to train on.
pub(super) fn noted(note: &RunNote) -> Result<DeviceChoice, Failure> {
    note.device.parse().map_err(|error| Failure::Device(format!("{error}")))
}

/// Returns the number of worker threads: the number of cores by default.
pub(super) fn workers(args: &ComputeArgs) -> Result<usize, Failure> {
    match args.workers {
        Some(workers) => Ok(workers.into()),
        None => Ok(available_parallelism()?.get()),
    }
}
