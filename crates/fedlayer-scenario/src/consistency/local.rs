//! `[local]`: the optimizer, the learning rate's schedule, and the options that a model supports.

use fedlayer_core::{
    data::DataFacts,
    spec::{LocalSpec, Loss, ModelSpec, Optimizer, OptimizerMemory, Precision, Schedule, Warmup},
};

use super::each_local;
use crate::{
    Scenario,
    problem::{Location, Problem},
    toml_tree::KeyPath,
};

/// Checks the local training of every strategy.
pub(super) fn check(
    scenario: &Scenario,
    locals: &[LocalSpec],
    facts: Option<&DataFacts>,
) -> Vec<Problem> {
    each_local::check(scenario, locals, |local| check_one(scenario, local, facts))
}

fn check_one(scenario: &Scenario, local: &LocalSpec, facts: Option<&DataFacts>) -> Vec<Problem> {
    let mut problems = Vec::new();
    if let Optimizer::Sgd(sgd) = &local.optimizer
        && sgd.nesterov
        && sgd.momentum == 0.0
    {
        let at = Location::Value(KeyPath::from("local.optimizer.sgd.nesterov"));
        let problem = Problem::new(at, "Nesterov's momentum needs a momentum above 0")
            .label("there is no momentum")
            .help("add `momentum = 0.9` beside it, or leave `nesterov` out".to_owned());
        problems.push(problem);
    }
    if let Schedule::MultiStep { at, .. } = &local.schedule {
        problems.extend(ascending(at));
    }
    problems.extend(one_of("local", ["epochs", "steps"], [local.epochs, local.steps]));
    if let Some(warmup) = &local.warmup {
        let lengths = [warmup.steps, warmup.epochs];
        problems.extend(one_of("local.warmup", ["steps", "epochs"], lengths));
        problems.extend(warm_up(scenario, local, facts, warmup));
    }
    problems.extend(precision(scenario, local));
    problems.extend(texts(local, facts));
    if matches!(scenario.model, ModelSpec::Toy(_)) {
        problems.extend(toy(local));
    }
    problems
}

/// Returns the problem of a table that has none or both of two alternative keys, if it has.
fn one_of(table: &str, keys: [&str; 2], values: [Option<u32>; 2]) -> Option<Problem> {
    let [first, second] = keys;
    let table = KeyPath::from(table);
    match values {
        [Some(_), Some(_)] => Some(
            Problem::new(
                Location::Key(table.join(second)),
                format!("`{first}` and `{second}` exclude each other"),
            )
            .label("the second of them")
            .also(Location::Key(table.join(first)), "the first of them")
            .help("leave one of them out".to_owned()),
        ),
        [None, None] => Some(
            Problem::new(
                Location::Key(table),
                format!("neither `{first}` nor `{second}` is given"),
            )
            .label("one of them is needed here")
            .help(format!("add `{first} = …` or `{second} = …`")),
        ),
        _ => None,
    }
}

/// Returns the problem of another precision than f32 for a model that supports only f32.
fn precision(scenario: &Scenario, local: &LocalSpec) -> Option<Problem> {
    let words = match scenario.model {
        ModelSpec::Toy(_) => "the toy model",
        ModelSpec::DiagonalLinear(_) => "a diagonal network",
        ModelSpec::Torchscript(_) => "a TorchScript module",
        _ => return None,
    };
    (local.precision != Precision::F32).then(|| {
        let at = Location::Value(KeyPath::from("local.precision"));
        Problem::new(at, format!("{words} supports only f32"))
            .label("must be \"f32\"")
            .help("leave it out".to_owned())
    })
}

/// Returns the problem of the squared loss for a language model.
fn texts(local: &LocalSpec, facts: Option<&DataFacts>) -> Option<Problem> {
    let several = facts.is_some_and(|facts| facts.targets > 1);
    (several && local.loss == Loss::Squared).then(|| {
        let at = Location::Value(KeyPath::from("local.loss"));
        Problem::new(at, "the squared loss needs one label per example")
            .label("a text has one label per token")
            .help("leave it out: the cross-entropy is the loss of a language model".to_owned())
    })
}

fn ascending(epochs: &[u32]) -> Vec<Problem> {
    let list = KeyPath::from("local.schedule.multi-step.at");
    let pairs = epochs.windows(2).enumerate().filter(|(_, pair)| pair[1] <= pair[0]);
    let problem = |(index, pair): (usize, &[u32])| {
        Problem::new(Location::Value(list.join(index + 1)), "the epochs must ascend")
            .label(format!("{} is not greater than {}", pair[1], pair[0]))
            .help("give each epoch once, the earliest first".to_owned())
    };
    pairs.map(problem).collect()
}

fn warm_up(
    scenario: &Scenario,
    local: &LocalSpec,
    facts: Option<&DataFacts>,
    warmup: &Warmup,
) -> Option<Problem> {
    // Without a unique length, which is a problem of its own, there is nothing to compare.
    let is_unique = |steps: Option<u32>, epochs: Option<u32>| steps.is_some() != epochs.is_some();
    if !is_unique(local.steps, local.epochs) || !is_unique(warmup.steps, warmup.epochs) {
        return None;
    }
    // No client trains longer than one with the whole pool.
    let per_epoch = local.batches_of(facts?.pool as u64);
    let longest = local.steps_of(per_epoch).saturating_mul(u64::from(scenario.rounds));
    let length = warmup.length(per_epoch);
    (length >= longest).then(|| {
        let key = if warmup.steps.is_some() { "steps" } else { "epochs" };
        let at = Location::Value(KeyPath::from("local.warmup").join(key));
        Problem::new(at, "the warm-up does not end within the run")
            .label(format!("the warm-up takes {length} steps"))
            .help(format!("no client takes more than {longest} steps in this run; most take fewer"))
    })
}

/// Returns the problems of options that the toy would ignore. It is plain gradient descent on a
/// squared distance.
fn toy(local: &LocalSpec) -> Vec<Problem> {
    let key = |path: &str| Location::Key(KeyPath::from(path));
    let mut found = Vec::new();
    match &local.optimizer {
        Optimizer::Adam(_) => found.push((key("local.optimizer.adam"), "Adam")),
        Optimizer::Sgd(sgd) => {
            let options = [
                (sgd.momentum > 0.0, "momentum", "momentum"),
                (sgd.nesterov, "nesterov", "Nesterov's momentum"),
                (sgd.weight_decay > 0.0, "weight_decay", "weight decay"),
            ];
            let sgd = KeyPath::from("local.optimizer.sgd");
            let set = options.into_iter().filter(|(set, ..)| *set);
            found.extend(set.map(|(_, name, words)| (Location::Key(sgd.join(name)), words)));
        }
    }
    if local.loss != Loss::default() {
        found.push((key("local.loss"), "another loss"));
    }
    if local.clip.is_some() {
        found.push((key("local.clip"), "clipping"));
    }
    if local.optimizer_state != OptimizerMemory::default() {
        found.push((key("local.optimizer_state"), "a kept optimizer state"));
    }
    let problem = |(at, option): (Location, &str)| {
        Problem::new(at, format!("the toy model does not support {option}"))
            .label("it would have no effect")
            .help("the toy supports only `optimizer = { sgd = { lr = … } }`, `epochs` or `steps`, `batch`, `schedule` and `warmup`".to_owned())
    };
    found.into_iter().map(problem).collect()
}
