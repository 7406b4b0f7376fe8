//! Records in, tables and pictures out. Text only: whoever calls prints it or writes it down.
//!
//! * [`table`]: strategies side by side, with their spread over the seeds and their difference from the first strategy.
//! * [`differing`]: what the set-ups of compared runs differ in, and what that means for their differences.
//! * [`sweep_table`]: variants of a scenario side by side; [`sweep_sheet`]: all of their numbers as CSV.
//! * [`grid`]: any rows under a heading, aligned: what the tables of the command line are made of.
//! * [`picture`]: the pictures of an analysis, as SVG text.
//! * [`digest`]: the most important numbers of an analysis, as a short table.
//! * [`sheet`]: all values of an analysis, as comma-separated text.
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

pub use comparison::table;
pub use contrast::{Differing, differing};
pub use digest::digest;
pub use grid::{Align, grid};
pub use picture::{Picture, picture};
pub use sheet::sheet;
pub use sweep_table::{sweep_sheet, sweep_table};
