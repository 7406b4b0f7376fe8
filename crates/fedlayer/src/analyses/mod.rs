//! Analyses of trained models: those that a scenario asks for after its rounds, and those of
//! `fedlayer analyze`.
//!
//! * `models`: the models that are analysed, from a run's checkpoints, from files, or from values.
//! * `pending`: the analyses of a run that are not made yet.
//! * `results`: the files that an analysis leaves.

mod models;
mod pending;
mod results;

use std::sync::Arc;

use fedlayer_analysis::analyze;
use fedlayer_core::{Plan, spec::AnalysisSpec};
use fedlayer_runtime::{Link, LinkTrainer};
use tokio::runtime::Handle;

use self::pending::PendingAnalysis;
pub(crate) use self::{
    models::ModelOrigin,
    pending::plan_of,
    results::{AnalysisOutput, Results, name as file_name},
};
use crate::{
    exit::Failure,
    progress::{AnalysisProgress, CountingTrainer},
    run_folder::RunFolder,
    screen::Screen,
    trainers::Trainers,
};

/// Makes analyses with the workers behind a link.
pub(crate) struct AnalysisRunner<'a, L> {
    pub(crate) trainers: &'a Trainers,
    pub(crate) link: Arc<L>,
    /// The runtime that the link works on.
    pub(crate) runtime: Handle,
    pub(crate) screen: &'a Screen,
}

/// One analysis: its question, and the plan of the models that it is made on.
#[derive(Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) spec: &'a AnalysisSpec,
    /// The name of its files, without ending.
    pub(crate) name: &'a str,
    pub(crate) plan: &'a Arc<Plan>,
}

impl<L: Link> AnalysisRunner<'_, L> {
    /// Makes the missing analyses of a scenario, of a sweep those of every variant. Those of a plan
    /// that is not finished are named and left out. Returns what was made, and every failure.
    pub(crate) fn after_rounds(
        &self,
        specs: &[AnalysisSpec],
        plans: &[Arc<Plan>],
        finished: &[Arc<Plan>],
        folder: &RunFolder,
    ) -> (Vec<AnalysisOutput>, Vec<Failure>) {
        let (due, early): (Vec<PendingAnalysis<'_>>, _) = plans
            .chunk_by(|a, b| a.variant == b.variant)
            .flat_map(|plans| pending::missing(specs, plans, folder))
            .partition(|analysis| finished.contains(analysis.plan));
        early.iter().for_each(|analysis| self.leave_out(analysis));
        let (mut made, mut failed) = (Vec::new(), Vec::new());
        for (index, analysis) in due.iter().enumerate() {
            match self.make_pending(analysis, (index + 1, due.len()), folder) {
                Ok(output) => made.push(output),
                Err(failure) => failed.push(failure),
            }
        }
        (made, failed)
    }

    fn leave_out(&self, analysis: &PendingAnalysis<'_>) {
        let (name, plan) = (&analysis.name, analysis.plan);
        let (seed, title) = (plan.seed, plan.title());
        self.screen.talk(&format!(
            "analysis `{name}` is left out: `{title}`, seed {seed} is not finished"
        ));
    }

    /// Makes an analysis of a run; `count` is (its number, the number of all).
    fn make_pending(
        &self,
        analysis: &PendingAnalysis<'_>,
        count: (usize, usize),
        folder: &RunFolder,
    ) -> Result<AnalysisOutput, Failure> {
        let PendingAnalysis { spec, name, plan, results } = analysis;
        let origin = match &spec.models {
            None => ModelOrigin::Run(folder.plan(plan)),
            Some(models) => ModelOrigin::Given(models.clone()),
        };
        let question = Question { spec, name, plan };
        let mut output = self.make_counted(question, &origin, results, count)?;
        if let Some(variant) = &plan.variant {
            output.name = format!("{}: {name}", variant.label());
        }
        Ok(output)
    }

    /// Makes one analysis and writes its files.
    pub(crate) fn make(
        &self,
        question: Question<'_>,
        origin: &ModelOrigin,
        results: &Results,
    ) -> Result<AnalysisOutput, Failure> {
        self.make_counted(question, origin, results, (1, 1))
    }

    fn make_counted(
        &self,
        question: Question<'_>,
        origin: &ModelOrigin,
        results: &Results,
        count: (usize, usize),
    ) -> Result<AnalysisOutput, Failure> {
        let Question { spec, name, plan } = question;
        let progress = AnalysisProgress::begin(self.screen, spec, name, plan, count);
        let workers = LinkTrainer::new(self.link.clone(), plan.clone(), self.runtime.clone());
        let mut trainer = CountingTrainer::new(workers, &progress);
        let mut rows = Vec::new();
        for models in models::model_sets(spec, plan, origin, self.trainers, &mut trainer)? {
            let seed = plan.root_seed();
            let found = analyze(&spec.measure, &models, &spec.splits, seed, &mut trainer);
            let wrong = |reason: String| Failure::Analysis { name: name.to_owned(), reason };
            rows.extend(found.map_err(|error| wrong(error.to_string()))?);
        }
        results.write(spec, name, rows, &plan.layout)
    }
}

/// Shows finished analyses: their numbers on stdout, except under `--json`; their files on stderr.
pub(crate) fn show(made: &[AnalysisOutput], json: bool, screen: &Screen) -> Result<(), Failure> {
    for AnalysisOutput { name, summary, files, .. } in made {
        if !json {
            screen.data(&format!("\n{name}\n{summary}"))?;
        }
        for file in files {
            screen.talk(&format!("wrote {}", file.display()));
        }
    }
    Ok(())
}
