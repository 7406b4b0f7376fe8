//! [`stacks`]: the clients that train together in one call of a trainer.

use crate::data::ClientId;

/// The largest number of clients of a stack.
const LARGEST_STACK: usize = 32;

/// The smallest number of stacks of a large cohort, so that several workers have work.
const STACKS: usize = 8;

/// The largest number of parameters of a stack, over all its clients. A stack that exceeds the
/// caches is slower than one client after another.
const STACKED_PARAMETERS: usize = 1 << 18;

/// Divides the clients of a cohort into stacks, which train together in one call of a
/// [`Trainer`](crate::trainer::Trainer).
///
/// The result of a stack may depend on its members. The division therefore depends only on the
/// cohort, its examples and the size of the model, never on the number of workers. Clients of
/// similar size share a stack, because they take similar numbers of steps; the largest come first.
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
