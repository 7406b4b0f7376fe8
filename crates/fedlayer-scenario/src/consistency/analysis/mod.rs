//! `[[analysis]]`: its file names, models, rounds, splits and layers.
//!
//! * `models`: the models that it is made on exist, and differ if they are compared.
//! * `rounds`: the rounds are run and their checkpoints are kept.
//! * `measurement`: the layers that the measurement names are the model's.
//! * `needs`: what else a measurement needs, such as the network's operations or earlier states;
//!   the table of needs is [`Measurement::needs`](fedlayer_core::spec::Measurement::needs).

mod measurement;
mod models;
mod needs;
mod rounds;

use std::sync::Arc;

use fedlayer_core::{
    model::Layout,
    spec::{AnalysisSpec, DataSet, SplitSpec, Synthetic},
    text::slug,
};

use super::{layers, repeated};
use crate::{
    Environment, Scenario,
    phrasing::backticked,
    problem::{Location, Problem},
    toml_tree::KeyPath,
};

/// The largest length of an analysis's file name, in bytes, without ending and picture suffix.
const LONGEST_FILE: usize = 200;

/// Checks all analyses, without questions about files.
pub(super) fn check(scenario: &Scenario, layout: &Arc<Layout>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, spec) in scenario.analysis.iter().enumerate() {
        let path = KeyPath::from("analysis").join(index);
        problems.extend(file_name(scenario, index, &path));
        problems.extend(models::check(scenario, spec, layout, &path));
        problems.extend(rounds::check(scenario, spec, &path));
        problems.extend(splits(scenario, spec, &path));
        problems.extend(measurement::check(&spec.measure, layout, &path.join("measure")));
        problems.extend(needs::check(scenario, spec, &path));
    }
    problems
}

/// Checks the models that analyses name as files or values. The number of values that a model has
/// depends on the data, so this is checked only if the data is known.
pub(super) fn given_models(
    scenario: &Scenario,
    layout: &Layout,
    environment: &dyn Environment,
) -> Vec<Problem> {
    let one = |(index, spec): (usize, &AnalysisSpec)| {
        let path = KeyPath::from("analysis").join(index).join("models");
        models::check_given(spec, layout, environment, &path)
    };
    scenario.analysis.iter().enumerate().flat_map(one).collect()
}

/// Checks that an analysis has a file name, and that no other analysis has the same.
fn file_name(scenario: &Scenario, index: usize, path: &KeyPath) -> Option<Problem> {
    let at = |index: usize| {
        let path = KeyPath::from("analysis").join(index);
        match scenario.analysis[index].name {
            Some(_) => Location::Value(path.join("name")),
            None => Location::Value(path.join("measure")),
        }
    };
    let name = scenario.analysis[index].name();
    let folder = slug(name);
    if name.contains(['/', '\\']) {
        let problem = Problem::new(at(index), "an analysis's name has no `/` and no `\\`")
            .label(format!("found {}", backticked(name)))
            .help("its files are in the folder `analyses` of the run".to_owned());
        return Some(problem);
    }
    if folder.is_empty() {
        let at = Location::Value(path.join("name"));
        return Some(Problem::new(at, "an analysis's name needs a letter or a digit"));
    }
    if folder.len() > LONGEST_FILE {
        let problem = Problem::new(at(index), "the analysis's name is too long for a file")
            .label(format!("{} bytes", folder.len()))
            .help(format!("at most {LONGEST_FILE} bytes"));
        return Some(problem);
    }
    let earlier = &scenario.analysis[..index];
    let first = earlier.iter().position(|other| slug(other.name()) == folder)?;
    let problem = Problem::new(at(index), "two analyses would write the same files")
        .label(format!("both are called {}", backticked(folder)))
        .also(at(first), "first here")
        .help("give each a `name` of its own".to_owned());
    Some(problem)
}

/// Checks that each split is given once, and that the training split is available.
fn splits(scenario: &Scenario, spec: &AnalysisSpec, path: &KeyPath) -> Vec<Problem> {
    let at = path.join("splits");
    let again = |split: &SplitSpec| format!("the split `{split}` is given twice");
    let mut problems = repeated(&at, &spec.splits, again);
    let drawn =
        matches!(scenario.data.set, DataSet::Synthetic(Synthetic { per_client: Some(_), .. }));
    if drawn && spec.measure.needs().examples && spec.splits.contains(&SplitSpec::Train) {
        let title = "the training split needs the examples of all clients at once";
        let problem = Problem::new(Location::Key(path.clone()), title)
            .label("`splits` has \"train\", which is also its default")
            .help("clients are drawn one by one, so write `splits = [\"test\"]`".to_owned());
        problems.push(problem);
    }
    problems
}
