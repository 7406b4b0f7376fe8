//! Tables for the terminal.
//!
//! * `text_table`: aligned columns under a heading.
//! * `comparison`: strategies side by side; `comparison_view`: the choice of their `columns` and
//!   order; `comparison_cells`: the texts of cells; `comparison_notes`: the lines below.
//! * `sweep`: the variants of a sweep side by side.
//! * `setup_differences`: the lines below a comparison of runs with different set-ups.
//! * `refused_clients`: the lines below a table about clients that were not averaged.

mod columns;
mod comparison;
mod comparison_cells;
mod comparison_notes;
mod comparison_view;
mod refused_clients;
mod setup_differences;
mod sweep;
pub(crate) mod text_table;

pub use columns::{SortBy, SortDirection, TableColumn};
pub use comparison::comparison_table;
pub(crate) use comparison_cells::needs;
pub(crate) use comparison_notes::notes;
pub use comparison_view::ComparisonView;
pub use setup_differences::{DifferingRun, setup_differences};
pub use sweep::sweep_table;
pub use text_table::{ColumnAlign, text_table};
