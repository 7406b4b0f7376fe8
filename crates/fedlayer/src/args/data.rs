//! The data folders, and the arguments of `fedlayer data`.

use std::path::PathBuf;

use clap::{Args, Subcommand, builder::PossibleValuesParser};

use super::values::folder;
use crate::download_source::DownloadSource;

/// The data folders.
#[derive(Debug, Clone, Args)]
pub(crate) struct DataArgs {
    /// A data folder that is searched first; it has each set in a subfolder of its name. The folder
    /// in `FEDLAYER_DATA` and the data folders of the system follow (see `fedlayer data list`). A
    /// file that a scenario names is looked for beside the scenario before all of these.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) data: Option<PathBuf>,
}

/// `fedlayer data`.
#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// List the data sets: description, licence, and the folder in which each is found.
    List(ListArgs),
    /// Fetch a data set: download, verify, unpack. A download that was interrupted continues.
    #[command(
        after_help = "Examples:\n  fedlayer data fetch cifar-10\n  fedlayer data fetch cifar-10 --from ~/Downloads --to /data/sets"
    )]
    Fetch(FetchArgs),
}

/// `fedlayer data list`.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// The data folders.
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Print JSON on stdout.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `fedlayer data fetch`.
#[derive(Debug, Args)]
pub(crate) struct FetchArgs {
    /// The data set.
    #[arg(value_parser = PossibleValuesParser::new(names()))]
    pub(crate) name: String,
    /// Download from this address instead of the set's own (the files' names are appended), or copy
    /// from this folder.
    #[arg(long, value_name = "URL|DIR")]
    pub(crate) from: Option<DownloadSource>,
    /// The data folder to write to; the default is the first searched folder that can be written
    /// to.
    #[arg(long, value_name = "FOLDER", value_parser = folder())]
    pub(crate) to: Option<PathBuf>,
    /// The data folders.
    #[command(flatten)]
    pub(crate) data: DataArgs,
}

/// Returns the names of the sets that can be fetched.
fn names() -> impl Iterator<Item = &'static str> {
    fedlayer_data::catalogue().iter().map(|set| set.name)
}
