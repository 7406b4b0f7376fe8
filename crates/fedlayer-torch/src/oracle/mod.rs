//! Held to PyTorch's numbers.
//!
//! Here and not among the tests of the public face, because the fixtures give what the face draws itself: orders of examples, weights, no dropout.

mod last_batch;
mod networks;
mod training;

use crate::{Device, DeviceChoice};

/// Where the numbers are computed: the processor, or what `FEDLAYER_TEST_DEVICE` names (`cargo xtask cuda-check`).
fn device() -> Device {
    let choice = std::env::var("FEDLAYER_TEST_DEVICE").unwrap_or_else(|_| "cpu".to_owned());
    choice.parse::<DeviceChoice>().unwrap().open().unwrap()
}
