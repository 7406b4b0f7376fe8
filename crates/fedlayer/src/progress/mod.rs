//! Progress: a bar on a terminal; elsewhere a line now and then.
//!
//! * `run_progress`: the progress of all plans of a run; `last_round`: its last committed round.
//! * `analysis_progress`: the progress of an analysis.
//! * `estimate`: the time that is left of a run.
//! * `repeater`: a beat every second, and which of the beats write a line.

mod analysis_progress;
mod estimate;
mod last_round;
mod repeater;
mod run_progress;

pub(crate) use self::{
    analysis_progress::{AnalysisProgress, CountingTrainer},
    repeater::Ticker,
    run_progress::{PlanStart, RunProgress},
};
