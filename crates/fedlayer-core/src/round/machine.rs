//! [`Machine`]: the rounds of a run as a state machine. It takes events and returns actions. It
//! does no I/O, knows no clock, and never waits.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    data::ClientId,
    plan::Plan,
    record::{Refusals, clients_in_words},
    round::{Action, Cohort, CohortUpdates, Event, MissingCause, Refusal, RoundFailure, Ticket},
    spec::ClientsSpec,
    trainer::Update,
};

/// The state of a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Phase {
    /// The run waits for workers.
    Joining,
    /// The run waits for the clients of a round.
    Training(Training),
    /// The run waits for barriers, average and evaluation of a round.
    Probing(Probing),
    /// All rounds are committed.
    Finished,
    /// A round could not be committed.
    Failed(RoundFailure),
}

/// A round with clients in training.
#[derive(Debug, Clone, PartialEq)]
pub struct Training {
    round: u32,
    attempt: u32,
    waiting: Vec<ClientId>,
    reported: BTreeMap<ClientId, Update>,
    missing: BTreeMap<ClientId, MissingCause>,
}

/// A round with all reports in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probing {
    round: u32,
}

/// The rounds of one run. [`handle`](Self::handle) consumes the machine, so no code can use an old
/// state.
#[derive(Debug, Clone)]
pub struct Machine {
    plan: Arc<Plan>,
    phase: Phase,
}

impl Machine {
    /// Makes a run that waits for workers.
    pub fn new(plan: Arc<Plan>) -> Self {
        Self { plan, phase: Phase::Joining }
    }

    /// Returns the state of the run.
    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    /// Handles an event and returns the new state and the actions, in order.
    #[must_use]
    pub fn handle(self, event: Event) -> (Self, Vec<Action>) {
        let Self { plan, phase } = self;
        let (phase, actions) = match (phase, event) {
            (Phase::Joining, Event::Joined { committed }) => {
                begin_attempt(&plan, committed.saturating_add(1), 1)
            }
            (Phase::Training(training), Event::Reported { ticket, result }) => {
                training.report(&plan, ticket, result)
            }
            (phase, Event::Reported { ticket, .. }) => {
                (phase, vec![Action::Refuse { ticket, refusal: Refusal::NoTraining }])
            }
            (Phase::Training(training), Event::Deadline { round, attempt })
                if (training.round, training.attempt) == (round, attempt) =>
            {
                training.close(&plan)
            }
            (Phase::Probing(probing), Event::Probed { round, is_last })
                if probing.round == round =>
            {
                let (phase, next) = match is_last {
                    true => (Phase::Finished, Vec::new()),
                    false => begin_attempt(&plan, round + 1, 1),
                };
                (phase, [Action::Commit { round }].into_iter().chain(next).collect())
            }
            // The event is late: the deadline of a past attempt, or news of a past round.
            (phase, Event::Joined { .. } | Event::Deadline { .. } | Event::Probed { .. }) => {
                (phase, Vec::new())
            }
        };
        (Self { plan, phase }, actions)
    }
}

/// Starts an attempt at a round: draws its cohort and sends it to train. After the last round the
/// run is finished.
fn begin_attempt(plan: &Plan, round: u32, attempt: u32) -> (Phase, Vec<Action>) {
    if round > plan.rounds {
        return (Phase::Finished, Vec::new());
    }
    let mut training = Training::draw(plan, round, attempt);
    // An attempt without any client is over at once. This is a loop and not a recursion, because a
    // plan may allow a million attempts.
    while training.waiting.is_empty() && training.attempt < plan.clients.attempts {
        training = Training::draw(plan, round, training.attempt + 1);
    }
    if training.waiting.is_empty() {
        return training.close(plan);
    }
    let attempt = training.attempt;
    let mut actions = vec![Action::Train { round, attempt, clients: training.waiting.clone() }];
    if plan.clients.deadline.is_some() {
        actions.push(Action::StartDeadline { round, attempt });
    }
    (Phase::Training(training), actions)
}

/// Makes the failure of a round in which only `reported` clients reported in the last attempt.
fn too_few_clients(
    plan: &Plan,
    round: u32,
    reported: usize,
    missing: &BTreeMap<ClientId, MissingCause>,
) -> RoundFailure {
    let ClientsSpec { min_clients: needed, attempts, .. } = plan.clients;
    RoundFailure::TooFewClients {
        round,
        reported,
        needed,
        attempts,
        missing: list_by_cause(missing),
    }
}

/// Predicts the failure of a plan: the first round in which too few clients stay in every attempt.
/// Cohorts and dropouts depend only on the seed, so the failure is known before any client trains.
///
/// Every drawn client is subtracted from `budget`. If the budget is exhausted, all further rounds
/// count as good.
pub fn foreseen_failure(plan: &Plan, budget: &mut u64) -> Option<RoundFailure> {
    if plan.clients.dropout == 0.0 {
        return None;
    }
    let attempts = plan.clients.attempts;
    let mut is_good =
        |round| (1..=attempts).any(|attempt| Cohort::is_enough(plan, round, attempt, budget));
    let round = (1..=plan.rounds).find(|&round| !is_good(round))?;
    let last = Training::draw(plan, round, attempts);
    Some(too_few_clients(plan, round, last.waiting.len(), &last.missing))
}

/// Lists the missing clients by cause, in client order: `clients 0 and 3 dropped out; client 2
/// failed: out of memory`.
fn list_by_cause(missing: &BTreeMap<ClientId, MissingCause>) -> String {
    let mut causes: Vec<(String, Vec<ClientId>)> = Vec::new();
    for (&client, why) in missing {
        let why = why.to_string();
        match causes.iter_mut().find(|(cause, _)| *cause == why) {
            Some((_, clients)) => clients.push(client),
            None => causes.push((why, vec![client])),
        }
    }
    let more = causes.len().saturating_sub(Refusals::SHOWN_CAUSES);
    let shown = causes.iter().take(Refusals::SHOWN_CAUSES);
    let mut words: Vec<String> = shown
        .map(|(why, clients)| format!("{} {why}", clients_in_words(clients, clients.len() as u64)))
        .collect();
    words.extend((more > 0).then(|| format!("{more} more causes")));
    words.join("; ")
}

impl Training {
    /// Draws the cohort of an attempt.
    fn draw(plan: &Plan, round: u32, attempt: u32) -> Self {
        let cohort = Cohort::draw(plan, round, attempt);
        let dropped = cohort.dropped.into_iter().map(|client| (client, MissingCause::Dropped));
        Self {
            round,
            attempt,
            waiting: cohort.clients,
            reported: BTreeMap::new(),
            missing: dropped.collect(),
        }
    }

    /// Takes the report of a client, or refuses it. A refused report changes nothing, except that
    /// the round no longer waits for a client with a bad update.
    fn report(
        mut self,
        plan: &Plan,
        ticket: Ticket,
        result: Result<Box<Update>, String>,
    ) -> (Phase, Vec<Action>) {
        let client = ticket.client;
        let mut actions = Vec::new();
        if let Some(refusal) = self.refusal_of(ticket) {
            actions.push(Action::Refuse { ticket, refusal });
            return (Phase::Training(self), actions);
        }
        self.waiting.retain(|&waiting| waiting != client);
        match result {
            Ok(update) if update.client != client => {
                let refusal = Refusal::OtherClient(update.client);
                self.missing.insert(client, MissingCause::Failed(refusal.to_string()));
                actions.push(Action::Refuse { ticket, refusal });
            }
            Ok(update) => match update.check(&plan.layout) {
                Ok(()) => {
                    self.reported.insert(client, *update);
                }
                Err(error) => {
                    self.missing.insert(client, MissingCause::Refused(error.clone()));
                    actions.push(Action::Refuse { ticket, refusal: Refusal::Update(error) });
                }
            },
            Err(reason) => {
                self.missing.insert(client, MissingCause::Failed(reason));
            }
        }
        if !self.waiting.is_empty() {
            return (Phase::Training(self), actions);
        }
        let (phase, more) = self.close(plan);
        actions.extend(more);
        (phase, actions)
    }

    /// Returns the reason to refuse a report, if there is one.
    fn refusal_of(&self, ticket: Ticket) -> Option<Refusal> {
        if (ticket.round, ticket.attempt) != (self.round, self.attempt) {
            return Some(Refusal::OtherRound { round: self.round, attempt: self.attempt });
        }
        if self.waiting.contains(&ticket.client) {
            return None;
        }
        match self.missing.get(&ticket.client) {
            None if !self.reported.contains_key(&ticket.client) => Some(Refusal::Foreign),
            Some(MissingCause::Dropped) => Some(Refusal::Foreign),
            _ => Some(Refusal::Repeated),
        }
    }

    /// Ends the training: goes on with the clients that reported, tries again, or gives up.
    fn close(mut self, plan: &Plan) -> (Phase, Vec<Action>) {
        let late = std::mem::take(&mut self.waiting);
        self.missing.extend(late.into_iter().map(|client| (client, MissingCause::Late)));
        let (round, attempt) = (self.round, self.attempt);
        if self.reported.len() >= plan.clients.min_clients as usize {
            let gathered = CohortUpdates {
                round,
                attempt,
                updates: self.reported.into_values().collect(),
                missing: self.missing,
            };
            return (Phase::Probing(Probing { round }), vec![Action::Probe(gathered)]);
        }
        if attempt < plan.clients.attempts {
            return begin_attempt(plan, round, attempt + 1);
        }
        (
            Phase::Failed(too_few_clients(plan, round, self.reported.len(), &self.missing)),
            Vec::new(),
        )
    }
}
