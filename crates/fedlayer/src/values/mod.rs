//! Models that come from files: a `state_dict` as PyTorch users have it, or a model of a run.
//!
//! * [`ValuesSource`]: where the values of a model are: in a file, or at an [`ModelAddress`].
//! * `address`: `RUN:STRATEGY:SEED:ROUND:CLIENT`, the model of a client in a run folder.
//! * `run_model`: the one model of a checkpoint, or the model of one of its clients.
//! * `state_dict`: a safetensors file's tensors as the model's values.
//! * `faults`: how a file's tensors differ from the model's, and the line of Python that mends it.
//! * `names`: from the names of a file to the names of the model.
//! * `numbers`: from stored numbers to `f32`.
//! * `file_kind`: what a file is that holds no tensors, and the line of Python that writes them.

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

use fedlayer_core::{Layout, Params, in_backticks};
use safetensors::{SafeTensorError, SafeTensors};

pub(crate) use self::{error::ValuesError, file_kind::FileKind};
use self::{
    error::excerpt_of, model_address::ModelAddress, run_model::check_shared, state_dict::StateDict,
};
use crate::{
    files,
    folders::locator::{FileName, Locator},
};

/// Where the values of a model are.
#[derive(Debug)]
pub(crate) enum ValuesSource {
    /// In a safetensors file.
    File(PathBuf),
    /// In a run folder.
    Run(ModelAddress),
}

/// The values of a model, and what was done to the file's to have them.
#[derive(Debug)]
pub(crate) struct ModelValues {
    /// The values.
    pub(crate) params: Params,
    /// A line for everything that was renamed, converted, left out or filled in.
    pub(crate) notes: Vec<String>,
}

impl ValuesSource {
    /// The source that a scenario or a command calls `reference`. A file of that very name comes
    /// first. The file, or the checkpoint of the run, counts as used.
    ///
    /// # Errors
    /// When it is neither a file nor an address; an address's error names what there is.
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
        let folder = locator.places(&name).into_iter().find(|place| files::is_folder(place));
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
    /// When the file has not the model's tensors, or is no one model.
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

/// The tensors of a file, or what it is instead.
fn deserialize<'b>(file: &str, bytes: &'b [u8]) -> Result<SafeTensors<'b>, ValuesError> {
    SafeTensors::deserialize(bytes).map_err(|error| match FileKind::of(bytes) {
        FileKind::Safetensors => {
            ValuesError::Format { file: file.to_owned(), reason: damage(&error, bytes.len()) }
        }
        kind => ValuesError::Kind { file: file.to_owned(), kind },
    })
}

/// What is wrong with a safetensors file of so many bytes.
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
