//! Comma-separated values for spreadsheets and other programs.
//!
//! * `csv_text`: rows of cells as CSV.
//! * `analysis`: all rows of an analysis.
//! * `sweep`: the summary of every variant, strategy and seed of a sweep.

mod analysis;
mod csv_text;
mod sweep;

pub use analysis::analysis_csv;
pub use sweep::sweep_csv;
