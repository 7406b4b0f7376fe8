//! Records in, tables and pictures out. Text only: whoever calls prints it or writes it down.
//!
//! * [`comparison_table`]: strategies side by side, with their spread over the seeds and their difference from the first strategy.
//! * [`setup_differences`]: what the set-ups of compared runs differ in, and what that means for their differences.
//! * [`sweep_table`]: variants of a scenario side by side; [`sweep_csv`]: all of their numbers as CSV.
//! * [`text_table`]: any rows under a heading, aligned: what the tables of the command line are made of.
//! * [`pictures`]: the pictures of an analysis, as SVG text.
//! * [`analysis_summary`]: the most important numbers of an analysis, as a short table.
//! * [`analysis_csv`]: all values of an analysis, as comma-separated text.
//! * [`quantity`]: numbers as people read them: bytes, percentages, deviations.

mod comparison;
mod contrast;
mod digest;
mod draw;
mod grid;
mod picture;
pub mod quantity;
mod refusals;
mod rows;
mod sheet;
mod sweep_table;
mod wording;

pub use comparison::comparison_table;
pub use contrast::{DifferingRun, setup_differences};
pub use digest::analysis_summary;
pub use grid::{ColumnAlign, text_table};
pub use picture::{Picture, pictures};
pub use sheet::analysis_csv;
pub use sweep_table::{sweep_csv, sweep_table};
