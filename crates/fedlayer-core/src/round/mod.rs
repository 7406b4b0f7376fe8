//! The rounds of a run: cohorts, averages and evaluations.
//!
//! In reading order:
//!
//! * [`Cohort`]: the clients of a round; [`stacks`]: the clients that train together in one call.
//! * [`Machine`]: the rounds as a state machine, with its [`Event`]s and [`Action`]s;
//!   [`foreseen_failure`] predicts a round that must fail.
//! * [`LayerSchedule`]: the layers that a strategy averages in each round; [`RoundRange`] parses
//!   its rounds.
//! * [`weighted_mean`]: the average of models on a layer set.
//! * [`Federation`]: the models of all clients; [`traffic`]: the bytes that a strategy would send.
//! * [`RoundEvaluation`]: the models right after averaging, on the splits of [`EvaluatedSplits`].
//! * [`Selection`]: the best round by validation.

mod aggregate;
mod cohort;
mod evaluation;
mod events;
mod federation;
mod machine;
mod round_range;
mod schedule;
mod selection;
mod stacks;
mod traffic;

pub use aggregate::{AverageError, carry_counters, mean_model, update_weights, weighted_mean};
pub use cohort::Cohort;
pub use evaluation::{EvaluatedSplits, RoundEvaluation};
pub use events::{Action, CohortUpdates, Event, MissingCause, Refusal, RoundFailure, Ticket};
pub use federation::{ClientState, Federation};
pub use machine::{Machine, Phase, Probing, Training, foreseen_failure};
pub use round_range::{RoundRange, RoundRangeError};
pub use schedule::{LayerSchedule, ScheduleError};
pub use selection::{BestRound, Selection};
pub use stacks::stacks;
pub use traffic::traffic;
