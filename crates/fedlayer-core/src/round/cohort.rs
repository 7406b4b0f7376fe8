//! [`Cohort`]: the clients of a round, and those of them that drop out.

use rand::{RngExt, seq::index};

use crate::{data::ClientId, plan::Plan, seed::Seed};

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
        let draw = CohortDraw { plan, round, attempt };
        let (dropped, clients) = draw.clients().partition(|&client| draw.drops_out(client));
        Self { clients, dropped }
    }

    /// Whether enough clients of an attempt stay for its round to be committed. Draws client by client until that is known, and takes every
    /// draw off `budget`; once nothing is left of that, the answer is yes.
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

    /// Whether every client is in the cohort.
    fn takes_all(&self) -> bool {
        self.plan.clients.cohort() >= self.plan.clients.count
    }

    /// The clients of the cohort, ascending.
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
