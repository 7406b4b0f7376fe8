//! `fedlayer analyze`: one measurement on the models of a run, or on two or more files.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use fedlayer_core::{
    Plan, Rounds, in_backticks,
    spec::{AnalysisSpec, Average, GivenModels, Rule, StrategySpec},
};
use fedlayer_scenario::{Read, Scenario, Setting};
use fedlayer_torch::DeviceChoice;

use super::{
    Laboratory,
    models::Source,
    plan_of,
    results::{self, Made, Results},
    show,
};
use crate::{
    args::AnalyzeArgs,
    data::Data,
    exit::Failure,
    files,
    folders::{Folders, locator::FileName},
    reopen::data_of,
    run::{open, shared, workers},
    run_folder::{self, RunFolder, note::RunNote, plan_folder::PlanFolder},
    scenario,
    screen::Screen,
    signals,
    trainers::Trainers,
    verify::{self, Depth},
};

/// The measurements that say something about each model alone.
const ALONE: [&str; 3] = ["hessian", "flatness", "criticality"];

/// `fedlayer analyze`.
pub(crate) fn analyze(args: &AnalyzeArgs, screen: &Screen) -> Result<(), Failure> {
    let words = "interrupted; nothing of this analysis was written";
    let _at_once = signals::end_at_once(screen, words.to_owned());
    let run = match &args.models[..] {
        [run] if RunFolder::is_one(run) => Some(run.as_path()),
        [one] if files::is_folder(one) || (args.scenario.is_none() && is_nothing(one)) => {
            return Err(Failure::NoRun(one.clone()));
        }
        [_] => {
            return Err(Failure::Models(
                "found one file; an analysis takes a run folder, or two or more files or models of runs".to_owned(),
            ));
        }
        _ => None,
    };
    let (path, note) = match (run, &args.scenario) {
        (Some(run), None) => {
            verify::check(run, Depth::Records, |_, _| {})?.demand(run, screen)?;
            (run_folder::scenario_file(run), Some(run_folder::read_note(run)?))
        }
        (Some(_), Some(_)) => {
            let words = "a run has its scenario in its folder; leave `--scenario` out";
            return Err(Failure::Models(words.to_owned()));
        }
        (None, Some(scenario)) => (scenario.clone(), None),
        (None, None) => {
            let words = "files of values do not say what network they are for and on what data: name a scenario with `--scenario`";
            return Err(Failure::Models(words.to_owned()));
        }
    };
    if run.is_some() && args.initial.is_some() {
        let words = "a run knows its initial model; leave `--initial` out";
        return Err(Failure::Models(words.to_owned()));
    }
    let data = data(args, run, &path, note.as_ref())?;
    let text = files::read_text(&path)?;
    let asking = fedlayer_scenario::asking(&text, &args.measure);
    let chosen = strategy(args, run, &text);
    let strategy = chosen.as_ref().map(|(name, _)| name.as_str()).or(args.strategy.as_deref());
    let settings = settings(args, run, strategy)?;
    let read = scenario::read_text(&path, &asking, &settings, &data, screen)?;
    let (spec, plan) = asked(read, args.variant.as_deref())?;
    if let Some((_, note)) = chosen {
        note.iter().for_each(|note| screen.talk(note));
    }
    let choice = match (args.means.device, &note) {
        (Some(choice), _) => choice,
        (None, Some(note)) => {
            note.device.parse().map_err(|error| Failure::Device(format!("{error}")))?
        }
        (None, None) => DeviceChoice::Cpu,
    };
    let trainers = Arc::new(Trainers::new(open(choice)?, data));
    trainers.data(&plan).map_err(Failure::Data)?;
    let (source, results) = places(args, run, &spec, &plan);
    results.check()?;
    let laboratory = Laboratory { trainers: &trainers, workers: workers(&args.means)?, screen };
    let name = results.free(&results::name(&spec));
    let made = laboratory.make(&spec, &name, &plan, &source, &results)?;
    tell(args, &made, screen)
}

/// Whether a path is neither there nor the address of a model.
fn is_nothing(path: &Path) -> bool {
    !files::exists(path) && !path.to_string_lossy().contains(':')
}

/// The data of the run, or of the scenario in the file `scenario`; files of the command line are where it says, seen from the current folder.
fn data(
    args: &AnalyzeArgs,
    run: Option<&Path>,
    scenario: &Path,
    note: Option<&RunNote>,
) -> Result<Data, Failure> {
    let option = args.data.data.as_deref();
    if let (Some(run), Some(note)) = (run, note) {
        return Ok(data_of(run, note, option)?.0);
    }
    let given = args.models.iter().chain(&args.initial);
    let here = given.filter(|path| files::length_if_any(path).is_some());
    let known = here.map(|path| (FileName::own(&path.to_string_lossy()), path.clone()));
    Ok(Data::with_known(Folders::existing(option)?.beside(scenario), known.collect()))
}

/// The strategy whose models are analysed where none is named: of a run the first that leaves
/// clients models of their own; and what is said of it, if there are others.
fn strategy(
    args: &AnalyzeArgs,
    run: Option<&Path>,
    text: &str,
) -> Option<(String, Option<String>)> {
    if args.strategy.is_some() || run.is_none() || ALONE.contains(&&*args.measure) {
        return None;
    }
    // What is wrong with the text is said by whoever reads it next.
    let scenario: Scenario = toml::from_str(text).ok()?;
    let listed =
        args.rounds.as_ref().and_then(|rounds| rounds.split(',').next_back()?.parse().ok());
    let round = listed.unwrap_or(scenario.rounds);
    let apart = |strategy: &&StrategySpec| !averages_all(&strategy.average, round);
    let name = scenario.strategy.iter().find(apart)?.name.clone();
    let others = scenario.strategy.iter().map(|strategy| &strategy.name);
    let others: Vec<&String> = others.filter(|other| **other != name).collect();
    let note = (!others.is_empty()).then(|| {
        format!(
            "the models are those of the strategy `{name}`, the first that leaves clients models of their own; `--strategy` takes another: {}",
            in_backticks(others)
        )
    });
    Some((name, note))
}

/// Whether all layers are averaged in a round.
fn averages_all(average: &Average, round: u32) -> bool {
    match average {
        Average::Always(rule) => *rule == Rule::All,
        Average::Schedule(entries) => entries.iter().any(|entry| {
            let holds = Rounds::parse(&entry.rounds).is_ok_and(|rounds| rounds.contains(round));
            holds && entry.average == Rule::All
        }),
    }
}

/// The analysis that was asked for, and the plan whose models it is made on.
fn asked(read: Read, variant: Option<&str>) -> Result<(AnalysisSpec, Arc<Plan>), Failure> {
    let nothing = || Failure::Fault("a valid scenario without plans or analysis".to_owned());
    let spec = read.scenario.analysis.first().cloned().ok_or_else(nothing)?;
    let plans = shared(of_variant(read.plans, variant)?);
    let plan = plan_of(&spec, &plans).cloned().ok_or_else(nothing)?;
    Ok((spec, plan))
}

/// The plans of the variant that is named, or all where there is no sweep.
fn of_variant(plans: Vec<Plan>, named: Option<&str>) -> Result<Vec<Plan>, Failure> {
    let folder = |plan: &Plan| plan.variant.as_ref().map(|variant| variant.folder.clone());
    let mut folders: Vec<String> = plans.iter().filter_map(folder).collect();
    folders.dedup();
    let known = named.is_none_or(|named| folders.iter().any(|folder| folder == named));
    match (folders.is_empty(), named) {
        (true, Some(_)) => {
            let words = "the scenario has no sweep; leave `--variant` out".to_owned();
            Err(Failure::Models(words))
        }
        (false, named) if named.is_none() || !known => {
            let named = named.map_or("no variant is named".to_owned(), |named| {
                format!("the sweep has no variant `{named}`")
            });
            let all = in_backticks(&folders);
            Err(Failure::Models(format!("{named}; choose one with `--variant`: {all}")))
        }
        _ => Ok(plans.into_iter().filter(|plan| folder(plan).as_deref() == named).collect()),
    }
}

/// Where the models come from, and where the results go.
fn places(
    args: &AnalyzeArgs,
    run: Option<&Path>,
    spec: &AnalysisSpec,
    plan: &Plan,
) -> (Source, Results) {
    let source = match (run, &spec.models) {
        (Some(run), None) => Source::Run(PlanFolder::of(run, plan)),
        (_, Some(models)) => Source::Given(models.clone()),
        (None, None) => Source::Given(GivenModels::Files(Vec::new())),
    };
    let results = match (&args.out, run) {
        (Some(folder), _) => Results::in_folder(folder.clone()),
        (None, Some(run)) => match &plan.variant {
            Some(variant) => Results::of(&run.join(&variant.folder)),
            None => Results::of(run),
        },
        (None, None) => Results::in_folder(PathBuf::from("analyses")),
    };
    (source, results)
}

/// What the command line says, as settings of the scenario that asks for the analysis.
fn settings(
    args: &AnalyzeArgs,
    run: Option<&Path>,
    strategy: Option<&str>,
) -> Result<Vec<Setting>, Failure> {
    let text = |text: &str| toml::Value::from(text).to_string();
    let list = |items: Vec<String>| format!("[{}]", items.join(", "));
    let mut all = Vec::new();
    let mut of = |key: &str, value: String| all.push(format!("analysis.0.{key}={value}"));
    strategy.iter().for_each(|strategy| of("strategy", text(strategy)));
    args.seed.iter().for_each(|seed| of("seed", seed.to_string()));
    args.name.iter().for_each(|name| of("name", text(name)));
    if !args.clients.is_empty() {
        let clients = args.clients.iter().flat_map(Clone::clone);
        of("clients", list(clients.map(|client| client.to_string()).collect()));
    }
    if let Some(rounds) = &args.rounds {
        let is_word = rounds.starts_with(|first: char| first.is_ascii_alphabetic());
        of("rounds", if is_word { text(rounds) } else { format!("[{rounds}]") });
    }
    if !args.splits.is_empty() {
        of("splits", list(args.splits.iter().map(|split| text(split)).collect()));
    }
    if run.is_none() {
        let files = args.models.iter().map(|file| text(&file.to_string_lossy())).collect();
        of("models", format!("{{ files = {} }}", list(files)));
    }
    for setting in &args.settings {
        all.push(format!("analysis.0.measure.{}.{setting}", args.measure));
    }
    if let Some(initial) = &args.initial {
        all.push(format!("initial={}", text(&initial.to_string_lossy())));
    }
    let settings: Result<Vec<Setting>, _> = all.iter().map(|setting| setting.parse()).collect();
    settings.map_err(|error| Failure::Models(error.to_string()))
}

/// The numbers on stdout, the files on stderr.
fn tell(args: &AnalyzeArgs, made: &Made, screen: &Screen) -> Result<(), Failure> {
    if args.json {
        screen.data(&format!("{}\n", serde_json::to_string_pretty(&made.rows)?))?;
    }
    show(std::slice::from_ref(made), args.json, screen)
}
