//! The keys, types and ranges of a scenario, checked against its JSON Schema.
//!
//! * `value_schema`: what a value may be, read from the JSON Schema; `bounds`: ranges.
//! * `check`: compares a parsed text with it and collects all problems.
//! * `scalar`: single numbers and texts; `wrong_type`: values of the wrong type.

mod bounds;
mod check;
mod scalar;
mod value_schema;
mod wrong_type;

pub(crate) use check::check_schema;
pub(crate) use value_schema::ValueSchema;
