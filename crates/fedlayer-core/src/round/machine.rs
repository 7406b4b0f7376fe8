//! [`Machine`]: the rounds of a run as a state machine. It does no I/O, knows no clock, and never waits: events in, actions out.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    data::ClientId,
    plan::Plan,
    record::{Refusals, clients_in_words},
    round::{Action, Cohort, CohortUpdates, Event, Failure, MissingCause, Refusal, Ticket},
    spec::ClientsSpec,
    trainer::Update,
};

/// Where a run stands. A phase is something that is waited in.
#[derive(Debug, Clone, PartialEq)]
pub enum Phase {
    /// For workers.
    Joining,
    /// For the clients of a round.
    Training(Training),
    /// For barriers, the average and its evaluation.
    Probing(Probing),
    /// For nothing: every round is committed.
    Finished,
    /// For nothing: a round could not be committed.
    Failed(Failure),
}

/// A round in which clients train.
#[derive(Debug, Clone, PartialEq)]
pub struct Training {
    round: u32,
    attempt: u32,
    waiting: Vec<ClientId>,
    reported: BTreeMap<ClientId, Update>,
    missing: BTreeMap<ClientId, MissingCause>,
}

/// A round whose clients have reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probing {
    round: u32,
}

/// The rounds of one run. [`handle`](Self::handle) takes it by value: the old state is gone when the new one is there.
#[derive(Debug, Clone)]
pub struct Machine {
    plan: Arc<Plan>,
    phase: Phase,
}

impl Machine {
    /// A run that waits for workers.
    pub fn new(plan: Arc<Plan>) -> Self {
        Self { plan, phase: Phase::Joining }
    }

    /// Where the run stands.
    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    /// Takes an event; returns the run as it stands then, and what has to be done, in order.
    #[must_use]
    pub fn handle(self, event: Event) -> (Self, Vec<Action>) {
        let Self { plan, phase } = self;
        let (phase, actions) = match (phase, event) {
            (Phase::Joining, Event::Joined { committed }) => {
                begin(&plan, committed.saturating_add(1), 1)
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
            (Phase::Probing(probing), Event::Probed { round }) if probing.round == round => {
                let (phase, next) = begin(&plan, round + 1, 1);
                (phase, [Action::Commit { round }].into_iter().chain(next).collect())
            }
            // A deadline that came too late, or news of a round that is over.
            (phase, Event::Joined { .. } | Event::Deadline { .. } | Event::Probed { .. }) => {
                (phase, Vec::new())
            }
        };
        (Self { plan, phase }, actions)
    }
}

/// Draws the cohort of an attempt (of the next one, where everybody drops out) and sends it to train; after the last round the run is
/// finished.
fn begin(plan: &Plan, round: u32, attempt: u32) -> (Phase, Vec<Action>) {
    if round > plan.rounds {
        return (Phase::Finished, Vec::new());
    }
    let mut training = Training::draw(plan, round, attempt);
    // An attempt that everybody drops out of is over at once; a loop, because a plan may allow a million of them.
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

/// The failure of a round in whose last attempt only `reported` clients reported.
fn too_few(
    plan: &Plan,
    round: u32,
    reported: usize,
    missing: &BTreeMap<ClientId, MissingCause>,
) -> Failure {
    let ClientsSpec { min_clients: needed, attempts, .. } = plan.clients;
    Failure::TooFewClients { round, reported, needed, attempts, missing: in_words(missing) }
}

/// The failure that a plan must end with because too few clients of a round stay in every attempt at it, whatever training comes to: who is
/// drawn and who drops out depends on the seed alone. Of several such rounds it is the first.
///
/// Every client that is drawn is taken off `budget`; once nothing is left of it, the rounds that follow are taken to be good.
pub fn foreseen_failure(plan: &Plan, budget: &mut u64) -> Option<Failure> {
    if plan.clients.dropout == 0.0 {
        return None;
    }
    let attempts = plan.clients.attempts;
    let mut is_good =
        |round| (1..=attempts).any(|attempt| Cohort::is_enough(plan, round, attempt, budget));
    let round = (1..=plan.rounds).find(|&round| !is_good(round))?;
    let last = Training::draw(plan, round, attempts);
    Some(too_few(plan, round, last.waiting.len(), &last.missing))
}

/// Who is missing and why, cause by cause in the order of the clients: `clients 0 and 3 dropped out; client 2 failed: out of memory`.
fn in_words(missing: &BTreeMap<ClientId, MissingCause>) -> String {
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

    /// Takes a client's report, or refuses it without changing anything but, for a bad update, whom the round waits for.
    fn report(
        mut self,
        plan: &Plan,
        ticket: Ticket,
        result: Result<Box<Update>, String>,
    ) -> (Phase, Vec<Action>) {
        let client = ticket.client;
        let mut actions = Vec::new();
        if let Some(refusal) = self.refuses(ticket) {
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

    /// Why a report is not for this training, if it is not.
    fn refuses(&self, ticket: Ticket) -> Option<Refusal> {
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

    /// Ends the training: goes on with those who reported, tries again, or gives up.
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
            return begin(plan, round, attempt + 1);
        }
        (Phase::Failed(too_few(plan, round, self.reported.len(), &self.missing)), Vec::new())
    }
}
