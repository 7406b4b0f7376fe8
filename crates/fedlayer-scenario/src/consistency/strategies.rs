//! The names of strategies, which are rows of the table and folders.

use std::collections::BTreeMap;

use fedlayer_core::{spec::StrategySpec, text::slug};

use crate::{
    phrasing::backticked,
    problem::{Location, Problem},
    toml_tree::KeyPath,
};

/// The largest length of a folder's name that every file system takes, in bytes.
const LONGEST_FOLDER: usize = 255;

/// The folder of a run's analyses, which is beside those of its strategies.
const ANALYSES: &str = "analyses";

pub(super) fn check(strategies: &[StrategySpec]) -> Vec<Problem> {
    let at = |index: usize| Location::Value(KeyPath::from("strategy").join(index).join("name"));
    let mut problems = Vec::new();
    // The first strategy of each folder.
    let mut firsts: BTreeMap<String, usize> = BTreeMap::new();
    for (index, strategy) in strategies.iter().enumerate() {
        let folder = slug(&strategy.name);
        let first = *firsts.entry(folder.clone()).or_insert(index);
        let earlier = (first < index).then_some(first);
        if folder.is_empty() {
            let problem = Problem::new(at(index), "a strategy's name needs a letter or a digit")
                .label("its folder would have no name");
            problems.push(problem);
        } else if folder.len() > LONGEST_FOLDER {
            let problem = Problem::new(at(index), "the strategy's name is too long for a folder")
                .label(format!("{} bytes", folder.len()))
                .help(format!("at most {LONGEST_FOLDER} bytes"));
            problems.push(problem);
        } else if strategy.name.contains('\t') {
            let problem = Problem::new(at(index), "a strategy's name must not contain a tab")
                .label("found a tab")
                .help("use a space".to_owned());
            problems.push(problem);
        } else if folder == ANALYSES {
            let problem = Problem::new(at(index), "a strategy cannot be called `analyses`")
                .label("the folder of this name holds the run's analyses")
                .help("give it another name".to_owned());
            problems.push(problem);
        } else if let Some(first) = earlier {
            let other = &strategies[first].name;
            let (title, label) = match *other == strategy.name {
                true => (format!("two strategies are called {}", backticked(other)), "again here"),
                false => {
                    let title = format!(
                        "the strategies {} and {} would share the folder {}",
                        backticked(other),
                        backticked(&strategy.name),
                        backticked(folder)
                    );
                    (title, "the second of them")
                }
            };
            let problem = Problem::new(at(index), title)
                .label(label)
                .also(at(first), "first here")
                .help("give each strategy a name of its own".to_owned());
            problems.push(problem);
        }
    }
    problems
}
