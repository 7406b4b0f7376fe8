//! The analyses after the rounds, made by the workers that trained the clients.

use std::sync::Arc;

use fedlayer_core::Plan;
use fedlayer_runtime::remote::RunEnd;
use tokio::{runtime::Runtime, select, task::JoinSet};

use super::{ScenarioRun, backend::WorkerBackend};
use crate::{
    analyses::{self, AnalysisRunner},
    exit::Failure,
    process::signals,
    screen::Screen,
};

/// Workers that stay after the rounds.
pub(super) struct RemainingWorkers<'a, B: WorkerBackend> {
    pub(super) backend: &'a B,
    pub(super) link: Arc<B::Link>,
    pub(super) runtime: &'a Runtime,
}

impl<B: WorkerBackend> RemainingWorkers<'_, B> {
    /// Ends the program at ctrl-c (or SIGTERM, or SIGHUP) until the returned task is dropped. The
    /// workers are told first, unless the signal comes again.
    fn end_at_signal(&self, words: String, screen: &Screen) -> JoinSet<()> {
        let (link, screen) = (self.link.clone(), screen.clone());
        let mut watch = JoinSet::new();
        let _context = self.runtime.enter();
        let signalled = signals::end();
        let end = async move {
            signalled.await;
            screen.error(&words);
            select! {
                () = B::release(link, RunEnd::Stopped) => {}
                () = signals::end_again() => {}
            }
            signal_hook::low_level::exit(130);
        };
        watch.spawn(end);
        watch
    }

    /// Lets the workers go. They wait for another start if files kept the run from its end.
    fn release(&self, results: [&Result<(), Failure>; 2]) {
        let end = match results {
            [Err(Failure::File(_)), _] | [_, Err(Failure::File(_))] => RunEnd::Stopped,
            _ => RunEnd::Finished,
        };
        self.runtime.block_on(B::release(self.link.clone(), end));
    }
}

impl ScenarioRun {
    /// Makes the analyses of the finished plans if the table was written, then lets the workers go.
    pub(super) fn analyse_where_due<B: WorkerBackend>(
        &self,
        finished: &[Arc<Plan>],
        reported: &Result<(), Failure>,
        workers: &RemainingWorkers<'_, B>,
        screen: &Screen,
    ) -> Result<(), Failure> {
        let analysed = match reported {
            Ok(()) => self.analyse(finished, workers, screen),
            Err(_) => Ok(()),
        };
        workers.release([reported, &analysed]);
        analysed
    }

    /// Makes the analyses of the finished plans; those that are there already are left alone.
    fn analyse<B: WorkerBackend>(
        &self,
        finished: &[Arc<Plan>],
        workers: &RemainingWorkers<'_, B>,
        screen: &Screen,
    ) -> Result<(), Failure> {
        let hint = workers.backend.resume_hint(self.folder.path());
        let words =
            format!("interrupted; every round and every finished analysis is kept\nhint: {hint}");
        let _watch = workers.end_at_signal(words, screen);
        let runner = AnalysisRunner {
            trainers: &self.trainers,
            link: workers.link.clone(),
            runtime: workers.runtime.handle().clone(),
            screen,
        };
        let (made, failed) =
            runner.after_rounds(&self.analyses, &self.plans, finished, &self.folder);
        analyses::show(&made, self.json, screen)?;
        // The program ends with the first failure; the others are said here.
        let mut failed = failed.into_iter();
        let first = failed.next();
        failed.for_each(|failure| screen.error(&failure.message()));
        first.map_or(Ok(()), Err)
    }
}
