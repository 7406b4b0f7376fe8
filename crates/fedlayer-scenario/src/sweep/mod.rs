//! `[sweep]`: from a scenario's text to the plans of its variants.
//!
//! A variant is the text with other values in it. It is read and checked as every scenario is; its
//! problems are located at the values in the sweep. `choices` finds the combinations of values,
//! `variant_names` names them.

mod choices;
mod variant_names;

use fedlayer_core::{Plan, spec::Variant};
use toml_edit::DocumentMut;

use crate::{
    Environment, Setting,
    checked::CheckedScenario,
    limits::MOST_PLANS,
    phrasing::{backticked, count, grouped_digits},
    problem::{Location, Problem, ProblemGroups},
    schema::ValueSchema,
    setting,
    toml_tree::{KeyPath, TomlTree},
};
use choices::{Choice, choices};

/// The number of different problems after which no more variants are read.
const ENOUGH: usize = 50;

/// The key of the sweep in a scenario.
const SWEEP: &str = "sweep";

/// Returns the plans of all variants of a valid scenario, variant by variant. `settings` are those
/// that were applied to the text.
///
/// # Errors
/// The problems of the sweep, or those of its variants.
pub(crate) fn plans(
    text: &str,
    settings: &[Setting],
    schema: &ValueSchema,
    environment: &dyn Environment,
) -> Result<Vec<Plan>, Vec<Problem>> {
    let mut base = setting::document(text)?;
    let variants = choices(&base)?;
    let covered = covered(settings, &variants);
    if !covered.is_empty() {
        return Err(covered);
    }
    base.remove(SWEEP);
    let (tree, _) = TomlTree::document(text);
    let mut plans = Vec::new();
    let mut problems_of_variants = ProblemGroups::default();
    for (choices, variant) in variants.iter().zip(variant_names::variants(&variants)) {
        match read(&base, choices, schema, environment) {
            Ok(checked) => plans.extend(checked.plans(Some(&variant))),
            Err(problems) => {
                let moved = problems.into_iter().map(|problem| moved(problem, choices, &tree));
                problems_of_variants.add(moved, &variant.label());
            }
        }
        if problems_of_variants.len() >= ENOUGH {
            break;
        }
        if plans.len() > MOST_PLANS {
            return Err(vec![too_many_plans()]);
        }
    }
    if problems_of_variants.is_empty() {
        Ok(plans)
    } else {
        Err(with_variants(problems_of_variants))
    }
}

/// Returns the variants of a scenario's text in their order; a text without a sweep has none.
///
/// # Errors
/// When the sweep has no choices.
pub(crate) fn variants(text: &str) -> Result<Vec<Variant>, Vec<Problem>> {
    let base = setting::document(text)?;
    if base.get(SWEEP).is_none() {
        return Ok(Vec::new());
    }
    Ok(variant_names::variants(&choices(&base)?))
}

fn too_many_plans() -> Problem {
    let most = grouped_digits(MOST_PLANS as f64);
    let title = format!("variants × strategies × seeds must be at most {most}");
    Problem::new(Location::Key(KeyPath::from(SWEEP)), title)
        .label("found more")
        .help("divide the comparison into several scenarios".to_owned())
}

/// Returns the problems of settings without effect, because every variant sets their keys.
fn covered(settings: &[Setting], variants: &[Vec<Choice>]) -> Vec<Problem> {
    let sweeps = |choices: &Vec<Choice>, path: &KeyPath| {
        choices.iter().any(|choice| choice.path.contains(path))
    };
    let covered = settings
        .iter()
        .enumerate()
        .filter(|(_, setting)| variants.iter().all(|choices| sweeps(choices, setting.path())));
    let problem = |(index, setting): (usize, &Setting)| {
        let title = format!("`{}` is swept, so setting it has no effect", setting.path());
        Problem::new(Location::Setting(index), title).label("every variant sets its own value").help(
            "set the sweep instead, such as `--set 'sweep={ grid = { \"local.epochs\" = [1, 2] } }'`"
                .to_owned(),
        )
    };
    covered.map(problem).collect()
}

/// Reads one variant.
fn read(
    base: &DocumentMut,
    choices: &[Choice],
    schema: &ValueSchema,
    environment: &dyn Environment,
) -> Result<CheckedScenario, Vec<Problem>> {
    let mut document = base.clone();
    for (index, choice) in choices.iter().enumerate() {
        setting::set(document.as_item_mut(), &choice.path, &choice.value)
            .map_err(|refusal| vec![refusal.at(Location::Setting(index))])?;
    }
    CheckedScenario::read(&document.to_string(), schema, environment)
}

/// Moves a variant's problem to its location in the scenario's text: to the value in the sweep, if
/// the problem is with that.
fn moved(problem: Problem, choices: &[Choice], tree: &TomlTree<'_>) -> Problem {
    let moved = |at| moved_location(at, choices, tree);
    Problem {
        at: moved(problem.at),
        also: problem.also.map(|(at, label)| (moved(at), label)),
        ..problem
    }
}

fn moved_location(at: Location, choices: &[Choice], tree: &TomlTree<'_>) -> Location {
    let path = match &at {
        Location::Key(path) | Location::Value(path) => path,
        Location::Setting(index) => return Location::Key(choices[*index].key_at.clone()),
        Location::Bytes(_) => return at,
    };
    for choice in choices {
        if choice.path.contains(path) {
            let inside = &path.steps()[choice.path.steps().len()..];
            let value = inside.iter().fold(choice.value_at.clone(), |path, step| path.join(step));
            return match (&at, inside) {
                (Location::Key(_), []) => Location::Key(choice.key_at.clone()),
                (Location::Key(_), _) => Location::Key(value),
                _ => Location::Value(value),
            };
        }
        // The table around a swept value exists only because of it.
        if path.contains(&choice.path) && tree.find(path.steps()).is_none() {
            return Location::Key(choice.key_at.clone());
        }
    }
    at
}

/// Adds to each problem the number of variants that have it, and the name of the first one.
fn with_variants(problems: ProblemGroups) -> Vec<Problem> {
    problems.with_help(|variants, first| match variants {
        1 => format!("in the variant {} of the sweep", backticked(first)),
        more => {
            format!("in {} of the sweep, first in {}", count(more, "variant"), backticked(first))
        }
    })
}
