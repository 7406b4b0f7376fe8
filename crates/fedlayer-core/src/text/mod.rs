//! Numbers and names as messages show them.
//!
//! * [`printable`](fn@printable), [`excerpt`], [`in_backticks`], [`quoted`]: text from files and
//!   users, without the characters that control a terminal.
//! * [`number_text`], [`rounded_text`]: numbers.
//! * [`slug`]: the name of a folder; [`without_formula`]: a cell for a spreadsheet.

mod number;
mod printable;
mod slug;
mod spreadsheet;

pub use number::{number_text, rounded_text};
pub use printable::{excerpt, in_backticks, is_printable, printable, push_printable, quoted};
pub use slug::slug;
pub use spreadsheet::without_formula;
