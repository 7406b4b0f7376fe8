//! `[local]`: the optimizer, the learning rate's schedule, and what the toy can do of it.

use fedlayer_core::{
    DataFacts,
    spec::{LocalSpec, Loss, ModelSpec, Optimizer, OptimizerMemory, Schedule},
};

use crate::{
    Scenario,
    problem::{At, Problem},
    tree::Path,
};

pub(super) fn check(scenario: &Scenario, facts: Option<&DataFacts>) -> Vec<Problem> {
    let local = &scenario.local;
    let mut problems = Vec::new();
    if let Optimizer::Sgd(sgd) = &local.optimizer
        && sgd.nesterov
        && sgd.momentum == 0.0
    {
        let at = At::Value(Path::from("local.optimizer.sgd.nesterov"));
        let problem = Problem::new(at, "Nesterov's momentum needs a momentum above 0")
            .label("there is no momentum")
            .help("add `momentum = 0.9` beside it, or leave `nesterov` out".to_owned());
        problems.push(problem);
    }
    match &local.schedule {
        Schedule::MultiStep { at, .. } => problems.extend(ascending(at)),
        Schedule::Cosine { warmup_steps, warmup_from } => {
            problems.extend(warm_up(scenario, facts, *warmup_steps, *warmup_from));
        }
        Schedule::Constant | Schedule::Step { .. } => {}
    }
    if matches!(scenario.model, ModelSpec::Toy(_)) {
        problems.extend(toy(local));
    }
    problems
}

fn ascending(epochs: &[u32]) -> Vec<Problem> {
    let list = Path::from("local.schedule.multi-step.at");
    let pairs = epochs.windows(2).enumerate().filter(|(_, pair)| pair[1] <= pair[0]);
    let problem = |(index, pair): (usize, &[u32])| {
        Problem::new(At::Value(list.join(index + 1)), "the epochs must ascend")
            .label(format!("{} does not come after {}", pair[1], pair[0]))
            .help("give each epoch once, the earliest first".to_owned())
    };
    pairs.map(problem).collect()
}

fn warm_up(
    scenario: &Scenario,
    facts: Option<&DataFacts>,
    steps: u32,
    from: f64,
) -> Option<Problem> {
    let cosine = Path::from("local.schedule.cosine");
    if steps == 0 && from > 0.0 {
        let at = At::Value(cosine.join("warmup_from"));
        let problem = Problem::new(at, "`warmup_from` has no effect without a warm-up")
            .label("there are no warm-up steps")
            .help("add `warmup_steps` beside it, or leave `warmup_from` out".to_owned());
        return Some(problem);
    }
    // No client trains longer than one that had the whole pool for itself.
    let local = &scenario.local;
    let per_epoch = (facts?.pool as u64).div_ceil(u64::from(local.batch));
    let longest = per_epoch
        .saturating_mul(u64::from(local.epochs))
        .saturating_mul(u64::from(scenario.rounds));
    (u64::from(steps) >= longest).then(|| {
        Problem::new(
            At::Value(cosine.join("warmup_steps")),
            "the warm-up does not end within the run",
        )
        .label(format!("found {steps}"))
        .help(format!("no client takes more than {longest} steps in this run; most take fewer"))
    })
}

/// The toy is plain gradient descent on a squared distance: all else would be passed over in silence.
fn toy(local: &LocalSpec) -> Vec<Problem> {
    let key = |path: &str| At::Key(Path::from(path));
    let mut found = Vec::new();
    match &local.optimizer {
        Optimizer::Adam(_) => found.push((key("local.optimizer.adam"), "Adam")),
        Optimizer::Sgd(sgd) => {
            let options = [
                (sgd.momentum > 0.0, "momentum", "momentum"),
                (sgd.nesterov, "nesterov", "Nesterov's momentum"),
                (sgd.weight_decay > 0.0, "weight_decay", "weight decay"),
            ];
            let sgd = Path::from("local.optimizer.sgd");
            let set = options.into_iter().filter(|(set, ..)| *set);
            found.extend(set.map(|(_, name, words)| (At::Key(sgd.join(name)), words)));
        }
    }
    if local.loss != Loss::default() {
        found.push((key("local.loss"), "choice of a loss"));
    }
    if local.clip.is_some() {
        found.push((key("local.clip"), "clipping"));
    }
    if local.optimizer_state != OptimizerMemory::default() {
        found.push((key("local.optimizer_state"), "optimizer state to keep"));
    }
    let problem = |(at, words): (At, &str)| {
        Problem::new(at, format!("the toy model has no {words}"))
            .label("it would have no effect")
            .help("the toy trains with `optimizer = { sgd = { lr = … } }`, `epochs`, `batch` and `schedule` alone".to_owned())
    };
    found.into_iter().map(problem).collect()
}
