//! [`ValuesError`]: why there are no values of a model, and what to do.

use fedlayer_core::excerpt;
use thiserror::Error;

use super::FileKind;
use crate::{files::FileError, run_folder::checkpoint::CheckpointError};

/// Why a file or an address gives no values of a model. The message is one line; what to do is
/// [`help`](Self::help).
#[derive(Debug, Error)]
pub(crate) enum ValuesError {
    /// It could not be read.
    #[error("{}", .0.bare())]
    File(#[from] FileError),
    /// Neither a file nor a run is called so.
    #[error("`{reference}`: not found in {searched}")]
    Absent {
        /// The file or address.
        reference: String,
        /// The folders that were looked in.
        searched: String,
    },
    /// It is a folder.
    #[error("`{folder}` is a folder, and no one model")]
    Folder {
        /// The folder.
        folder: String,
    },
    /// It is a file of another kind.
    #[error("`{file}` is no safetensors file: it is {kind}")]
    Kind {
        /// The file.
        file: String,
        /// What it is.
        kind: FileKind,
    },
    /// It is a damaged safetensors file.
    #[error("`{file}` is no whole safetensors file: {reason}")]
    Format {
        /// The file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Tensors of the model are not in it, or others are.
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
    /// A value that no model may have.
    #[error("`{file}`: {reason}")]
    Value {
        /// The file or address.
        file: String,
        /// The tensor, the element, and what is allowed.
        reason: String,
    },
    /// Clients have models of their own.
    #[error("`{file}` is no one model: its strategy leaves {layers} with the clients")]
    Unshared {
        /// The file or address.
        file: String,
        /// The layers or tensors that are not shared.
        layers: String,
        /// The address of a client's model.
        example: String,
    },
    /// A checkpoint whose words were lost.
    #[error(
        "`{file}` has tensors of single clients (`{tensor}`), and does not say any more which layers they share"
    )]
    Wordless {
        /// The file.
        file: String,
        /// One of them.
        tensor: String,
    },
    /// A run's checkpoint cannot be used.
    #[error("`{file}`: {reason}")]
    Checkpoint {
        /// The file or address.
        file: String,
        /// Why not.
        reason: CheckpointError,
    },
    /// An address with too few parts or too many.
    #[error("`{address}`: {found} after the strategy `{strategy}`")]
    Parts {
        /// The address.
        address: String,
        /// What stands there.
        found: String,
        /// The strategy.
        strategy: String,
    },
    /// An address that fits several strategies whose names have colons.
    #[error("`{address}` may be a model of several strategies: {names}")]
    Ambiguous {
        /// The address.
        address: String,
        /// The strategies.
        names: String,
    },
    /// A part of an address that the run does not have.
    #[error("`{address}`: the run has no {what} `{found}`; it has {there}")]
    Unknown {
        /// The address.
        address: String,
        /// `strategy`, `seed`, `round` or `client`.
        what: &'static str,
        /// The part.
        found: String,
        /// What there is.
        there: String,
    },
}

/// How the tensors of a file differ from those of a model: the first of them whole, the others by
/// name.
#[derive(Debug, Error)]
#[error("`{file}`: tensor `{tensor}`: found {found}; the model has {expected}{others}")]
pub(crate) struct TensorError {
    /// The file.
    pub(super) file: String,
    /// The first tensor that differs.
    pub(super) tensor: String,
    /// What the file has.
    pub(super) found: String,
    /// What the model has.
    pub(super) expected: String,
    /// The other tensors that differ, in words.
    pub(super) others: String,
    /// What to do.
    pub(super) help: String,
}

/// How a model of a run is named.
const ADDRESS: &str = "`RUN:STRATEGY:SEED:ROUND:CLIENT`, such as `runs/digits:local:1:last:0`";

impl ValuesError {
    /// What to do, where there is something.
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
            Self::File(_) | Self::Absent { .. } | Self::Value { .. } | Self::Checkpoint { .. } | Self::Unknown { .. } => None,
        }
    }

    /// Whether the file is nowhere or cannot be opened: who names it may be right.
    pub(crate) fn is_absence(&self) -> bool {
        matches!(self, Self::File(_) | Self::Absent { .. })
    }

    /// The message and, below it, what to do.
    pub(crate) fn with_help(&self) -> String {
        let help = self.help().map_or(String::new(), |help| format!("\nhint: {help}"));
        format!("{self}{help}")
    }
}

/// The most characters of a name out of a file that a message repeats.
const LONGEST: usize = 80;

/// A name out of a file as messages repeat it: escaped, and cut.
pub(super) fn excerpt_of(name: &str) -> String {
    excerpt(name, LONGEST)
}
