//! [`merge`]: the local training of each strategy, which is `[local]` with the strategy's own keys.

use fedlayer_core::spec::{LocalOverlay, LocalSpec};

use crate::{
    Scenario,
    limits::MOST_PROBLEMS,
    phrasing::backticked,
    problem::{Location, Problem},
    schema::{ValueSchema, check_schema_at},
    toml_tree::{KeyPath, TomlTree},
};

/// Returns the local training of each strategy of a scenario that fits the schema.
///
/// # Errors
/// Keys that are missing in `[local]` and in the strategy, such as the learning rate of another
/// optimizer.
pub(crate) fn merge(
    scenario: &Scenario,
    schema: &ValueSchema,
) -> Result<Vec<LocalSpec>, Vec<Problem>> {
    let (mut locals, mut problems) = (Vec::new(), Vec::new());
    for (index, strategy) in scenario.strategy.iter().enumerate() {
        let path = KeyPath::from("strategy").join(index).join("local");
        match &strategy.local {
            None => locals.push(scenario.local.clone()),
            Some(overlay) => match merge_one(&scenario.local, overlay, &path, schema) {
                Ok(local) => locals.push(local),
                Err(found) => {
                    let help = format!("in the strategy {}", backticked(&strategy.name));
                    problems.extend(found.into_iter().map(|problem| problem.help(help.clone())));
                }
            },
        }
        if problems.len() >= MOST_PROBLEMS {
            break;
        }
    }
    if problems.is_empty() { Ok(locals) } else { Err(problems) }
}

/// Merges the keys of the strategy at `path` with `[local]`.
fn merge_one(
    local: &LocalSpec,
    overlay: &LocalOverlay,
    path: &KeyPath,
    schema: &ValueSchema,
) -> Result<LocalSpec, Vec<Problem>> {
    let broken = |reason: &dyn std::fmt::Display| {
        vec![Problem::new(Location::Value(path.clone()), reason.to_string())]
    };
    let merged = overlay.merged_with(local).map_err(|error| broken(&error))?;
    let text = toml::to_string(&merged).map_err(|error| broken(&error))?;
    let (tree, _) = TomlTree::document(&text);
    let problems =
        schema.key("local").map(|schema| check_schema_at(path, &tree, schema)).unwrap_or_default();
    if !problems.is_empty() {
        return Err(problems);
    }
    serde_json::from_value(merged).map_err(|error| broken(&error))
}
