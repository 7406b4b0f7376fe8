//! The rounds of a run: who trains, what is averaged, and what is evaluated afterwards.

mod aggregate;
mod cohort;
mod evaluation;
mod events;
mod federation;
mod machine;
mod round_range;
mod schedule;
mod stacks;
mod traffic;

pub use aggregate::{AverageError, carry_counters, mean_model, update_weights, weighted_mean};
pub use cohort::Cohort;
pub use evaluation::RoundEvaluation;
pub use events::{Action, CohortUpdates, Event, Failure, MissingCause, Refusal, Ticket};
pub use federation::{ClientState, Federation};
pub use machine::{Machine, Phase, Probing, Training, foreseen_failure};
pub use round_range::{RoundRange, RoundRangeError};
pub use schedule::{LayerSchedule, ScheduleError};
pub use stacks::stacks;
pub use traffic::traffic;
