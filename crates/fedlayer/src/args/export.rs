//! The arguments of `fedlayer export`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

use super::values::{folder, server};
use crate::download_source::DownloadUrl;

/// `fedlayer export`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("destination").required(true).multiple(true))]
pub(crate) struct ExportArgs {
    /// The run folders; a run may be finished, interrupted or under way.
    #[arg(required = true, value_name = "RUN")]
    pub(crate) runs: Vec<PathBuf>,
    /// Write a Parquet file per kind of record to this folder: all runs, strategies, seeds and
    /// variants in one long table.
    #[arg(long, value_name = "DIR", group = "destination", value_parser = folder())]
    pub(crate) parquet: Option<PathBuf>,
    /// Write the same tables as CSV files.
    #[arg(long, value_name = "DIR", group = "destination", value_parser = folder())]
    pub(crate) csv: Option<PathBuf>,
    /// Write an event file of TensorBoard per strategy, seed and variant.
    #[arg(long, value_name = "DIR", group = "destination", value_parser = folder())]
    pub(crate) tensorboard: Option<PathBuf>,
    /// Send each strategy, seed and variant as a run to this MLflow tracking server. A token is
    /// read from `MLFLOW_TRACKING_TOKEN`.
    #[arg(long, value_name = "URL", group = "destination", value_parser = server)]
    pub(crate) mlflow: Option<DownloadUrl>,
    /// Replace the files of an earlier export.
    #[arg(long)]
    pub(crate) replace: bool,
}
