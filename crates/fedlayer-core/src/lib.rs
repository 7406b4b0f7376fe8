//! The vocabulary and the mathematics of a federated round. No libtorch, no async runtime, no files, no clock: data in, data out.

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

pub use barrier::*;
pub use compare::*;
pub use data::*;
pub use estimate::{Estimate, mean, sample_deviation};
pub use model::{architecture::*, *};
pub use plan::Plan;
pub use record::*;
pub use round::*;
pub use seed::{Generator, Seed};
pub use text::*;
pub use trainer::*;
