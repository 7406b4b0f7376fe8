//! The layers that strategies and barriers name or count are those of the model.

use std::collections::BTreeSet;

use fedlayer_core::{
    model::{LayerName, Layout, matching_layers},
    spec::{Average, BarrierSpec, Baseline, Rule, SetSpec},
};

use crate::{
    Scenario,
    limits::MOST_PROBLEMS,
    phrasing::{backticked, backticked_list, count, did_you_mean},
    problem::{Location, Problem},
    toml_tree::KeyPath,
};

pub(super) fn check(scenario: &Scenario, layout: &Layout) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, strategy) in scenario.strategy.iter().enumerate() {
        if problems.len() >= MOST_PROBLEMS {
            return problems;
        }
        let average = KeyPath::from("strategy").join(index).join("average");
        match &strategy.average {
            Average::Always(rule) => problems.extend(check_rule(&average, rule, layout)),
            Average::Schedule(entries) => {
                for (index, entry) in entries.iter().enumerate() {
                    let path = average.join(index).join("average");
                    problems.extend(check_rule(&path, &entry.average, layout));
                }
            }
        }
    }
    if let Some(barriers) = &scenario.barriers {
        problems.extend(check_barriers(barriers, layout));
    }
    problems
}

fn check_rule(path: &KeyPath, rule: &Rule, layout: &Layout) -> Vec<Problem> {
    match rule {
        Rule::All | Rule::None => Vec::new(),
        Rule::Layers(patterns) => unknown_layers(&path.join("layers"), patterns, layout),
        Rule::Except(patterns) => unknown_layers(&path.join("except"), patterns, layout),
        Rule::First(k) => too_many(path, "first", *k, layout),
        Rule::Last(k) => too_many(path, "last", *k, layout),
        Rule::Middle(k) => too_many(path, "middle", *k, layout),
        Rule::Random(k) => too_many(path, "random", *k, layout),
        Rule::Rotate(k) => too_many(path, "rotate", *k, layout),
    }
}

fn check_barriers(barriers: &BarrierSpec, layout: &Layout) -> Vec<Problem> {
    let path = KeyPath::from("barriers");
    let mut problems = check_sets(&path.join("sets"), &barriers.sets, layout);
    problems.extend(check_alpha(&path.join("alpha"), &barriers.alpha));
    let again = |split: &_| format!("the split `{split}` is given twice");
    problems.extend(super::repeated(&path.join("splits"), &barriers.splits, again));
    problems.extend(check_baselines(&path.join("baselines"), &barriers.baselines));
    problems
}

/// Checks that the model has the layer sets, and that each is given once.
pub(super) fn check_sets(path: &KeyPath, sets: &[SetSpec], layout: &Layout) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, set) in sets.iter().enumerate() {
        let path = path.join(index);
        problems.extend(match set {
            SetSpec::Window(k) => too_many(&path, "window", *k, layout),
            SetSpec::Named(patterns) => unknown_layers(&path.join("named"), patterns, layout),
            _ => Vec::new(),
        });
    }
    let keys: Vec<String> = sets.iter().map(|set| set_key(set, layout)).collect();
    problems.extend(super::repeated(path, &keys, |_| "a layer set is given twice".to_owned()));
    problems
}

pub(super) fn check_alpha(path: &KeyPath, alpha: &[f64]) -> Vec<Problem> {
    super::repeated(path, alpha, |alpha: &f64| format!("α = {alpha} is given twice"))
}

pub(super) fn check_baselines(path: &KeyPath, baselines: &[Baseline]) -> Vec<Problem> {
    super::repeated(path, baselines, |_| "a baseline is given twice".to_owned())
}

/// Returns a text that is equal for two sets of the same layers.
fn set_key(set: &SetSpec, layout: &Layout) -> String {
    let SetSpec::Named(patterns) = set else { return format!("{set:?}") };
    let found = patterns.iter().map(|pattern| matching_layers(layout, pattern).unwrap_or_default());
    let layers: BTreeSet<usize> = found.flatten().collect();
    // A name without a match is a problem of its own.
    if layers.is_empty() { format!("{set:?}") } else { format!("layers {layers:?}") }
}

/// Returns the problems of patterns that match no layer.
pub(super) fn unknown_layers(list: &KeyPath, patterns: &[String], layout: &Layout) -> Vec<Problem> {
    let problem = |(index, pattern): (usize, &String)| {
        let at = Location::Value(list.join(index));
        match matching_layers(layout, pattern) {
            Ok(found) if !found.is_empty() => None,
            Ok(_) => {
                let meant = did_you_mean(pattern, layout.names().map(LayerName::as_str));
                let problem = Problem::new(at, format!("{} matches no layer", backticked(pattern)))
                    .label("no layer of this name")
                    .help(meant)
                    .help(the_layers(layout));
                Some(problem)
            }
            Err(reason) => {
                let problem = Problem::new(at, format!("{} is not a glob", backticked(pattern)))
                    .label(reason.to_string())
                    .help(
                        "`*` matches any text, `?` any one character, `[ab]` one of `a` and `b`"
                            .to_owned(),
                    )
                    .help(the_layers(layout));
                Some(problem)
            }
        }
    };
    patterns.iter().enumerate().filter_map(problem).take(MOST_PROBLEMS).collect()
}

fn too_many(path: &KeyPath, word: &str, k: u32, layout: &Layout) -> Vec<Problem> {
    too_wide(&path.join(word), k, layout)
        .map(|problem| Problem {
            title: format!(
                "`{word}` asks for {}; the model has {}",
                count(k as usize, "layer"),
                layout.layers().len()
            ),
            ..problem
        })
        .into_iter()
        .collect()
}

/// Returns the problem of a number of layers that is larger than the model's, if it is.
pub(super) fn too_wide(path: &KeyPath, k: u32, layout: &Layout) -> Option<Problem> {
    let layers = layout.layers().len();
    (k as usize > layers).then(|| {
        let title =
            format!("found {}; the model has {layers}", count(k as usize, "neighbouring layer"));
        Problem::new(Location::Value(path.clone()), title)
            .label(format!("must be at most {layers}"))
            .help(the_layers(layout))
    })
}

fn the_layers(layout: &Layout) -> String {
    let all = backticked_list(layout.names().map(LayerName::as_str));
    match layout.layers().len() {
        1 => format!("the model's only layer is {all}"),
        _ => format!("the layers of the model are {all}"),
    }
}
