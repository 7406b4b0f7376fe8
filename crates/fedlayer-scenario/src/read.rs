//! [`read`]: from text to plans, or to everything that is wrong with the text.

use fedlayer_core::{Plan, spec::Variant};

use crate::{
    Diagnostics, Environment, Scenario, Setting, checked::CheckedScenario, limits,
    locate::ScenarioText, parse::parse, scenario_schema::scenario_schema, setting, sweep,
    toml_syntax, toml_tree::TomlTree,
};

/// A scenario without problems.
#[derive(Debug, Clone, PartialEq)]
pub struct ValidScenario {
    /// The scenario.
    pub scenario: Scenario,
    /// Its text: the given one with the settings applied. Comments are kept.
    pub text: String,
    /// One plan per strategy and seed: all seeds of the first strategy, then all of the second, and
    /// so on. With a sweep, these plans for every variant, in the order of the variants.
    pub plans: Vec<Plan>,
}

/// Reads a scenario. Messages call its file `name`; `settings` change it; `environment` answers
/// questions about data sets and other files.
///
/// The text is checked in three steps, each of which needs a clean result of the one before: TOML's
/// syntax; keys, types and ranges; values that must be consistent with each other, the model and
/// the data. With a sweep, the scenario is checked without it, then every variant in the same way.
///
/// # Errors
/// Every problem of the first step that has any.
pub fn read(
    name: &str,
    text: &str,
    settings: &[Setting],
    environment: &dyn Environment,
) -> Result<ValidScenario, Diagnostics> {
    check_length(name, text)?;
    let (tree, errors) = TomlTree::document(text);
    let source = ScenarioText { name, text, tree: &tree, settings };
    let refuse = |problems| source.diagnostics(problems);
    if !errors.is_empty() {
        return Err(refuse(toml_syntax::problems(text, errors)));
    }
    let effective = setting::apply(text, settings).map_err(refuse)?;
    let schema = scenario_schema();
    let checked = CheckedScenario::read(&effective, schema, environment).map_err(refuse)?;
    let plans = match checked.scenario.sweep {
        None => checked.plans(None),
        Some(_) => sweep::plans(&effective, settings, schema, environment).map_err(refuse)?,
    };
    Ok(ValidScenario { scenario: checked.scenario, text: effective, plans })
}

/// Reads a scenario without any question about its data, for callers that want to know what a run
/// was even if its data is not here. A sweep is not expanded.
///
/// # Errors
/// As [`read`], without the last step.
pub fn read_without_data(
    name: &str,
    text: &str,
    settings: &[Setting],
) -> Result<Scenario, Diagnostics> {
    check_length(name, text)?;
    let (tree, errors) = TomlTree::document(text);
    let source = ScenarioText { name, text, tree: &tree, settings };
    let refuse = |problems| source.diagnostics(problems);
    if !errors.is_empty() {
        return Err(refuse(toml_syntax::problems(text, errors)));
    }
    let effective = setting::apply(text, settings).map_err(refuse)?;
    parse(&effective, scenario_schema()).map_err(refuse)
}

/// Returns the variants of a scenario's sweep without checking any of them, for callers that want
/// to know what a run was even if its data is not here; a scenario without a sweep has none.
///
/// # Errors
/// When the text is too long, is not TOML, or has a sweep without choices.
pub fn variants(name: &str, text: &str) -> Result<Vec<Variant>, Diagnostics> {
    check_length(name, text)?;
    let (tree, errors) = TomlTree::document(text);
    let source = ScenarioText { name, text, tree: &tree, settings: &[] };
    if !errors.is_empty() {
        return Err(source.diagnostics(toml_syntax::problems(text, errors)));
    }
    sweep::variants(text).map_err(|problems| source.diagnostics(problems))
}

/// Refuses a text that is too long, before it is parsed. The message shows its first line.
fn check_length(name: &str, text: &str) -> Result<(), Diagnostics> {
    let Some(problem) = limits::too_long(text) else { return Ok(()) };
    let text: String = text.lines().next().unwrap_or_default().chars().take(100).collect();
    let (tree, _) = TomlTree::document("");
    let source = ScenarioText { name, text: &text, tree: &tree, settings: &[] };
    Err(source.diagnostics(vec![problem]))
}
