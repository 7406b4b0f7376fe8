//! [`RoundsOutcome`]: how the rounds of all plans ended, and what follows from it.

use std::sync::Arc;

use fedlayer_core::Plan;
use fedlayer_runtime::{RunError, remote::RunEnd};

use super::{backend::WorkerBackend, queue::PlanEnd};
use crate::{
    exit::{Cause, Failure, run_reason},
    process::shortage,
    run_folder::{RunFolder, note::RunState},
};

/// How the rounds of all plans ended.
pub(super) struct RoundsOutcome {
    pub(super) ended: Result<(), Failure>,
    /// The plans with all their rounds.
    pub(super) finished: Vec<Arc<Plan>>,
}

impl RoundsOutcome {
    /// Sums up how all plans ended.
    pub(super) fn of(ends: Vec<PlanEnd>, folder: &RunFolder, backend: &impl WorkerBackend) -> Self {
        let finished = ends.iter().filter(|(_, end)| end.is_ok()).map(|(plan, _)| plan.clone());
        let finished = finished.collect();
        Self { ended: sum_up(&ends, folder, backend), finished }
    }

    /// Marks the failure of a new run in which no plan finished its first round: nothing is kept of
    /// it.
    pub(super) fn of_new_run(mut self, is_empty: impl FnOnce() -> bool) -> Self {
        if let Err(Failure::Run { cause, .. }) = &mut self.ended
            && *cause == Cause::Training
            && is_empty()
        {
            *cause = Cause::Start;
        }
        self
    }

    /// Returns what the workers are told: whether the run may go on later.
    pub(super) fn end(&self) -> RunEnd {
        match &self.ended {
            Err(Failure::Interrupted(_)) => RunEnd::Stopped,
            Err(Failure::Run { cause: Cause::Files | Cause::Moved | Cause::Machine, .. }) => {
                RunEnd::Stopped
            }
            _ => RunEnd::Finished,
        }
    }

    /// Returns whether there is a table to print; `has_rounds` says whether a round of any plan is
    /// written.
    pub(super) fn has_table(&self, has_rounds: impl FnOnce() -> bool) -> bool {
        match &self.ended {
            Err(Failure::Interrupted(_) | Failure::Run { cause: Cause::Moved, .. }) => false,
            Err(Failure::Run {
                cause: Cause::Training | Cause::Start | Cause::Machine, ..
            }) => has_rounds(),
            _ => true,
        }
    }

    /// Returns whether analyses are made: if some plans failed, the models of the others are still
    /// analysed.
    pub(super) fn leave_models(&self) -> bool {
        matches!(&self.ended, Ok(()) | Err(Failure::Run { cause: Cause::Training, .. }))
    }

    /// Returns the state that is noted of the run.
    pub(super) fn state(&self, analysed: &Result<(), Failure>) -> RunState {
        match (&self.ended, analysed) {
            (Ok(()), Ok(())) => RunState::Finished,
            (Err(Failure::Interrupted(_)), _) => RunState::Interrupted,
            _ => RunState::Failed,
        }
    }
}

/// Returns the failure of all plans together, with a line for each plan that failed.
fn sum_up(
    ends: &[PlanEnd],
    folder: &RunFolder,
    backend: &impl WorkerBackend,
) -> Result<(), Failure> {
    if ends.iter().any(|(_, end)| matches!(end, Err(RunError::Interrupted { .. }))) {
        return Err(Failure::Interrupted(backend.resume_hint(folder.path())));
    }
    let reason = |(plan, end): &PlanEnd| {
        let error = end.as_ref().err()?;
        Some(run_reason(&plan.title(), plan.seed, &error))
    };
    let reasons: Vec<String> = ends.iter().filter_map(reason).collect();
    if reasons.is_empty() {
        return Ok(());
    }
    Err(Failure::Run {
        failed: reasons.len(),
        plans: ends.len(),
        reasons: reasons.join("\n"),
        folder: folder.path().to_owned(),
        cause: match cause(ends) {
            Cause::Files if folder.check_place().is_err() => Cause::Moved,
            cause => cause,
        },
    })
}

/// Returns the cause that matters most among all plans that failed.
fn cause(ends: &[PlanEnd]) -> Cause {
    let errors = || ends.iter().filter_map(|(_, end)| end.as_ref().err());
    if errors().any(|error| matches!(error, RunError::Journal(_))) {
        Cause::Files
    } else if errors().any(|error| shortage::is_in(&error.to_string())) {
        Cause::Machine
    } else {
        Cause::Training
    }
}
