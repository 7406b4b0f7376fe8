//! Records in, files for other programs out: long tables as Parquet or CSV, and event files of
//! TensorBoard. Everything is written to a `Write`: the caller opens files and sends requests.
//!
//! * [`ExportedRound`]: the records of one round; [`PlanKeys`]: the strategy, seed and variant that
//!   they belong to.
//! * `cell`: a value of a table; [`tables`](LongTables): the long tables, one file of columns per
//!   table, written with `csv_rows` or `parquet_rows`.
//! * [`metrics`]: the numbers of a round by name, for programs that plot them.
//! * [`EventFile`]: an event file of TensorBoard: scalars, histograms, an image, texts,
//!   hyperparameters.

mod cell;
mod error;
mod keys;
mod metrics;
mod round;
mod tables;
mod tensorboard;

pub use error::ExportError;
pub use keys::{PlanKeys, RunOrigin};
pub use metrics::{Measured, metrics};
pub use round::{ExportedRound, RoundTimes};
pub use tables::{LongTables, TableFormat, WrittenTable};
pub use tensorboard::{Colour, EventFile};
