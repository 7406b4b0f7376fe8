//! [`RowSink`]: the file of a table, written row by row; [`TableHeading`]: its beginning.

use crate::{
    ExportError, RunOrigin,
    cell::{Cell, CellType},
};

/// The version of the tables: it rises when a column changes its meaning or goes.
pub(super) const SCHEMA_VERSION: &str = "1";

/// The beginning of a table's file.
pub(super) struct TableHeading<'h> {
    /// The table's name.
    pub(super) table: &'static str,
    /// Names and types of all columns.
    pub(super) columns: Vec<(String, CellType)>,
    /// The exported runs.
    pub(super) provenance: &'h [RunOrigin],
}

/// The file of a table, written row by row.
pub(super) trait RowSink {
    /// Adds the cell of a column; the columns of a row follow one another.
    fn cell(&mut self, column: usize, cell: Cell<'_>) -> Result<(), ExportError>;

    /// Ends a row.
    fn end_row(&mut self) -> Result<(), ExportError>;

    /// Completes the file.
    fn finish(self: Box<Self>) -> Result<(), ExportError>;
}
