//! Comparisons with PyTorch's numbers.
//!
//! They are unit tests, because the fixtures give values that the public interface draws itself:
//! the order of examples, and weights. They also remove dropout.

mod last_batch;
mod networks;
mod training;

use crate::{Device, DeviceChoice};

/// The device of the comparisons: the CPU, or the one in `FEDLAYER_TEST_DEVICE` (`cargo xtask
/// cuda-check`).
fn device() -> Device {
    let choice = std::env::var("FEDLAYER_TEST_DEVICE").unwrap_or_else(|_| "cpu".to_owned());
    choice.parse::<DeviceChoice>().unwrap().open().unwrap()
}
