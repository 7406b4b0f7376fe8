//! `[[analysis]]`: the models that it is made on must be there and differ, and the layers that it names must be the model's.

use std::sync::Arc;

use fedlayer_core::{
    LayerSchedule, Layout, Seed, slug,
    spec::{
        AnalysisSpec, DataSet, GivenModels, Keep, Measurement, RoundChoice, RoundWord, SplitSpec,
        StrategySpec, Surface, Synthetic, Through,
    },
};

use super::{
    Environment,
    kept::{analysed, kept},
    layers, needs, repeated,
};
use crate::{
    Scenario,
    problem::{At, Problem},
    tree::Path,
    words::{count, did_you_mean, name, names},
};

/// The longest name of an analysis's files, in bytes; endings and the names of pictures follow it.
const LONGEST_FILE: usize = 200;

pub(super) fn check(scenario: &Scenario, layout: &Arc<Layout>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, spec) in scenario.analysis.iter().enumerate() {
        let path = Path::from("analysis").join(index);
        problems.extend(files(scenario, index, &path));
        problems.extend(whose(scenario, spec, layout, &path));
        problems.extend(rounds(scenario, spec, &path));
        problems.extend(splits(scenario, spec, &path));
        problems.extend(measure(&spec.measure, layout, &path.join("measure")));
        problems.extend(needs::check(scenario, spec, layout, &path));
    }
    problems
}

/// Models of one's own must have the model's values, whose number follows from the data.
pub(super) fn models(
    scenario: &Scenario,
    layout: &Layout,
    environment: &dyn Environment,
) -> Vec<Problem> {
    let one = |(index, spec): (usize, &AnalysisSpec)| {
        given(spec, layout, environment, &Path::from("analysis").join(index).join("models"))
    };
    scenario.analysis.iter().enumerate().flat_map(one).collect()
}

/// Every analysis needs files of its own.
fn files(scenario: &Scenario, index: usize, path: &Path) -> Option<Problem> {
    let at = |index: usize| {
        let path = Path::from("analysis").join(index);
        match scenario.analysis[index].name {
            Some(_) => At::Value(path.join("name")),
            None => At::Value(path.join("measure")),
        }
    };
    let folder = slug(scenario.analysis[index].name());
    if folder.is_empty() {
        let at = At::Value(path.join("name"));
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
        .label(format!("both are called {}", name(folder)))
        .also(at(first), "first here")
        .help("give each a `name` of its own".to_owned());
    Some(problem)
}

/// The strategy, seed and clients whose models are analysed.
fn whose(
    scenario: &Scenario,
    spec: &AnalysisSpec,
    layout: &Arc<Layout>,
    path: &Path,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let strategies = || scenario.strategy.iter().map(|strategy| strategy.name.as_str());
    if let Some(wanted) = &spec.strategy
        && !strategies().any(|known| known == wanted)
    {
        let at = At::Value(path.join("strategy"));
        let problem = Problem::new(at, format!("there is no strategy {}", name(wanted)))
            .help(did_you_mean(wanted, strategies()))
            .help(format!("the strategies are {}", names(strategies())));
        problems.push(problem);
    }
    if let Some(seed) = spec.seed.filter(|seed| !scenario.seeds.contains(seed)) {
        let at = At::Value(path.join("seed"));
        let seeds: Vec<String> = scenario.seeds.iter().map(u64::to_string).collect();
        let problem = Problem::new(at, format!("nothing is run with seed {seed}"))
            .help(format!("`seeds` has {}", seeds.join(", ")));
        problems.push(problem);
    }
    let clients = path.join("clients");
    let listed = spec.clients.as_deref().unwrap_or_default();
    problems.extend(repeated(&clients, listed, |client| format!("client {client} is given twice")));
    for (index, client) in listed.iter().enumerate() {
        if *client >= scenario.clients.count {
            let at = At::Value(clients.join(index));
            let there = count(scenario.clients.count as usize, "client");
            let problem = Problem::new(at, format!("there is no client {client}"))
                .help(format!("there are {there}, counted from 0"));
            problems.push(problem);
        }
    }
    if spec.models.is_none() {
        problems.extend(alike(scenario, spec, layout, path));
    }
    problems
}

/// Models that cannot differ have no barrier.
fn alike(
    scenario: &Scenario,
    spec: &AnalysisSpec,
    layout: &Arc<Layout>,
    path: &Path,
) -> Option<Problem> {
    if !compares(&spec.measure) {
        return None;
    }
    let at = At::Value(path.join("measure"));
    if scenario.clients.count == 1 {
        let problem = Problem::new(at, "one client has no other model beside its own")
            .label(format!("`{}` compares models", spec.measure.word()))
            .help("give `clients.count` at least 2, or name `models`".to_owned());
        return Some(problem);
    }
    let strategy = strategy(scenario, spec)?;
    averages_all(scenario, spec, strategy, layout).then(|| {
        Problem::new(at, "after averaging all layers, every client has the same model")
            .label(format!("of the strategy {}", name(&strategy.name)))
            .help("analyse a strategy that leaves clients layers of their own, such as `average = \"none\"`".to_owned())
    })
}

/// Whether a measurement is one of models beside each other.
fn compares(measure: &Measurement) -> bool {
    !matches!(
        measure,
        Measurement::Hessian(_)
            | Measurement::Flatness(_)
            | Measurement::Criticality(_)
            | Measurement::Surface(Surface { through: Through::Filters, .. })
    )
}

/// Whether a strategy averages all layers in each round after which an analysis is made.
fn averages_all(
    scenario: &Scenario,
    spec: &AnalysisSpec,
    strategy: &StrategySpec,
    layout: &Arc<Layout>,
) -> bool {
    // Rounds and layers that cannot be read are a problem of their own.
    let Ok(schedule) = LayerSchedule::new(&strategy.average, layout) else { return false };
    let seed = spec.seed.or(scenario.seeds.first().copied()).unwrap_or_default();
    let rounds = analysed(spec, &kept(scenario));
    let all = |&round: &u32| schedule.layers(round, Seed::new(seed)).is_all();
    !rounds.is_empty() && rounds.iter().all(all)
}

fn strategy<'s>(scenario: &'s Scenario, spec: &AnalysisSpec) -> Option<&'s StrategySpec> {
    match &spec.strategy {
        Some(wanted) => scenario.strategy.iter().find(|known| known.name == *wanted),
        None => scenario.strategy.first(),
    }
}

/// The rounds must be run, and their checkpoints kept.
fn rounds(scenario: &Scenario, spec: &AnalysisSpec, path: &Path) -> Vec<Problem> {
    let mut problems = Vec::new();
    let at = path.join("rounds");
    let every = scenario.checkpoints.every;
    let mut earlier = spec.rounds == RoundChoice::Word(RoundWord::All);
    if let RoundChoice::Listed(rounds) = &spec.rounds {
        problems.extend(repeated(&at, rounds, |round| format!("round {round} is given twice")));
        let kept = kept(scenario);
        for (index, &round) in rounds.iter().enumerate() {
            let due = round.is_multiple_of(every) || round == scenario.rounds;
            if round > scenario.rounds {
                let title = format!("there is no round {round}");
                let problem = Problem::new(At::Value(at.join(index)), title)
                    .help(format!("`rounds` is {}", scenario.rounds));
                problems.push(problem);
            } else if !due {
                let title = format!("round {round} has no checkpoint");
                let help = format!("`checkpoints.every` is {every}; choose multiples of it");
                problems.push(Problem::new(At::Value(at.join(index)), title).help(help));
            } else {
                earlier |= !kept.contains(&round);
            }
        }
    }
    // A round that is not there is said above; that it would not be kept is no second fault.
    if problems.is_empty() {
        problems.extend(pruned(scenario, spec, earlier, path));
    }
    problems
}

/// The problem of an analysis after rounds whose checkpoints are not kept.
fn pruned(scenario: &Scenario, spec: &AnalysisSpec, earlier: bool, path: &Path) -> Option<Problem> {
    let needs_path = spec.models.is_none() && matches!(spec.measure, Measurement::Subspace(_));
    let keeps_all = matches!(scenario.checkpoints.keep, Keep::All(_));
    let (key, title) = match (earlier, needs_path) {
        _ if keeps_all => return None,
        (true, _) => ("rounds", "an analysis after earlier rounds needs their checkpoints"),
        (_, true) => ("measure", "the subspace of training is that of every kept round"),
        (false, false) => return None,
    };
    let problem = Problem::new(At::Value(path.join(key)), title)
        .label("only the latest are kept")
        .help("set `keep = \"all\"` in `[checkpoints]`".to_owned());
    Some(problem)
}

/// Splits are given once, and can be had.
fn splits(scenario: &Scenario, spec: &AnalysisSpec, path: &Path) -> Vec<Problem> {
    let at = path.join("splits");
    let again = |split: &SplitSpec| format!("the split `{split}` is given twice");
    let mut problems = repeated(&at, &spec.splits, again);
    let drawn =
        matches!(scenario.data.set, DataSet::Synthetic(Synthetic { per_client: Some(_), .. }));
    if drawn && spec.splits.contains(&SplitSpec::Train) {
        let title = "the training split needs the examples of all clients at once";
        let problem = Problem::new(At::Key(path.clone()), title)
            .label("`splits` has \"train\", which is its default too")
            .help("clients are drawn one by one here: write `splits = [\"test\"]`".to_owned());
        problems.push(problem);
    }
    problems
}

/// The layers that a measurement names or counts.
fn measure(measure: &Measurement, layout: &Layout, path: &Path) -> Vec<Problem> {
    let path = path.join(measure.word());
    match measure {
        Measurement::Barriers(spec) => {
            let mut problems = layers::check_sets(&path.join("sets"), &spec.sets, layout);
            problems.extend(layers::check_alpha(&path.join("alpha"), &spec.alpha));
            problems.extend(layers::check_baselines(&path.join("baselines"), &spec.baselines));
            problems
        }
        Measurement::Cumulative(spec) => {
            let orders = path.join("orders");
            let mut problems =
                repeated(&orders, &spec.orders, |_| "an order is given twice".to_owned());
            problems.extend(layers::check_baselines(&path.join("baselines"), &spec.baselines));
            problems
        }
        Measurement::Window(spec) => {
            let widths = path.join("widths");
            let again = |width: &u32| format!("the width {width} is given twice");
            let mut problems = repeated(&widths, &spec.widths, again);
            for (index, width) in spec.widths.iter().enumerate() {
                problems.extend(layers::too_wide(&widths.join(index), *width, layout));
            }
            problems.extend(layers::check_baselines(&path.join("baselines"), &spec.baselines));
            problems
        }
        Measurement::Surface(spec) => match &spec.through {
            Through::Layers([first, second]) => {
                let at = path.join("through").join("layers");
                let mut problems = layers::unknown_layers(&at.join(0), first, layout);
                problems.extend(layers::unknown_layers(&at.join(1), second, layout));
                problems
            }
            _ => Vec::new(),
        },
        Measurement::Align(spec) => layers::check_sets(&path.join("sets"), &spec.sets, layout),
        Measurement::Robustness(spec) => layers::check_alpha(&path.join("alpha"), &spec.alpha),
        Measurement::Subspace(_)
        | Measurement::Criticality(_)
        | Measurement::Flatness(_)
        | Measurement::Hessian(_)
        | Measurement::Predict(_) => Vec::new(),
    }
}

fn given(
    spec: &AnalysisSpec,
    layout: &Layout,
    environment: &dyn Environment,
    path: &Path,
) -> Vec<Problem> {
    match &spec.models {
        None => Vec::new(),
        Some(GivenModels::Files(files)) => {
            let list = path.join("files");
            let wrong = |(index, file): (usize, &String)| {
                let fault = environment.check_values(file, layout).err()?;
                Some(fault.at(At::Value(list.join(index))))
            };
            let mut problems =
                repeated(&list, files, |file| format!("{} is named twice", name(file)));
            problems.extend(files.iter().enumerate().filter_map(wrong));
            problems
        }
        Some(GivenModels::Values(models)) => {
            let list = path.join("values");
            let expected = layout.value_count();
            let wrong = |(index, values): (usize, &Vec<f64>)| {
                let found = values.len();
                if found != expected {
                    let title = format!("found {found} values; the model has {expected}");
                    return Some(Problem::new(At::Value(list.join(index)), title));
                }
                let element = values.iter().position(|value| !(*value as f32).is_finite())?;
                let title = format!("found {:e}; f32 reaches {:e}", values[element], f32::MAX);
                Some(Problem::new(At::Value(list.join(index).join(element)), title))
            };
            models.iter().enumerate().filter_map(wrong).collect()
        }
    }
}
