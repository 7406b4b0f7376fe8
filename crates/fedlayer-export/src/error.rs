//! [`ExportError`]: a file could not be written.

use std::io;

use thiserror::Error;

/// A file could not be written.
#[derive(Debug, Error)]
pub enum ExportError {
    /// The destination refused bytes.
    #[error(transparent)]
    Write(#[from] io::Error),
    /// A Parquet file could not be written.
    #[error("could not write a Parquet file: {0}")]
    Parquet(#[from] parquet::errors::ParquetError),
    /// A CSV file could not be written.
    #[error("could not write a CSV file: {0}")]
    Csv(#[from] csv::Error),
    /// A picture could not be written.
    #[error("could not write a PNG picture: {0}")]
    Png(#[from] png::EncodingError),
}
