//! [`CsvRows`]: a table as comma-separated values.

use std::io::Write;

use fedlayer_core::text::without_formula;

use super::row_sink::{RowSink, TableHeading};
use crate::{ExportError, cell::Cell};

/// A table as comma-separated values (RFC 4180, with `\n` as the line end) under a line of column
/// names. A null is an empty cell; a number has as many digits as it needs to be read back exactly;
/// a text that a spreadsheet would compute as a formula gets a `'` before it.
pub(super) struct CsvRows {
    writer: csv::Writer<Box<dyn Write + Send>>,
}

impl CsvRows {
    /// Writes the line of column names.
    pub(super) fn begin(
        out: Box<dyn Write + Send>,
        heading: &TableHeading<'_>,
    ) -> Result<Self, ExportError> {
        let mut writer = csv::Writer::from_writer(out);
        writer.write_record(heading.columns.iter().map(|(name, _)| name))?;
        Ok(Self { writer })
    }
}

impl RowSink for CsvRows {
    fn cell(&mut self, _: usize, cell: Cell<'_>) -> Result<(), ExportError> {
        match cell {
            Cell::Null => self.writer.write_field("")?,
            Cell::Count(count) => self.writer.write_field(count.to_string())?,
            Cell::Number(number) => self.writer.write_field(number.to_string())?,
            Cell::Flag(flag) => self.writer.write_field(flag.to_string())?,
            Cell::Text(text) => self.writer.write_field(&*without_formula(&text))?,
        }
        Ok(())
    }

    fn end_row(&mut self) -> Result<(), ExportError> {
        Ok(self.writer.write_record(None::<&[u8]>)?)
    }

    fn finish(mut self: Box<Self>) -> Result<(), ExportError> {
        Ok(self.writer.flush()?)
    }
}
