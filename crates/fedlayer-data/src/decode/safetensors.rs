//! Safetensors: the length of a JSON header, the header, then the tensors one after another
//! (Hugging Face's description of the format).

use std::io::Read;

use ::safetensors::{Dtype, SafeTensors};
use fedlayer_core::text::in_backticks;

use super::{
    DecodeError, DecodeFault, FilePosition, FileReader,
    array::{Array, ElementType},
};

/// The tensors of a data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensors {
    /// `features`, `(N, …)`.
    pub features: Array,
    /// `labels`, `(N)`.
    pub labels: Array,
    /// `groups`, `(N)`, if the file has it.
    pub groups: Option<Array>,
}

/// The names of the tensors that are read.
const NAMES: [&str; 3] = ["features", "labels", "groups"];

/// Reads the tensors `features`, `labels` and, if there is one, `groups`. The caller checks that
/// their shapes match.
///
/// # Errors
/// When the file is not a safetensors file, lacks a tensor, has another one, or one of a type that
/// is not supported.
pub fn tensors<R: Read>(input: &mut FileReader<R>) -> Result<Tensors, DecodeError> {
    let bytes = input.rest()?;
    // Each tensor is copied.
    input.has_room_for(bytes.len() as u64)?;
    let file = SafeTensors::deserialize(&bytes).map_err(|error| {
        let found = format!("`{error}`");
        input.fault_at(FilePosition::Byte(0), DecodeFault::Magic, found, "a safetensors file")
    })?;
    let fault = |found, expected| {
        input.fault_at(FilePosition::Byte(0), DecodeFault::Shape, found, expected)
    };
    let named = |expected: String| {
        let mut names = file.names();
        names.sort_unstable();
        fault(format!("the tensors {}", in_backticks(names)), expected).with_help(
            "`save_file({\"features\": x, \"labels\": y}, \"train.safetensors\")` names them; natural clients are `groups`",
        )
    };
    if file.names().iter().any(|name| !NAMES.contains(name)) {
        return Err(named("`features`, `labels`, perhaps `groups`, and no others".to_owned()));
    }
    let array = |name: &str| -> Result<Array, DecodeError> {
        let tensor = file.tensor(name).map_err(|_| named(format!("a tensor `{name}`")))?;
        let kind = kind(tensor.dtype()).ok_or_else(|| {
            let found = format!("`{name}` of {}", tensor.dtype());
            let expected = "floats of 16, 32 or 64 bits, whole numbers or BOOL".to_owned();
            fault(found, expected)
                .with_help(format!("`{name}.float()` makes numbers that are read"))
        })?;
        let data = tensor.data();
        let numbers = (data.len() / kind.size()) as u64 * kind.size_in_memory();
        input.has_room_for(bytes.len() as u64 + numbers)?;
        let start = data.as_ptr() as usize - bytes.as_ptr() as usize;
        Ok(Array {
            file: format!("{}: {name}", input.file()),
            shape: tensor.shape().to_vec(),
            kind,
            bytes: data.to_vec(),
            start: Some(start as u64),
        })
    };
    let has_groups = file.names().contains(&"groups");
    Ok(Tensors {
        features: array("features")?,
        labels: array("labels")?,
        groups: has_groups.then(|| array("groups")).transpose()?,
    })
}

fn kind(dtype: Dtype) -> Option<ElementType> {
    Some(match dtype {
        Dtype::F16 => ElementType::F16,
        Dtype::BF16 => ElementType::BF16,
        Dtype::F32 => ElementType::F32,
        Dtype::F64 => ElementType::F64,
        Dtype::BOOL => ElementType::Bool,
        Dtype::U8 => ElementType::U8,
        Dtype::I8 => ElementType::I8,
        Dtype::U16 => ElementType::U16,
        Dtype::I16 => ElementType::I16,
        Dtype::U32 => ElementType::U32,
        Dtype::I32 => ElementType::I32,
        Dtype::U64 => ElementType::U64,
        Dtype::I64 => ElementType::I64,
        _ => return None,
    })
}
