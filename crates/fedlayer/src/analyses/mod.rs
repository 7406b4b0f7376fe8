//! Analyses of trained models: those that a scenario asks for, after its rounds; those of `fedlayer analyze`.
//!
//! * `models`: the models that are analysed, from a run's checkpoints, from files, or from values.
//! * `results`: the files that an analysis leaves.
//! * `command`: `fedlayer analyze`.
//! * `cost`: what `fedlayer check` says of an analysis.

mod command;
mod cost;
mod models;
mod results;

use std::sync::Arc;

use fedlayer_core::{Plan, analyze, spec::AnalysisSpec};
use fedlayer_runtime::{Team, WorkerPool};

pub(crate) use self::{
    command::analyze as command,
    cost::{AnalysisLine, lines},
};
use self::{
    models::Source,
    results::{Made, Results},
};
use crate::{exit::Failure, run_folder::RunFolder, screen::Screen, signals, trainers::Trainers};

/// What analyses are made with.
pub(crate) struct Laboratory<'a> {
    pub(crate) trainers: &'a Arc<Trainers>,
    pub(crate) workers: usize,
    pub(crate) screen: &'a Screen,
}

impl Laboratory<'_> {
    /// The analyses of a scenario, after its rounds, of a sweep those of every variant; those whose files are there already are not made again.
    pub(crate) fn after_rounds(
        &self,
        specs: &[AnalysisSpec],
        plans: &[Arc<Plan>],
        folder: &RunFolder,
    ) -> Result<Vec<Made>, Failure> {
        let mut made = Vec::new();
        for plans in plans.chunk_by(|a, b| a.variant == b.variant) {
            made.extend(self.of_variant(specs, plans, folder)?);
        }
        Ok(made)
    }

    /// The analyses of plans that are of one variant, or of none.
    fn of_variant(
        &self,
        specs: &[AnalysisSpec],
        plans: &[Arc<Plan>],
        folder: &RunFolder,
    ) -> Result<Vec<Made>, Failure> {
        let variant = plans.first().and_then(|plan| plan.variant.as_ref());
        let results = match variant {
            Some(variant) => Results::of(&folder.path().join(&variant.folder)),
            None => Results::of(folder.path()),
        };
        let mut made = Vec::new();
        for spec in specs {
            let name = results::name(spec);
            let Some(plan) = plan_of(spec, plans).filter(|_| !results.has(&name)) else { continue };
            let source = match &spec.models {
                None => Source::Run(folder.plan(plan)),
                Some(models) => Source::Given(models.clone()),
            };
            let mut analysis = self.make(spec, &name, plan, &source, &results)?;
            if let Some(variant) = variant {
                analysis.name = format!("{}: {name}", variant.label());
            }
            made.push(analysis);
        }
        Ok(made)
    }

    /// Makes one analysis and writes it down.
    fn make(
        &self,
        spec: &AnalysisSpec,
        name: &str,
        plan: &Arc<Plan>,
        source: &Source,
        results: &Results,
    ) -> Result<Made, Failure> {
        self.screen.talk(&format!("analysis `{name}`: {}", spec.measure.word()));
        let pool = WorkerPool::start(self.workers, self.trainers.clone())?;
        let mut team = Team::new(pool, plan.clone());
        let mut rows = Vec::new();
        for subject in models::subjects(spec, plan, source, self.trainers, &mut team)? {
            let seed = plan.root_seed();
            let found = analyze(&spec.measure, &subject, &spec.splits, seed, &mut team);
            let wrong = |reason: String| Failure::Analysis { name: name.to_owned(), reason };
            rows.extend(found.map_err(|error| wrong(error.to_string()))?);
        }
        results.write(spec, name, rows, &plan.layout)
    }
}

/// The plan whose models are analysed: of the strategy and seed that are named, or else of the first ones.
fn plan_of<'p>(spec: &AnalysisSpec, plans: &'p [Arc<Plan>]) -> Option<&'p Arc<Plan>> {
    let first = plans.first()?;
    let strategy = spec.strategy.as_ref().unwrap_or(&first.strategy.name);
    let seed = spec.seed.unwrap_or(first.seed);
    plans.iter().find(|plan| plan.strategy.name == *strategy && plan.seed == seed)
}

/// Says what was made: the numbers on stdout, unless that is for JSON; the files on stderr.
pub(crate) fn show(made: &[Made], json: bool, screen: &Screen) -> Result<(), Failure> {
    for Made { name, digest, files, .. } in made {
        if !json {
            screen.data(&format!("\n{name}\n{digest}"))?;
        }
        for file in files {
            screen.talk(&format!("wrote {}", file.display()));
        }
    }
    Ok(())
}

/// At ctrl-c (or SIGTERM) the program ends at once: what was written is whole, and the rest can be made again.
pub(crate) fn end_at_once(screen: &Screen, words: String) {
    let screen = screen.clone();
    // Without the thread the program would end without these words.
    let _watch = std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        if let Ok(runtime) = runtime {
            runtime.block_on(signals::end());
            screen.error(&words);
            signal_hook::low_level::exit(130);
        }
    });
}
