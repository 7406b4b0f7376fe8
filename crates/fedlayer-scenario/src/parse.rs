//! [`parse`]: from a text without syntax errors to a [`Scenario`].

use crate::{
    Scenario,
    problem::{Location, Problem},
    schema::{ValueSchema, check_schema},
    toml_tree::TomlTree,
};

/// Reads a scenario from a text without syntax errors.
///
/// # Errors
/// Every key, type or range that does not fit the schema.
pub(crate) fn parse(text: &str, schema: &ValueSchema) -> Result<Scenario, Vec<Problem>> {
    let (tree, _) = TomlTree::document(text);
    let problems = check_schema(&tree, schema);
    if !problems.is_empty() {
        return Err(problems);
    }
    // Serde finds only what the schema cannot express, and its message is shown as it is.
    toml::from_str(text).map_err(|error: toml::de::Error| {
        let path = tree.path_at(error.span().unwrap_or(0..0).start);
        vec![Problem::new(Location::Value(path), error.message().to_owned())]
    })
}
