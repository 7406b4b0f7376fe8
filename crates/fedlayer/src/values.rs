//! Values to start from: a safetensors file with a model's names and shapes, as PyTorch's `state_dict` has them.

use std::{path::Path, sync::Arc};

use fedlayer_core::{Layout, Params, Role, TensorSpec};
use safetensors::{Dtype, SafeTensors};
use thiserror::Error;

use crate::files;

/// Why a file has not the values of a model.
#[derive(Debug, Error)]
pub(crate) enum ValuesError {
    /// It could not be read.
    #[error(transparent)]
    File(#[from] files::FileError),
    /// It is no safetensors file.
    #[error("`{file}` is no safetensors file: {reason}")]
    Format { file: String, reason: String },
    /// A tensor of the model is not in it, or another one is.
    #[error("`{file}`: tensor `{tensor}`: found {found}; the model has {expected}")]
    Tensor { file: String, tensor: String, found: String, expected: String },
    /// A value is NaN or infinite, or a running variance is below 0.
    #[error("`{file}`: {reason}")]
    Values { file: String, reason: String },
}

/// What a checkpoint holds beside the shared model.
const CLIENTS: &str = "client/";

/// Reads the values of a model: every tensor under its name and in its shape, and no other but what a checkpoint holds of single clients.
pub(crate) fn read(path: &Path, layout: &Arc<Layout>) -> Result<Params, ValuesError> {
    let file = path.display().to_string();
    let bytes = files::read_bytes(path)?;
    let tensors = SafeTensors::deserialize(&bytes)
        .map_err(|error| ValuesError::Format { file: file.clone(), reason: error.to_string() })?;
    let differs = |tensor: &str, found: String, expected: String| ValuesError::Tensor {
        file: file.clone(),
        tensor: tensor.to_owned(),
        found,
        expected,
    };
    let mut names: Vec<&str> = tensors.names().into_iter().collect();
    names.sort_unstable();
    let known = |name: &str| layout.tensors().any(|tensor| tensor.name == name);
    if let Some(other) = names.iter().find(|name| !name.starts_with(CLIENTS) && !known(name)) {
        return Err(differs(other, "it in the file".to_owned(), "no such tensor".to_owned()));
    }
    let mut values = Vec::with_capacity(layout.parameters());
    for spec in layout.tensors() {
        let expected = || format!("shape {:?} of F32", spec.shape);
        let tensor = tensors
            .tensor(&spec.name)
            .map_err(|_| differs(&spec.name, "nothing".to_owned(), expected()))?;
        let read =
            (tensor.shape() == spec.shape).then(|| numbers(spec, tensor.dtype(), tensor.data()));
        values.extend(read.flatten().ok_or_else(|| {
            let found = format!("shape {:?} of {:?}", tensor.shape(), tensor.dtype());
            differs(&spec.name, found, expected())
        })?);
    }
    let wrong = |reason: String| ValuesError::Values { file: file.clone(), reason };
    let params = Params::new(layout.clone(), values).map_err(|error| wrong(error.to_string()))?;
    params.check().map_err(|error| wrong(error.to_string()))?;
    Ok(params)
}

/// The values of a tensor. PyTorch counts the batches of a normalisation in whole numbers.
fn numbers(spec: &TensorSpec, kind: Dtype, data: &[u8]) -> Option<Vec<f32>> {
    match kind {
        Dtype::F32 => {
            Some(data.as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect())
        }
        Dtype::I64 if spec.role == Role::Statistic => {
            let whole = data.as_chunks::<8>().0.iter().map(|&bytes| i64::from_le_bytes(bytes));
            Some(whole.map(|number| number as f32).collect())
        }
        _ => None,
    }
}
