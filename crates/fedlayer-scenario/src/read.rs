//! [`read`]: from text to plans, or to everything that is wrong with it.

use fedlayer_core::Plan;

use crate::{
    Diagnostics, Environment, Scenario, Setting, limits, meaning,
    place::Origin,
    problem::{At, Problem},
    setting,
    shape::Shape,
    sweep, syntax,
    tree::Tree,
    walk::walk,
};

/// A scenario that is known to be valid.
#[derive(Debug, Clone, PartialEq)]
pub struct ValidScenario {
    /// What the scenario says.
    pub scenario: Scenario,
    /// The text that says it: the given one with the settings applied, its comments kept.
    pub text: String,
    /// One plan per strategy and seed: all seeds of the first strategy, then all of the second, …. With a sweep that for every variant, in its order.
    pub plans: Vec<Plan>,
}

/// Reads a scenario: `name` is what messages call its file, `settings` change it, `environment` knows data sets and modules.
///
/// # Errors
/// Everything that is wrong with it. What stands in the text is checked in three steps, each of which needs a clean result of the one
/// before: TOML's syntax; keys, types and ranges; values that must fit one another, the model and the data. With a sweep, the scenario as it stands without it
/// must be good; then every variant is checked in the same way.
pub fn read(
    name: &str,
    text: &str,
    settings: &[Setting],
    environment: &dyn Environment,
) -> Result<ValidScenario, Diagnostics> {
    short_enough(name, text)?;
    let (tree, errors) = Tree::document(text);
    let origin = Origin { name, text, tree: &tree, settings };
    let refuse = |problems| origin.report(problems);
    if !errors.is_empty() {
        return Err(refuse(syntax::problems(text, errors)));
    }
    let effective = setting::apply(text, settings).map_err(refuse)?;
    let shape = Shape::of_schema(&crate::schema());
    let scenario = parse(&effective, &shape).map_err(refuse)?;
    let layout = meaning::check(&scenario, environment).map_err(refuse)?;
    let plans = match scenario.sweep {
        None => scenario.plans(&layout, None),
        Some(_) => sweep::plans(&effective, settings, &shape, environment).map_err(refuse)?,
    };
    Ok(ValidScenario { scenario, text: effective, plans })
}

/// What a text says, changed by settings, before anything is asked about its data: for whoever wants to know what a run was, wherever its
/// data is. Of a sweep it is the scenario as it stands without it.
///
/// # Errors
/// As [`read`], but for the last of its steps.
pub fn read_without_data(
    name: &str,
    text: &str,
    settings: &[Setting],
) -> Result<Scenario, Diagnostics> {
    short_enough(name, text)?;
    let (tree, errors) = Tree::document(text);
    let origin = Origin { name, text, tree: &tree, settings };
    let refuse = |problems| origin.report(problems);
    if !errors.is_empty() {
        return Err(refuse(syntax::problems(text, errors)));
    }
    let effective = setting::apply(text, settings).map_err(refuse)?;
    parse(&effective, &Shape::of_schema(&crate::schema())).map_err(refuse)
}

/// Refuses a text that is too long before anything is made of it; the report shows its first line.
fn short_enough(name: &str, text: &str) -> Result<(), Diagnostics> {
    let Some(problem) = limits::too_long(text) else { return Ok(()) };
    let text: String = text.lines().next().unwrap_or_default().chars().take(100).collect();
    let (tree, _) = Tree::document("");
    Err(Origin { name, text: &text, tree: &tree, settings: &[] }.report(vec![problem]))
}

/// The scenario that a text without errors of syntax says.
pub(crate) fn parse(text: &str, shape: &Shape) -> Result<Scenario, Vec<Problem>> {
    let (tree, _) = Tree::document(text);
    let problems = walk(&tree, shape);
    if !problems.is_empty() {
        return Err(problems);
    }
    // The walk has found whatever the schema can say; what is left is said in serde's words.
    toml::from_str(text).map_err(|error: toml::de::Error| {
        let path = tree.path_at(error.span().unwrap_or(0..0).start);
        vec![Problem::new(At::Value(path), error.message().to_owned())]
    })
}
