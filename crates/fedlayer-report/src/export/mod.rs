//! Tables for other programs, pages and papers.
//!
//! * `csv_text`: rows of cells as CSV.
//! * `comparison`: strategies side by side, as CSV and for JSON; `markup`: in Markdown and LaTeX.
//! * `analysis`: all rows of an analysis.
//! * `sweep`: the summary of every variant, strategy and seed of a sweep.

mod analysis;
mod comparison;
mod csv_text;
mod markup;
mod sweep;

pub use analysis::analysis_csv;
pub use comparison::{ComparisonRow, comparison_csv, comparison_rows};
pub use markup::{comparison_latex, comparison_markdown};
pub use sweep::sweep_csv;
