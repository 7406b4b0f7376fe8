//! Converts stored numbers to `f32`.

use fedlayer_core::model::Role;
use half::{bf16, f16};
use safetensors::{Dtype, tensor::TensorView};

/// Returns the numbers of a tensor as `f32`; `None` if their type is not allowed in a model.
///
/// PyTorch stores the counter of a batch normalisation as a whole number; that is accepted.
pub(super) fn floats(role: Role, tensor: &TensorView<'_>) -> Option<Vec<f32>> {
    let data = tensor.data();
    let whole = role == Role::Statistic;
    Some(match tensor.dtype() {
        Dtype::F32 => each(data, f32::from_le_bytes),
        Dtype::F64 => each(data, |bytes| f64::from_le_bytes(bytes) as f32),
        Dtype::F16 => each(data, |bytes| f16::from_le_bytes(bytes).to_f32()),
        Dtype::BF16 => each(data, |bytes| bf16::from_le_bytes(bytes).to_f32()),
        Dtype::I64 if whole => each(data, |bytes| i64::from_le_bytes(bytes) as f32),
        Dtype::I32 if whole => each(data, |bytes| i32::from_le_bytes(bytes) as f32),
        _ => return None,
    })
}

/// Tells whether numbers of this type change when they become `f32`, which is worth a note.
pub(super) fn is_converted(kind: Dtype) -> bool {
    matches!(kind, Dtype::F64 | Dtype::F16 | Dtype::BF16)
}

fn each<const N: usize>(data: &[u8], number: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    data.as_chunks::<N>().0.iter().map(|&bytes| number(bytes)).collect()
}

/// Returns the first finite f64 of a tensor that is out of the range of f32, and its index.
pub(super) fn beyond_f32(tensor: &TensorView<'_>) -> Option<(usize, f64)> {
    if tensor.dtype() != Dtype::F64 {
        return None;
    }
    let numbers = tensor.data().as_chunks::<8>().0.iter().map(|&bytes| f64::from_le_bytes(bytes));
    numbers.enumerate().find(|(_, number)| number.is_finite() && !(*number as f32).is_finite())
}
