//! [`Cohort`]: the clients that are drawn for a round, and those that drop out.

use rand::{RngExt, seq::index};

use crate::{data::ClientId, plan::Plan, seed::Seed};

/// The clients that are drawn for one attempt at a round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cohort {
    /// The clients that train, in ascending order.
    pub clients: Vec<ClientId>,
    /// The clients that drop out, in ascending order.
    pub dropped: Vec<ClientId>,
}

impl Cohort {
    /// Draws `per_round` clients without replacement; each of them drops out with the plan's
    /// probability.
    ///
    /// Every attempt at a round draws another cohort. The draws do not depend on the strategy.
    pub fn draw(plan: &Plan, round: u32, attempt: u32) -> Self {
        let draw = CohortDraw { plan, round, attempt };
        let (dropped, clients) = draw.clients().partition(|&client| draw.drops_out(client));
        Self { clients, dropped }
    }

    /// Returns whether enough clients of an attempt stay in the round. Draws clients one by one
    /// until the answer is known, and subtracts every draw from `budget`. If the budget is
    /// exhausted, the answer is yes.
    pub(crate) fn is_enough(plan: &Plan, round: u32, attempt: u32, budget: &mut u64) -> bool {
        let draw = CohortDraw { plan, round, attempt };
        if !draw.takes_all() {
            *budget = budget.saturating_sub(plan.clients.cohort().into());
        }
        let mut missing = plan.clients.min_clients;
        for client in draw.clients() {
            if *budget == 0 {
                return true;
            }
            *budget -= 1;
            missing -= u32::from(!draw.drops_out(client));
            if missing == 0 {
                return true;
            }
        }
        false
    }
}

/// The random draws of one attempt at a round.
struct CohortDraw<'p> {
    plan: &'p Plan,
    round: u32,
    attempt: u32,
}

impl CohortDraw<'_> {
    fn seed(&self, name: &str) -> Seed {
        let seed = self.plan.root_seed().child(name);
        seed.index(self.round.into()).index(self.attempt.into())
    }

    /// Returns whether every client is in the cohort.
    fn takes_all(&self) -> bool {
        self.plan.clients.cohort() >= self.plan.clients.count
    }

    /// Returns the clients of the cohort in ascending order.
    fn clients(&self) -> Box<dyn Iterator<Item = ClientId>> {
        let (count, size) = (self.plan.clients.count, self.plan.clients.cohort());
        if self.takes_all() {
            return Box::new((0..count).map(ClientId));
        }
        let mut generator = self.seed("cohort").generator();
        let sample = index::sample(&mut generator, count as usize, size as usize);
        let mut clients: Vec<ClientId> = sample.iter().map(|i| ClientId(i as u32)).collect();
        clients.sort_unstable();
        Box::new(clients.into_iter())
    }

    fn drops_out(&self, client: ClientId) -> bool {
        let mut generator = self.seed("dropout").index(client.0.into()).generator();
        generator.random_bool(self.plan.clients.dropout)
    }
}
