//! [`stacks`]: which clients train together in one call of a trainer.

use crate::data::ClientId;

/// The most clients that train together in one call of a [`Trainer`](crate::trainer::Trainer).
const LARGEST_STACK: usize = 32;

/// The fewest stacks that a large cohort is cut into, so that several workers have something to do.
const STACKS: usize = 8;

/// The most parameters of a stack, over all its clients. Past the caches a stack saves nothing: one client after the other is faster.
const STACKED_PARAMETERS: usize = 1 << 18;

/// Cuts the clients of a cohort into the stacks that train together in one call of a [`Trainer`](crate::trainer::Trainer).
///
/// A stack's result may depend on its members, so the cut is fixed by the cohort, its examples and the size of the model alone: never by the
/// number of workers. Clients of similar size share a stack, because they take similar numbers of steps; the largest come first.
pub fn stacks(
    clients: &[ClientId],
    parameters: usize,
    examples: impl Fn(ClientId) -> usize,
) -> Vec<Vec<ClientId>> {
    let mut sorted = clients.to_vec();
    sorted.sort_by_key(|&client| (std::cmp::Reverse(examples(client)), client));
    let fits = STACKED_PARAMETERS / parameters.max(1);
    let size = clients.len().div_ceil(STACKS).max(4).min(fits).clamp(1, LARGEST_STACK);
    sorted.chunks(size).map(<[ClientId]>::to_vec).collect()
}
