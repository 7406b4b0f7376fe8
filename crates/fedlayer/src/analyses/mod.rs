//! Analyses of trained models: those that a scenario asks for, after its rounds; those of `fedlayer analyze`.
//!
//! * `models`: the models that are analysed, from a run's checkpoints, from files, or from values.
//! * `results`: the files that an analysis leaves.
//! * `command`: `fedlayer analyze`.
//! * `cost`: what `fedlayer check` says of an analysis.
//! * `progress`: how far an analysis is.

mod command;
mod cost;
mod models;
mod progress;
mod results;

use std::sync::Arc;

use fedlayer_analysis::analyze;
use fedlayer_core::{Plan, spec::AnalysisSpec};
use fedlayer_runtime::{LocalPool, PooledTrainer};

pub(crate) use self::{
    command::analyze as command,
    cost::{AnalysisLine, lines, operations},
    results::{Results, name as file_name},
};
use self::{
    models::Source,
    progress::{AnalysisProgress, Watched},
    results::Made,
};
use crate::{exit::Failure, run_folder::RunFolder, screen::Screen, trainers::Trainers};

/// What analyses are made with.
pub(crate) struct Laboratory<'a> {
    pub(crate) trainers: &'a Arc<Trainers>,
    pub(crate) workers: usize,
    pub(crate) screen: &'a Screen,
}

impl Laboratory<'_> {
    /// The analyses of a scenario, after its rounds, of a sweep those of every variant: what was made, and why something was not. Those whose files are
    /// there already are not made again; those of a plan that is not finished are named and left out.
    pub(crate) fn after_rounds(
        &self,
        specs: &[AnalysisSpec],
        plans: &[Arc<Plan>],
        finished: &[Arc<Plan>],
        folder: &RunFolder,
    ) -> (Vec<Made>, Vec<Failure>) {
        let (tasks, waiting): (Vec<Task<'_>>, _) = plans
            .chunk_by(|a, b| a.variant == b.variant)
            .flat_map(|plans| missing(specs, plans, folder))
            .partition(|task| finished.contains(task.plan));
        for task in waiting {
            let (seed, title) = (task.plan.seed, task.plan.title());
            self.screen.talk(&format!(
                "analysis `{}` is left out: `{title}`, seed {seed} is not finished",
                task.name
            ));
        }
        let (mut made, mut failed) = (Vec::new(), Vec::new());
        for (index, task) in tasks.iter().enumerate() {
            match self.perform(task, (index + 1, tasks.len()), folder) {
                Ok(analysis) => made.push(analysis),
                Err(failure) => failed.push(failure),
            }
        }
        (made, failed)
    }

    /// Makes one analysis of a run; `place` is which of how many it is.
    fn perform(
        &self,
        task: &Task<'_>,
        place: (usize, usize),
        folder: &RunFolder,
    ) -> Result<Made, Failure> {
        let Task { spec, name, plan, results } = task;
        let source = match &spec.models {
            None => Source::Run(folder.plan(plan)),
            Some(models) => Source::Given(models.clone()),
        };
        let mut made = self.make_one(spec, name, plan, &source, results, place)?;
        if let Some(variant) = &plan.variant {
            made.name = format!("{}: {name}", variant.label());
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
        self.make_one(spec, name, plan, source, results, (1, 1))
    }

    fn make_one(
        &self,
        spec: &AnalysisSpec,
        name: &str,
        plan: &Arc<Plan>,
        source: &Source,
        results: &Results,
        place: (usize, usize),
    ) -> Result<Made, Failure> {
        let progress = AnalysisProgress::begin(self.screen, spec, name, plan, place);
        let pool = LocalPool::start(self.workers, self.trainers.clone())?;
        let mut team = Watched::new(PooledTrainer::new(pool, plan.clone()), &progress);
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

/// An analysis of a run that is not made yet.
struct Task<'a> {
    spec: &'a AnalysisSpec,
    /// What its files are called.
    name: String,
    plan: &'a Arc<Plan>,
    results: Results,
}

/// The analyses that are missing of plans that are of one variant, or of none.
fn missing<'a>(
    specs: &'a [AnalysisSpec],
    plans: &'a [Arc<Plan>],
    folder: &RunFolder,
) -> Vec<Task<'a>> {
    let variant = plans.first().and_then(|plan| plan.variant.as_ref());
    let results = || match variant {
        Some(variant) => Results::of(&folder.path().join(&variant.folder)),
        None => Results::of(folder.path()),
    };
    let results = || results().kept(folder.lock());
    let task = |spec: &'a AnalysisSpec| {
        let (name, results) = (results::name(spec), results());
        let plan = plan_of(spec, plans).filter(|_| !results.is_whole(&name))?;
        Some(Task { spec, name, plan, results })
    };
    specs.iter().filter_map(task).collect()
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
