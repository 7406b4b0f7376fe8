//! [`ValuesError`]: the reasons that a file or an address gives no values, each with what to do.

use fedlayer_core::text::excerpt;
use thiserror::Error;

use super::FileKind;
use crate::{files::FileError, run_folder::checkpoint::CheckpointError};

/// The reason that a file or an address gives no values of a model. The message is one line;
/// [`help`](Self::help) says what to do.
#[derive(Debug, Error)]
pub(crate) enum ValuesError {
    /// The file cannot be read.
    #[error("{}", .0.bare())]
    File(#[from] FileError),
    /// Neither a file nor a run has that name.
    #[error("`{reference}`: not found in {searched}")]
    Absent {
        /// The file or address.
        reference: String,
        /// The folders that were searched.
        searched: String,
    },
    /// The path is a folder.
    #[error("`{folder}` is a folder, not a model")]
    Folder {
        /// The folder.
        folder: String,
    },
    /// The file has another format.
    #[error("`{file}` is not a safetensors file: it is {kind}")]
    Kind {
        /// The file.
        file: String,
        /// The format that was recognised.
        kind: FileKind,
    },
    /// The safetensors file is damaged.
    #[error("`{file}` is a damaged safetensors file: {reason}")]
    Format {
        /// The file.
        file: String,
        /// A description of the damage.
        reason: String,
    },
    /// The tensors differ from the model's.
    #[error(transparent)]
    Tensor(Box<TensorError>),
    /// Two names of one tensor have different values.
    #[error(
        "`{file}`: `{first}` and `{second}` are one tensor in the model, and have different values here"
    )]
    Tied {
        /// The file.
        file: String,
        /// The tensor's name in the model.
        first: String,
        /// Its other name.
        second: String,
    },
    /// A value is not allowed in a model.
    #[error("`{file}`: {reason}")]
    Value {
        /// The file or address.
        file: String,
        /// The tensor, the element, and the allowed values.
        reason: String,
    },
    /// Clients have models of their own.
    #[error("`{file}` is not a single model: its strategy leaves {layers} with the clients")]
    Unshared {
        /// The file or address.
        file: String,
        /// The layers or tensors that are not shared.
        layers: String,
        /// The address of a client's model, as an example.
        example: String,
    },
    /// The file is a checkpoint without its metadata.
    #[error(
        "`{file}` has tensors of single clients (`{tensor}`), but has lost the metadata about the layers that they share"
    )]
    Wordless {
        /// The file.
        file: String,
        /// A tensor of a single client.
        tensor: String,
    },
    /// The checkpoint of a run cannot be used.
    #[error("`{file}`: {reason}")]
    Checkpoint {
        /// The file or address.
        file: String,
        /// The reason.
        reason: CheckpointError,
    },
    /// The address has too few or too many parts.
    #[error("`{address}`: {found} after the strategy `{strategy}`")]
    Parts {
        /// The address.
        address: String,
        /// The number of parts.
        found: String,
        /// The strategy.
        strategy: String,
    },
    /// The address fits several strategies: their names contain colons.
    #[error("`{address}` may be a model of several strategies: {names}")]
    Ambiguous {
        /// The address.
        address: String,
        /// The strategies.
        names: String,
    },
    /// The run does not have a part of the address.
    #[error("`{address}`: the run has no {what} `{found}`; it has {there}")]
    Unknown {
        /// The address.
        address: String,
        /// `strategy`, `seed`, `round` or `client`.
        what: &'static str,
        /// The part.
        found: String,
        /// The parts that the run has.
        there: String,
    },
}

/// The differences between the tensors of a file and those of a model: the first in full, the
/// others by name.
#[derive(Debug, Error)]
#[error("`{file}`: tensor `{tensor}`: found {found}; the model has {expected}{others}")]
pub(crate) struct TensorError {
    /// The file.
    pub(super) file: String,
    /// The first tensor that differs.
    pub(super) tensor: String,
    /// The tensor in the file.
    pub(super) found: String,
    /// The tensor in the model.
    pub(super) expected: String,
    /// The other tensors that differ.
    pub(super) others: String,
    /// The advice.
    pub(super) help: String,
}

/// The form of an address.
const ADDRESS: &str = "`RUN:STRATEGY:SEED:ROUND:CLIENT`, such as `runs/digits:local:1:last:0`";

impl ValuesError {
    /// Returns the advice, if there is any.
    pub(crate) fn help(&self) -> Option<String> {
        match self {
            Self::Folder { .. } => Some(format!(
                "name a safetensors file, or a model of a run: {ADDRESS} (no CLIENT where all layers are averaged)"
            )),
            Self::Absent { reference, .. } if reference.contains(':') => {
                Some(format!("a model of a run is named {ADDRESS}; RUN is the folder that `fedlayer run` made"))
            }
            Self::Kind { file, kind } => kind.to_safetensors(file),
            Self::Format { .. } => Some("copy or write the file again".to_owned()),
            Self::Tensor(error) => Some(error.help.clone()),
            Self::Tied { first, second, .. } => Some(format!(
                "leave one of them out (in Python: `del state[\"{second}\"]`), or let the model have both: `tied = false`; `{first}` is the tensor's name here"
            )),
            Self::Unshared { example, .. } => {
                Some(format!("name a client's model: `{example}` (RUN:STRATEGY:SEED:ROUND:CLIENT)"))
            }
            Self::Wordless { .. } => Some(
                "use the checkpoint as fedlayer wrote it, or delete the tensors of clients if the others are the model that you mean"
                    .to_owned(),
            ),
            Self::Ambiguous { .. } => {
                Some("name the checkpoint's file, or the strategy by its folder in the run".to_owned())
            }
            Self::Parts { .. } => Some(format!("an address has the form {ADDRESS}")),
            Self::File(_)
            | Self::Absent { .. }
            | Self::Value { .. }
            | Self::Checkpoint { .. }
            | Self::Unknown { .. } => None,
        }
    }

    /// Tells whether the file is missing or cannot be opened; its name may be right nevertheless.
    pub(crate) fn is_absence(&self) -> bool {
        matches!(self, Self::File(_) | Self::Absent { .. })
    }

    /// Returns the message and, on a line of its own, the advice.
    pub(crate) fn with_help(&self) -> String {
        let help = self.help().map_or(String::new(), |help| format!("\nhint: {help}"));
        format!("{self}{help}")
    }
}

/// The longest name from a file in a message, in characters.
const LONGEST: usize = 80;

/// Returns a name from a file for a message: escaped and shortened.
pub(super) fn excerpt_of(name: &str) -> String {
    excerpt(name, LONGEST)
}
