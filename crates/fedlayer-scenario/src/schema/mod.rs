//! The keys, types and ranges of a scenario, checked against its JSON Schema.
//!
//! * `value_schema`: what a value may be, read from the JSON Schema; `bounds`: ranges.
//! * `check`: compares a parsed text with it and collects all problems.
//! * `scalar`: single numbers and texts; `wrong_type`: values of the wrong type.
//! * `defaults`: leaves defaults out of a value, or writes them out.

mod bounds;
mod check;
mod defaults;
mod scalar;
mod value_schema;
mod wrong_type;

pub(crate) use check::{check_schema, check_schema_at};
pub(crate) use defaults::{with_defaults, without_defaults};
pub(crate) use value_schema::{KeySchema, ValueSchema};
