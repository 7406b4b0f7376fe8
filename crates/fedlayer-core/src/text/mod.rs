//! Numbers and names as messages show them.

mod number;
mod printable;
mod slug;

pub use number::{number_text, rounded_text};
pub use printable::{excerpt, in_backticks, is_printable, printable, push_printable, quoted};
pub use slug::slug;
