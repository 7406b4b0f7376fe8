//! [`Table`]: the name and the columns of a long table.

use serde::Serialize;

use crate::cell::{Cell, CellType};

/// A long table: its name and its own columns, behind those of the plan.
#[derive(Debug)]
pub(crate) struct Table<R: 'static> {
    pub(crate) name: &'static str,
    pub(crate) columns: &'static [ExportedColumn<R>],
}

/// A column: its name, its type, and its cell in a row.
#[derive(Debug)]
pub(crate) struct ExportedColumn<R> {
    pub(crate) name: &'static str,
    pub(crate) holds: CellType,
    pub(crate) cell: fn(&R) -> Cell<'_>,
}

const fn column<R>(
    name: &'static str,
    holds: CellType,
    cell: fn(&R) -> Cell<'_>,
) -> ExportedColumn<R> {
    ExportedColumn { name, holds, cell }
}

/// Makes a column of whole numbers.
pub(super) const fn count<R>(name: &'static str, cell: fn(&R) -> Cell<'_>) -> ExportedColumn<R> {
    column(name, CellType::Count, cell)
}

/// Makes a column of numbers.
pub(super) const fn number<R>(name: &'static str, cell: fn(&R) -> Cell<'_>) -> ExportedColumn<R> {
    column(name, CellType::Number, cell)
}

/// Makes a column of true and false.
pub(super) const fn flag<R>(name: &'static str, cell: fn(&R) -> Cell<'_>) -> ExportedColumn<R> {
    column(name, CellType::Flag, cell)
}

/// Makes a column of words or names.
pub(super) const fn text<R>(name: &'static str, cell: fn(&R) -> Cell<'_>) -> ExportedColumn<R> {
    column(name, CellType::Text, cell)
}

/// Makes the cell of a word that may be absent.
pub(super) fn word_if_any<T: Serialize>(value: Option<T>) -> Cell<'static> {
    value.map_or(Cell::Null, |value| Cell::word(value))
}
