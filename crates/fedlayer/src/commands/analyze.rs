//! `fedlayer analyze`: one measurement on the models of a run, or on two or more files.
//!
//! * `model_choice`: the models, and the files that belong to them.
//! * `default_strategy`: the strategy of the models if none is named.

mod default_strategy;
mod model_choice;

use std::sync::Arc;

use fedlayer_core::{Plan, spec::AnalysisSpec, text::in_backticks};
use fedlayer_runtime::LocalPool;
use fedlayer_scenario::{Setting, ValidScenario};

use self::{default_strategy::DefaultStrategy, model_choice::ModelChoice};
use super::device;
use crate::{
    analyses::{self, AnalysisOutput, AnalysisRunner, Question, plan_of},
    args::AnalyzeArgs,
    exit::Failure,
    files,
    process::{runtime, signals},
    scenario,
    screen::Screen,
    trainers::Trainers,
};

/// Makes one analysis. Nothing of it is written before all is measured.
pub(super) fn analyze(args: &AnalyzeArgs, screen: &Screen) -> Result<(), Failure> {
    let words = "interrupted; no file of this analysis was written";
    let _at_once = signals::end_at_once(screen, words.to_owned());
    let choice = ModelChoice::of(args, screen)?;
    let data = choice.data(args)?;
    let path = choice.scenario();
    let text = files::read_text(&path)?;
    let default = default_strategy(args, &choice, &text);
    let strategy = default.as_ref().map(|default| &*default.name);
    let settings = settings(args, &choice, strategy.or(args.strategy.as_deref()))?;
    let asking = fedlayer_scenario::with_only_analysis(&text, args.measure.word());
    let read = scenario::read_text(&path, &asking, &settings, &data, screen)?;
    let (spec, plan) = asked(read, args.variant.as_deref())?;
    default.iter().flat_map(|default| &default.note).for_each(|note| screen.talk(note));
    let trainers = Arc::new(Trainers::new(choice.device(args)?, data));
    trainers.data(&plan).map_err(Failure::Data)?;
    let (origin, results) = (choice.origin(&spec, &plan), choice.results(args, &plan));
    results.check()?;
    let runtime = runtime::start()?;
    let threads = LocalPool::start(device::workers(&args.compute)?, trainers.clone())?;
    let runner = AnalysisRunner {
        trainers: &trainers,
        link: Arc::new(threads),
        runtime: runtime.handle().clone(),
        screen,
    };
    let name = results.free(&analyses::file_name(&spec));
    let question = Question { spec: &spec, name: &name, plan: &plan };
    let output = runner.make(question, &origin, &results)?;
    show(args, &output, screen)
}

/// Chooses a strategy of the run, unless the command line names one.
fn default_strategy(
    args: &AnalyzeArgs,
    choice: &ModelChoice,
    text: &str,
) -> Option<DefaultStrategy> {
    let is_open = args.strategy.is_none() && choice.run().is_some();
    is_open.then(|| DefaultStrategy::of(args, text)).flatten()
}

/// Returns the analysis that was asked for, and the plan of its models.
fn asked(read: ValidScenario, variant: Option<&str>) -> Result<(AnalysisSpec, Arc<Plan>), Failure> {
    let nothing = || Failure::Fault("a valid scenario without plans or analysis".to_owned());
    let spec = read.scenario.analysis.first().cloned().ok_or_else(nothing)?;
    let plans = scenario::shared(of_variant(read.plans, variant)?);
    let plan = plan_of(&spec, &plans).cloned().ok_or_else(nothing)?;
    Ok((spec, plan))
}

/// Returns the plans of the named variant, or all plans if the scenario has no sweep.
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

/// Returns the command line as settings of the scenario that asks for the analysis.
fn settings(
    args: &AnalyzeArgs,
    choice: &ModelChoice,
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
    if choice.run().is_none() {
        let files = args.models.iter().map(|file| text(&file.to_string_lossy())).collect();
        of("models", format!("{{ files = {} }}", list(files)));
    }
    for setting in &args.settings {
        all.push(format!("analysis.0.measure.{}.{setting}", args.measure.word()));
    }
    if let Some(initial) = &args.initial {
        all.push(format!("initial={}", text(&initial.to_string_lossy())));
    }
    let settings: Result<Vec<Setting>, _> = all.iter().map(|setting| setting.parse()).collect();
    settings.map_err(|error| Failure::Models(error.to_string()))
}

/// Shows the numbers on stdout, and the files on stderr.
fn show(args: &AnalyzeArgs, output: &AnalysisOutput, screen: &Screen) -> Result<(), Failure> {
    if args.json {
        screen.data(&format!("{}\n", serde_json::to_string_pretty(&output.rows)?))?;
    }
    analyses::show(std::slice::from_ref(output), args.json, screen)
}
