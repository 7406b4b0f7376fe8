//! `[sweep]`: from a scenario's text to the plans of its variants. A variant is the text with other values in it, and is read and checked as
//! every scenario is; what is wrong with it stands where the sweep has the value.

mod choices;
mod names;

use fedlayer_core::Plan;
use toml_edit::DocumentMut;

use crate::{
    Environment, Setting,
    limits::MOST_PLANS,
    meaning,
    problem::{At, Problem},
    read::parse,
    setting,
    shape::Shape,
    tree::{Path, Tree},
    words::{count, name, number},
};
use choices::{Choice, choices};

/// So many different problems are enough to go on with.
const ENOUGH: usize = 50;

/// The key of the sweep at the top of a scenario.
const SWEEP: &str = "sweep";

/// The plans of all variants of a text that is a valid scenario: variant by variant, in each as without a sweep. `settings` are those that
/// were applied to the text.
pub(crate) fn plans(
    text: &str,
    settings: &[Setting],
    shape: &Shape,
    environment: &dyn Environment,
) -> Result<Vec<Plan>, Vec<Problem>> {
    let mut base = setting::document(text)?;
    let variants = choices(&base)?;
    let covered = covered(settings, &variants);
    if !covered.is_empty() {
        return Err(covered);
    }
    base.remove(SWEEP);
    let (tree, _) = Tree::document(text);
    let mut plans = Vec::new();
    let mut faults = Faults::default();
    for (choices, variant) in variants.iter().zip(names::variants(&variants)) {
        match read(&base, choices, shape, environment) {
            Ok((scenario, layout)) => plans.extend(scenario.plans(&layout, Some(&variant))),
            Err(problems) => {
                let moved = problems.into_iter().map(|problem| moved(problem, choices, &tree));
                faults.add(moved, &variant.label());
            }
        }
        if faults.0.len() >= ENOUGH {
            break;
        }
        if plans.len() > MOST_PLANS {
            return Err(vec![too_many_plans()]);
        }
    }
    if faults.0.is_empty() { Ok(plans) } else { Err(faults.problems()) }
}

fn too_many_plans() -> Problem {
    let most = number(MOST_PLANS as f64);
    let title = format!("variants times strategies times seeds are at most {most}");
    Problem::new(At::Key(Path::from(SWEEP)), title)
        .label("found more")
        .help("give fewer of them, in several scenarios".to_owned())
}

/// Settings of keys to which every variant gives another value: they would have no effect.
fn covered(settings: &[Setting], variants: &[Vec<Choice>]) -> Vec<Problem> {
    let sweeps = |choices: &Vec<Choice>, path: &Path| {
        choices.iter().any(|choice| choice.path.contains(path))
    };
    let covered = settings
        .iter()
        .enumerate()
        .filter(|(_, setting)| variants.iter().all(|choices| sweeps(choices, setting.path())));
    let problem = |(index, setting): (usize, &Setting)| {
        let title = format!("`{}` is swept; to set it would have no effect", setting.path());
        Problem::new(At::Setting(index), title).label("every variant has a value of its own").help(
            "set the sweep instead, such as `--set 'sweep={ grid = { \"local.epochs\" = [1, 2] } }'`"
                .to_owned(),
        )
    };
    covered.map(problem).collect()
}

/// What one variant says.
fn read(
    base: &DocumentMut,
    choices: &[Choice],
    shape: &Shape,
    environment: &dyn Environment,
) -> Result<(crate::Scenario, std::sync::Arc<fedlayer_core::Layout>), Vec<Problem>> {
    let mut document = base.clone();
    for (index, choice) in choices.iter().enumerate() {
        setting::set(document.as_item_mut(), &choice.path, &choice.value)
            .map_err(|refusal| vec![refusal.at(At::Setting(index))])?;
    }
    let scenario = parse(&document.to_string(), shape)?;
    let layout = meaning::check(&scenario, environment)?;
    Ok((scenario, layout))
}

/// A variant's problem where the scenario's text has it: at the sweep's value where that is at fault.
fn moved(problem: Problem, choices: &[Choice], tree: &Tree<'_>) -> Problem {
    let place = |at| moved_place(at, choices, tree);
    Problem {
        at: place(problem.at),
        also: problem.also.map(|(at, label)| (place(at), label)),
        ..problem
    }
}

fn moved_place(at: At, choices: &[Choice], tree: &Tree<'_>) -> At {
    let path = match &at {
        At::Key(path) | At::Value(path) => path,
        At::Setting(index) => return At::Key(choices[*index].key_at.clone()),
        At::Bytes(_) => return at,
    };
    for choice in choices {
        if choice.path.contains(path) {
            let inside = &path.steps()[choice.path.steps().len()..];
            let value = inside.iter().fold(choice.value_at.clone(), |path, step| path.join(step));
            return match (&at, inside) {
                (At::Key(_), []) => At::Key(choice.key_at.clone()),
                (At::Key(_), _) => At::Key(value),
                _ => At::Value(value),
            };
        }
        // The table around a value, which is there for its sake alone.
        if path.contains(&choice.path) && tree.find(path.steps()).is_none() {
            return At::Key(choice.key_at.clone());
        }
    }
    at
}

/// Different problems, each with how many variants have it and what the first of these is called.
#[derive(Default)]
struct Faults(Vec<(Problem, usize, String)>);

impl Faults {
    fn add(&mut self, problems: impl Iterator<Item = Problem>, variant: &str) {
        for problem in problems {
            match self.0.iter_mut().find(|(known, ..)| *known == problem) {
                Some((_, variants, _)) => *variants += 1,
                None => self.0.push((problem, 1, variant.to_owned())),
            }
        }
    }

    fn problems(self) -> Vec<Problem> {
        let with_variant = |(problem, variants, first): (Problem, usize, String)| {
            let first = name(first);
            problem.help(match variants {
                1 => format!("in the variant {first} of the sweep"),
                more => format!("in {} of the sweep, first in {first}", count(more, "variant")),
            })
        };
        self.0.into_iter().map(with_variant).collect()
    }
}
