//! Models from files: a `state_dict` of PyTorch, or a model of a run.
//!
//! * [`ValuesSource`]: the source of a model's values: a file, or a [`ModelAddress`].
//! * `model_address`: `RUN:STRATEGY:SEED:ROUND:CLIENT`, the model of a client in a run folder.
//! * `run_model`: the single model of a checkpoint, or the model of one of its clients.
//! * `state_dict`: reads the tensors of a safetensors file as a model's values.
//! * `mismatches`: the differences between a file's tensors and the model's, and the line of Python
//!   that mends them.
//! * `tensor_names`: maps the names in a file to the names in the model.
//! * `numbers`: converts stored numbers to `f32`.
//! * `file_kind`: recognises files of other formats, and gives the line of Python that converts
//!   them.

mod error;
mod file_kind;
mod mismatches;
mod model_address;
mod numbers;
mod run_model;
mod state_dict;
mod tensor_names;
#[cfg(test)]
mod tests;

use std::{path::PathBuf, sync::Arc};

use fedlayer_core::{
    model::{Layout, Params},
    text::in_backticks,
};
use safetensors::{SafeTensorError, SafeTensors};

pub(crate) use self::{error::ValuesError, file_kind::FileKind};
use self::{
    error::excerpt_of, model_address::ModelAddress, run_model::check_shared, state_dict::StateDict,
};
use crate::{
    files,
    folders::locator::{FileName, Locator},
};

/// The source of a model's values.
#[derive(Debug)]
pub(crate) enum ValuesSource {
    /// A safetensors file.
    File(PathBuf),
    /// A model in a run folder.
    Run(ModelAddress),
}

/// The values of a model, with notes on how they differ from the file's.
#[derive(Debug)]
pub(crate) struct ModelValues {
    /// The values.
    pub(crate) params: Params,
    /// A line for every change: tensors that were renamed, converted, left out or filled in.
    pub(crate) notes: Vec<String>,
}

impl ValuesSource {
    /// Finds the source that a scenario or a command calls `reference`. A file of exactly that name
    /// comes first. The file, or the run's checkpoint, is marked as used.
    ///
    /// # Errors
    /// When it is neither a file nor an address; the error about an address lists the parts that
    /// the run has.
    pub(crate) fn find(reference: &str, locator: &Locator) -> Result<Self, ValuesError> {
        if reference.contains(char::is_control) {
            let (reference, searched) =
                (excerpt_of(reference), in_backticks(locator.searched(&FileName::own(""))));
            return Err(ValuesError::Absent { reference, searched });
        }
        if let Some(path) = locator.find(&FileName::own(reference)) {
            return Ok(Self::File(path));
        }
        if let Some(address) = ModelAddress::find(reference, locator)? {
            locator.remember(&FileName::own(&address.file_name()), &address.checkpoint);
            return Ok(Self::Run(address));
        }
        let name = FileName::own(reference);
        let folder = locator.candidates(&name).into_iter().find(|path| files::is_folder(path));
        let reference = reference.to_owned();
        Err(match folder {
            Some(_) => ValuesError::Folder { folder: reference },
            None => {
                let searched = in_backticks(locator.searched(&name));
                ValuesError::Absent { reference, searched }
            }
        })
    }

    /// Reads the values of every tensor of `layout`.
    ///
    /// # Errors
    /// When the file does not have the model's tensors, or has several models.
    pub(crate) fn read(&self, layout: &Arc<Layout>) -> Result<ModelValues, ValuesError> {
        match self {
            Self::Run(address) => address.read(layout),
            Self::File(path) => {
                let file = path.display().to_string();
                let bytes = files::read_bytes(path)?;
                let tensors = deserialize(&file, &bytes)?;
                let values = StateDict::new(&file, &tensors).values(layout)?;
                check_shared(path, &bytes, &tensors, layout)?;
                Ok(values)
            }
        }
    }
}

/// Parses the tensors of a file; the error names the file's kind.
fn deserialize<'b>(file: &str, bytes: &'b [u8]) -> Result<SafeTensors<'b>, ValuesError> {
    SafeTensors::deserialize(bytes).map_err(|error| match FileKind::of(bytes) {
        FileKind::Safetensors => {
            ValuesError::Format { file: file.to_owned(), reason: damage(&error, bytes.len()) }
        }
        kind => ValuesError::Kind { file: file.to_owned(), kind },
    })
}

/// Describes the damage of a safetensors file of `bytes` bytes.
fn damage(error: &SafeTensorError, bytes: usize) -> String {
    match error {
        SafeTensorError::InvalidHeaderLength | SafeTensorError::MetadataIncompleteBuffer => {
            format!("its {bytes} bytes are not as many as its header says")
        }
        SafeTensorError::InvalidOffset(tensor) => format!(
            "tensor `{}` does not begin where another ends; is one there twice?",
            excerpt_of(tensor)
        ),
        error => error.to_string(),
    }
}
