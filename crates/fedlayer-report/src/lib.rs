//! Records in, tables out. Text only: whoever calls prints it.
//!
//! * [`table`]: strategies side by side, with their spread over the seeds and their difference from the first strategy.
//! * [`grid`]: any rows under a heading, aligned: what the tables of the command line are made of.
//! * [`picture`]: the pictures of an analysis, as SVG text.
//! * [`quantity`]: numbers as people read them: bytes, percentages, deviations.

mod comparison;
mod draw;
mod grid;
mod picture;
pub mod quantity;

pub use comparison::table;
pub use grid::{Align, grid};
pub use picture::{Picture, picture};
mod interim;
pub use interim::{digest, sheet};
