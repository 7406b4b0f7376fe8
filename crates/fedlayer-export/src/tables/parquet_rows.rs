//! [`ParquetRows`]: a table as an Apache Parquet file.
//!
//! Parquet's own writer is used without Arrow: the tables are flat, and Arrow would add eight
//! crates for a copy of every column. Texts are dictionary-coded, pages compressed with zstd.

use std::{io::Write, sync::Arc};

use parquet::{
    basic::{Compression, LogicalType, Repetition, Type as PhysicalType, ZstdLevel},
    data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type},
    errors::ParquetError,
    file::{
        metadata::KeyValue,
        properties::WriterProperties,
        writer::{SerializedColumnWriter, SerializedFileWriter},
    },
    schema::types::{Type, TypePtr},
};

use super::row_sink::{RowSink, SCHEMA_VERSION, TableHeading};
use crate::{
    ExportError,
    cell::{Cell, CellType},
};

/// The rows of a row group: they are kept in memory until it is written.
const GROUP_ROWS: usize = 1 << 17;

/// The definition level of a null in an optional column.
const NULL: i16 = 0;

/// The definition level of a value.
const VALUE: i16 = 1;

/// A table as an Apache Parquet file. Rows are written in groups of [`GROUP_ROWS`].
pub(super) struct ParquetRows {
    writer: SerializedFileWriter<Box<dyn Write + Send>>,
    columns: Vec<ColumnBuffer>,
    rows: usize,
}

impl ParquetRows {
    /// Begins the file.
    pub(super) fn begin(
        out: Box<dyn Write + Send>,
        heading: &TableHeading<'_>,
    ) -> Result<Self, ExportError> {
        let fields: Result<Vec<TypePtr>, ParquetError> =
            heading.columns.iter().map(|(name, holds)| field(name, *holds)).collect();
        let schema = Type::group_type_builder(heading.table).with_fields(fields?).build()?;
        let properties = WriterProperties::builder()
            .set_created_by(format!("fedlayer {}", env!("CARGO_PKG_VERSION")))
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
            .set_key_value_metadata(Some(metadata(heading)))
            .build();
        let writer = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties))?;
        let columns = heading.columns.iter().map(|(_, holds)| ColumnBuffer::new(*holds)).collect();
        Ok(Self { writer, columns, rows: 0 })
    }

    fn write_group(&mut self) -> Result<(), ExportError> {
        let mut group = self.writer.next_row_group()?;
        for buffer in &mut self.columns {
            let Some(mut column) = group.next_column()? else { break };
            buffer.write(&mut column)?;
            column.close()?;
        }
        group.close()?;
        self.rows = 0;
        Ok(())
    }
}

impl RowSink for ParquetRows {
    fn cell(&mut self, column: usize, cell: Cell<'_>) -> Result<(), ExportError> {
        self.columns[column].push(cell);
        Ok(())
    }

    fn end_row(&mut self) -> Result<(), ExportError> {
        self.rows += 1;
        if self.rows == GROUP_ROWS { self.write_group() } else { Ok(()) }
    }

    fn finish(mut self: Box<Self>) -> Result<(), ExportError> {
        if self.rows > 0 {
            self.write_group()?;
        }
        self.writer.finish()?;
        Ok(self.writer.inner_mut().flush()?)
    }
}

/// Returns the type of a column; every column may have nulls.
fn field(name: &str, holds: CellType) -> Result<TypePtr, ParquetError> {
    let (physical, logical) = match holds {
        CellType::Count => (PhysicalType::INT64, Some(LogicalType::integer(64, false))),
        CellType::Number => (PhysicalType::DOUBLE, None),
        CellType::Flag => (PhysicalType::BOOLEAN, None),
        CellType::Text => (PhysicalType::BYTE_ARRAY, Some(LogicalType::String)),
    };
    let column = Type::primitive_type_builder(name, physical)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(logical);
    column.build().map(Arc::new)
}

/// Returns the metadata of the file: the version of the tables, of this program, and the runs as
/// JSON.
fn metadata(heading: &TableHeading<'_>) -> Vec<KeyValue> {
    let runs = serde_json::to_string(heading.provenance).unwrap_or_default();
    let entry = |key: &str, value: String| KeyValue::new(format!("fedlayer.{key}"), value);
    vec![
        entry("table", heading.table.to_owned()),
        entry("schema", SCHEMA_VERSION.to_owned()),
        entry("version", env!("CARGO_PKG_VERSION").to_owned()),
        entry("runs", runs),
    ]
}

/// A column of the current row group: the values that are not null, and a definition level for each
/// row.
struct ColumnBuffer {
    levels: Vec<i16>,
    values: ColumnValues,
}

enum ColumnValues {
    Counts(Vec<i64>),
    Numbers(Vec<f64>),
    Flags(Vec<bool>),
    Texts(Vec<ByteArray>),
}

impl ColumnBuffer {
    fn new(holds: CellType) -> Self {
        let values = match holds {
            CellType::Count => ColumnValues::Counts(Vec::new()),
            CellType::Number => ColumnValues::Numbers(Vec::new()),
            CellType::Flag => ColumnValues::Flags(Vec::new()),
            CellType::Text => ColumnValues::Texts(Vec::new()),
        };
        Self { levels: Vec::new(), values }
    }

    /// Adds a cell. A cell of another type than the column's is a null.
    fn push(&mut self, cell: Cell<'_>) {
        let mut level = VALUE;
        match (&mut self.values, cell) {
            // Parquet keeps numbers without a sign in the bits of those with one.
            (ColumnValues::Counts(values), Cell::Count(count)) => values.push(count as i64),
            (ColumnValues::Numbers(values), Cell::Number(number)) => values.push(number),
            (ColumnValues::Flags(values), Cell::Flag(flag)) => values.push(flag),
            (ColumnValues::Texts(values), Cell::Text(text)) => {
                // A text is often that of the row before; then both have the same bytes in memory.
                let before = values.last().filter(|last| last.data() == text.as_bytes());
                let bytes = before.cloned().unwrap_or_else(|| ByteArray::from(&*text));
                values.push(bytes);
            }
            _ => level = NULL,
        }
        self.levels.push(level);
    }

    /// Writes the column and empties the buffer.
    fn write(&mut self, column: &mut SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        let levels = Some(&self.levels[..]);
        match &mut self.values {
            ColumnValues::Counts(values) => {
                column.typed::<Int64Type>().write_batch(values, levels, None)?;
                values.clear();
            }
            ColumnValues::Numbers(values) => {
                column.typed::<DoubleType>().write_batch(values, levels, None)?;
                values.clear();
            }
            ColumnValues::Flags(values) => {
                column.typed::<BoolType>().write_batch(values, levels, None)?;
                values.clear();
            }
            ColumnValues::Texts(values) => {
                column.typed::<ByteArrayType>().write_batch(values, levels, None)?;
                values.clear();
            }
        }
        self.levels.clear();
        Ok(())
    }
}
