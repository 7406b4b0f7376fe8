//! [`LongTables`]: the long tables of an export, one row after the other.
//!
//! * `column`: a table is a name and a list of columns. `rounds` (with `timings`), `layers`,
//!   `clients`, `barriers`: the tables.
//! * `row_sink`: where rows go; `csv_rows`, `parquet_rows`: the two forms of a file.

mod barriers;
mod clients;
mod column;
mod csv_rows;
mod layers;
mod parquet_rows;
mod rounds;
mod row_sink;

use std::io::{self, Write};

use fedlayer_core::record::{BarrierRow, RoundRecord};

pub(crate) use self::{
    barriers::BARRIERS,
    clients::{CLIENTS, client_rows},
    column::{ExportedColumn, Table},
    layers::{LAYERS, layer_rows},
    rounds::{ROUNDS, TIMINGS},
};
use self::{
    clients::ClientRow,
    csv_rows::CsvRows,
    layers::LayerRow,
    parquet_rows::ParquetRows,
    row_sink::{RowSink, TableHeading},
};
use crate::{ExportError, ExportedRound, PlanKeys, RoundTimes, RunOrigin, cell::CellType};

/// The form of the tables' files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableFormat {
    /// Apache Parquet, compressed with zstd.
    Parquet,
    /// Comma-separated values.
    Csv,
}

/// A table of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrittenTable {
    /// Its name.
    pub name: &'static str,
    /// The number of its rows. A table without rows has no file.
    pub rows: u64,
}

/// The long tables of an export. A table's file is opened at its first row.
pub struct LongTables<'o> {
    files: TableFiles<'o>,
    rounds: LongTable<RoundRecord>,
    layers: LongTable<LayerRow>,
    clients: LongTable<ClientRow>,
    barriers: LongTable<BarrierRow>,
    timings: LongTable<RoundTimes>,
}

/// Opens the file of this name.
type Open<'o> = Box<dyn FnMut(&str) -> io::Result<Box<dyn Write + Send>> + 'o>;

/// The destination of all tables.
struct TableFiles<'o> {
    format: TableFormat,
    open: Open<'o>,
    swept: Vec<String>,
    provenance: Vec<RunOrigin>,
}

impl<'o> LongTables<'o> {
    /// Begins an export of these runs. `swept` are the keys of all their sweeps; `open` opens a
    /// file by its name, such as `rounds.parquet`.
    pub fn new(
        format: TableFormat,
        swept: Vec<String>,
        provenance: Vec<RunOrigin>,
        open: impl FnMut(&str) -> io::Result<Box<dyn Write + Send>> + 'o,
    ) -> Self {
        Self {
            files: TableFiles { format, open: Box::new(open), swept, provenance },
            rounds: LongTable::new(&ROUNDS),
            layers: LongTable::new(&LAYERS),
            clients: LongTable::new(&CLIENTS),
            barriers: LongTable::new(&BARRIERS),
            timings: LongTable::new(&TIMINGS),
        }
    }

    /// Adds the rows of a round.
    ///
    /// # Errors
    /// When a file cannot be opened or written.
    pub fn add(&mut self, plan: &PlanKeys, round: &ExportedRound) -> Result<(), ExportError> {
        let files = &mut self.files;
        self.rounds.add(files, plan, &round.record)?;
        layer_rows(round).try_for_each(|row| self.layers.add(files, plan, &row))?;
        client_rows(round).try_for_each(|row| self.clients.add(files, plan, &row))?;
        round.barriers.iter().try_for_each(|row| self.barriers.add(files, plan, row))?;
        round.times.iter().try_for_each(|row| self.timings.add(files, plan, row))
    }

    /// Completes the files, and returns every table, also those without rows.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn finish(self) -> Result<Vec<WrittenTable>, ExportError> {
        Ok(vec![
            self.rounds.finish()?,
            self.layers.finish()?,
            self.clients.finish()?,
            self.barriers.finish()?,
            self.timings.finish()?,
        ])
    }
}

impl TableFormat {
    /// Returns the names of all files that an export may write.
    pub fn file_names(self) -> Vec<String> {
        let names = [ROUNDS.name, LAYERS.name, CLIENTS.name, BARRIERS.name, TIMINGS.name];
        names.map(|name| self.file_name(name)).to_vec()
    }

    /// Returns the name of a table's file.
    pub fn file_name(self, table: &str) -> String {
        match self {
            Self::Parquet => format!("{table}.parquet"),
            Self::Csv => format!("{table}.csv"),
        }
    }
}

/// One table of an export.
struct LongTable<R: 'static> {
    table: &'static Table<R>,
    sink: Option<Box<dyn RowSink>>,
    rows: u64,
}

impl<R> LongTable<R> {
    fn new(table: &'static Table<R>) -> Self {
        Self { table, sink: None, rows: 0 }
    }

    fn add(
        &mut self,
        files: &mut TableFiles<'_>,
        plan: &PlanKeys,
        row: &R,
    ) -> Result<(), ExportError> {
        let sink = match &mut self.sink {
            Some(sink) => sink,
            None => self.sink.insert(files.begin(self.table)?),
        };
        let own = self.table.columns.iter().map(|column| (column.cell)(row));
        for (index, cell) in plan.cells(&files.swept).chain(own).enumerate() {
            sink.cell(index, cell)?;
        }
        self.rows += 1;
        sink.end_row()
    }

    fn finish(self) -> Result<WrittenTable, ExportError> {
        self.sink.map_or(Ok(()), RowSink::finish)?;
        Ok(WrittenTable { name: self.table.name, rows: self.rows })
    }
}

impl TableFiles<'_> {
    /// Opens the file of a table and writes its heading.
    fn begin<R>(&mut self, table: &Table<R>) -> Result<Box<dyn RowSink>, ExportError> {
        let own = table.columns.iter().map(|column| (column.name.to_owned(), column.holds));
        let columns: Vec<(String, CellType)> =
            PlanKeys::columns(&self.swept).into_iter().chain(own).collect();
        let heading = TableHeading { table: table.name, columns, provenance: &self.provenance };
        let out = (self.open)(&self.format.file_name(table.name))?;
        Ok(match self.format {
            TableFormat::Parquet => Box::new(ParquetRows::begin(out, &heading)?),
            TableFormat::Csv => Box::new(CsvRows::begin(out, &heading)?),
        })
    }
}
