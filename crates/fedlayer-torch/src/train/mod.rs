//! Local training of the clients of a call.
//!
//! In reading order:
//!
//! * `task`: a client's local training in one round, before and after.
//! * `batches`: the examples of each of its steps; `augment`: random crops and mirror images.
//! * `optimizer`: SGD and Adam, as PyTorch defines them.
//! * `lockstep`: trains all clients of a call as one stack; `step_batches` gathers their examples.
//! * `autograd`: trains one client, for every network that cannot be stacked.

mod augment;
pub(crate) mod autograd;
mod batches;
pub(crate) mod lockstep;
mod optimizer;
mod step_batches;
mod task;

use fedlayer_core::trainer::TrainerError;

use crate::{engine::Engine, error::guarded, network::Network};

pub(crate) use batches::Batches;
pub(crate) use optimizer::Stepper;
pub(crate) use task::{LocalResult, LocalTask};

/// Trains the clients of a call. Returns one result per task, in the same order.
///
/// A stack fails as a whole. Clients that are trained one after the other fail alone.
pub(crate) fn train(
    engine: &Engine,
    tasks: Vec<LocalTask<'_>>,
) -> Vec<Result<LocalResult, TrainerError>> {
    match &engine.network {
        Network::Stacked(network) => {
            let count = tasks.len();
            match guarded(|| lockstep::train(engine, network, tasks)) {
                Ok(results) => results.into_iter().map(Ok).collect(),
                Err(error) => vec![Err(error); count],
            }
        }
        Network::Graph(_) | Network::Script(_) => {
            tasks.iter().map(|task| guarded(|| autograd::train(engine, task))).collect()
        }
    }
}
