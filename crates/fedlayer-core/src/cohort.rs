//! [`Cohort`]: the clients of a round, and those of them that drop out.

use rand::{RngExt, seq::index};

use crate::{ClientId, Plan};

/// The clients drawn for one attempt at a round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cohort {
    /// The clients that train, ascending.
    pub clients: Vec<ClientId>,
    /// The clients that were drawn too, but drop out, ascending.
    pub dropped: Vec<ClientId>,
}

impl Cohort {
    /// Draws the cohort of a round: `per_round` of the clients without replacement, each of which drops out with the plan's probability.
    ///
    /// Another attempt at the same round draws another cohort. What is drawn does not depend on the strategy.
    pub fn draw(plan: &Plan, round: u32, attempt: u32) -> Self {
        let at = |name| plan.root_seed().child(name).index(round.into()).index(attempt.into());
        let count = plan.clients.count as usize;
        let mut generator = at("cohort").generator();
        let mut drawn: Vec<ClientId> = if plan.clients.cohort() as usize >= count {
            (0..plan.clients.count).map(ClientId).collect()
        } else {
            let size = plan.clients.cohort() as usize;
            index::sample(&mut generator, count, size).iter().map(|i| ClientId(i as u32)).collect()
        };
        drawn.sort_unstable();
        let drops = |client: &ClientId| {
            let mut generator = at("dropout").index(client.0.into()).generator();
            generator.random_bool(plan.clients.dropout)
        };
        let (dropped, clients) = drawn.into_iter().partition(drops);
        Self { clients, dropped }
    }
}

/// The most clients that train together in one call of a [`Trainer`](crate::Trainer).
const LARGEST_STACK: usize = 32;

/// The fewest stacks that a large cohort is cut into, so that several workers have something to do.
const STACKS: usize = 8;

/// The most parameters of a stack, over all its clients. Past the caches a stack saves nothing: one client after the other is faster.
const STACKED_PARAMETERS: usize = 1 << 18;

/// Cuts the clients of a cohort into the stacks that train together in one call of a [`Trainer`](crate::Trainer).
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
