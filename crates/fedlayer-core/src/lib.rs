//! The vocabulary and the mathematics of a federated round. The core takes data and returns data:
//! it has no libtorch, no async runtime, no files and no clock.
//!
//! In reading order:
//!
//! * [`spec`]: the tables of a scenario.
//! * [`data`]: examples, and their partition among the clients.
//! * [`model`]: layers, layer sets, flat parameters, and points between models.
//! * [`Plan`]: a validated scenario, for one strategy and one seed; [`Seed`]: the source of all
//!   random numbers; [`Estimate`]: a mean with its standard error; [`text`]: numbers and names in
//!   messages.
//! * [`trainer`]: the interface to every kind of model: local training, evaluation, derivatives.
//! * [`record`]: the contents of the files of a run.
//! * [`round`]: cohorts, the state machine of the rounds, averaging by layers, and the models of
//!   all clients.
//! * [`barrier`]: loss barriers between the models of a round.
//! * [`compare`]: strategies side by side.
//!
//! Each module uses only modules above it in this list. Files import by module
//! (`use crate::model::Layout`).

pub mod barrier;
pub mod compare;
pub mod data;
pub mod model;
pub mod record;
pub mod round;
pub mod spec;
pub mod text;
pub mod trainer;

mod estimate;
mod plan;
mod seed;

pub use estimate::{Estimate, mean, sample_deviation};
pub use plan::Plan;
pub use seed::{Generator, Seed};
