//! Records in, tables and pictures out. Everything is text: the caller prints it or writes it to a
//! file.
//!
//! * [`comparison_table`]: strategies side by side, with their spread over the seeds and their
//!   difference from a reference; [`ComparisonView`]: its columns and their order.
//! * [`comparison_csv`], [`comparison_rows`], [`comparison_markdown`], [`comparison_latex`]: the
//!   same for other programs, pages and papers.
//! * [`setup_differences`]: the keys in which compared runs differ, and what follows for their
//!   results.
//! * [`sweep_table`]: the variants of a sweep side by side.
//! * [`text_table`]: any rows under a heading, aligned; every table of the command line is one.
//! * [`pictures`]: the pictures of an analysis as SVG text, drawn with `plot`.
//! * [`heat_colour`]: the colours of heat maps, for pictures that are not SVG.
//! * [`analysis_summary`]: the most important numbers of an analysis, as a short table.
//! * [`analysis_csv`], [`sweep_csv`]: all values of an analysis or of a sweep, as CSV.
//! * [`quantity`]: numbers as people read them: bytes, counts, deviations, durations.
//!
//! Each measurement has a file in `measurements`, with its pictures and its summary. They select
//! the rows of an analysis with `analysis_rows` and take their words from `labels`.
//! `misleading_barrier` flags barriers; `swept_keys` finds the keys that a sweep sets.

mod analysis_rows;
mod export;
mod labels;
mod measurements;
mod misleading_barrier;
mod pictures;
mod plot;
pub mod quantity;
mod summary;
mod swept_keys;
mod tables;

pub use export::{
    ComparisonRow, analysis_csv, comparison_csv, comparison_latex, comparison_markdown,
    comparison_rows, sweep_csv,
};
pub use measurements::{analysis_summary, pictures};
pub use pictures::Picture;
pub use plot::heat_map::heat_colour;
pub use tables::{
    ColumnAlign, ComparisonView, DifferingRun, SortBy, SortDirection, TableColumn,
    comparison_table, setup_differences, sweep_table, text_table,
};
