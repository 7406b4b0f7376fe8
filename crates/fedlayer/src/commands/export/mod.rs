//! `fedlayer export`: the records of runs, for other programs.
//!
//! * `source`: a run folder, checked, with its plans; `parameters`: a plan's settings by name.
//! * `rounds`: the committed rounds of a plan, one after the other.
//! * `new_files`: files that get their names together, when all of them are complete.
//! * `tables`, `board`, `mlflow`: the destinations.

mod board;
mod mlflow;
mod new_files;
mod parameters;
mod rounds;
mod source;
mod tables;

use std::path::PathBuf;

use fedlayer_export::TableFormat;

use self::source::ExportSource;
use crate::{args::ExportArgs, commands::compare::labels, exit::Failure, screen::Screen};

/// Writes the committed rounds of all runs to every destination that is asked for.
///
/// # Errors
/// When a run is damaged, a file of an earlier export would be overwritten, a file cannot be
/// written or the tracking server refuses. Files of a destination appear all together or not at
/// all.
pub(super) fn export(args: &ExportArgs, screen: &Screen) -> Result<(), Failure> {
    let labels = labels(&args.runs)?;
    let open = |(run, label): (&PathBuf, String)| ExportSource::open(run, label, screen);
    let sources: Result<Vec<ExportSource>, Failure> =
        args.runs.iter().zip(labels).map(open).collect();
    let sources = sources?;
    if let Some(folder) = &args.parquet {
        tables::write(&sources, TableFormat::Parquet, folder, args.replace, screen)?;
    }
    if let Some(folder) = &args.csv {
        tables::write(&sources, TableFormat::Csv, folder, args.replace, screen)?;
    }
    if let Some(folder) = &args.tensorboard {
        board::write(&sources, folder, args.replace, screen)?;
    }
    if let Some(server) = &args.mlflow {
        mlflow::send(&sources, server, screen)?;
    }
    Ok(())
}
