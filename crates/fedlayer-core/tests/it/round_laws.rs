//! Laws of the state machine for any events in any order.

use std::{collections::BTreeSet, sync::Arc};

use fedlayer_core::{
    Plan,
    data::ClientId,
    round::{Action, Cohort, Event, Machine, Phase, Ticket},
};
use proptest::prelude::*;

use crate::{
    round::{report, three},
    support::bits,
};

/// A plan with few clients, some of which may drop out.
fn any_plan() -> impl Strategy<Value = Plan> {
    (1_u32..4, 1_u32..6, 1_u32..6, 1_u32..4, 1_u32..4, any::<bool>(), any::<u64>()).prop_map(
        |(rounds, count, per_round, min_clients, attempts, deadline, seed)| {
            let mut plan = Plan { seed, rounds, ..three() };
            plan.clients.count = count;
            plan.clients.per_round = Some(per_round.min(count));
            plan.clients.min_clients = min_clients.min(count);
            plan.clients.attempts = attempts;
            plan.clients.deadline = deadline.then_some(1.0);
            plan.clients.dropout = if seed.is_multiple_of(2) { 0.3 } else { 0.0 };
            plan
        },
    )
}

/// The next event: mostly of the round and attempt in training, sometimes of others.
#[derive(Debug, Clone)]
enum Happening {
    Joined(u32),
    Report { stray: (u32, u32), client: u32, what: &'static str },
    Deadline { stray: (u32, u32) },
    Probed { stray: u32 },
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    // Mostly 0: the current round or attempt.
    let stray = || prop_oneof![6 => Just(0_u32), 1 => Just(1), 1 => Just(u32::MAX)];
    let what = prop_oneof![
        8 => Just("well"),
        1 => prop::sample::select(vec!["crashed", "nan", "empty", "other-layout", "of-client-1"]),
    ];
    let report = ((stray(), stray()), 0_u32..7, what)
        .prop_map(|(stray, client, what)| Happening::Report { stray, client, what });
    let happening = prop_oneof![
        1 => prop_oneof![9 => Just(0_u32), 1 => Just(1), 1 => Just(u32::MAX)].prop_map(Happening::Joined),
        12 => report,
        1 => (stray(), stray()).prop_map(|stray| Happening::Deadline { stray }),
        3 => stray().prop_map(|stray| Happening::Probed { stray }),
    ];
    prop::collection::vec(happening, 0..120)
}

/// The knowledge of an observer: the round and attempt of the last `Train`.
#[derive(Default)]
struct Onlooker {
    round: u32,
    attempt: u32,
    first: Option<u32>,
    committed: BTreeSet<u32>,
    probed: BTreeSet<u32>,
    reported: BTreeSet<ClientId>,
}

impl Onlooker {
    fn event(&self, plan: &Plan, happening: &Happening) -> Event {
        let (round, attempt) = (self.round, self.attempt);
        match *happening {
            Happening::Joined(committed) => Event::Joined { committed },
            Happening::Report { stray, client, what } => {
                let client = ClientId(client);
                let (round, attempt) = (round.wrapping_add(stray.0), attempt.wrapping_add(stray.1));
                let result = report(plan, client, what);
                Event::Reported { ticket: Ticket { round, attempt, client }, result }
            }
            Happening::Deadline { stray } => Event::Deadline {
                round: round.wrapping_add(stray.0),
                attempt: attempt.wrapping_add(stray.1),
            },
            Happening::Probed { stray } => {
                Event::Probed { round: round.wrapping_add(stray), is_last: false }
            }
        }
    }

    /// Checks the laws for an action.
    fn sees(&mut self, plan: &Plan, action: &Action) -> Result<(), TestCaseError> {
        match action {
            Action::Train { round, attempt, clients } => {
                let expected = if *round == self.round && self.attempt > 0 {
                    prop_assert!(*attempt > self.attempt, "attempts count up");
                    !self.probed.contains(round)
                } else {
                    let first = *self.first.get_or_insert(*round);
                    *round == first || self.committed.contains(&(round - 1))
                };
                prop_assert!(expected, "round {} trains out of order", round);
                prop_assert!(*attempt <= plan.clients.attempts && *round <= plan.rounds);
                prop_assert!(!clients.is_empty());
                prop_assert_eq!(clients, &Cohort::draw(plan, *round, *attempt).clients);
                (self.round, self.attempt) = (*round, *attempt);
                self.reported.clear();
            }
            Action::StartDeadline { round, attempt } => {
                prop_assert!(plan.clients.deadline.is_some());
                prop_assert_eq!((*round, *attempt), (self.round, self.attempt));
            }
            Action::Refuse { .. } => {}
            Action::Probe(gathered) => {
                prop_assert_eq!((gathered.round, gathered.attempt), (self.round, self.attempt));
                prop_assert!(self.probed.insert(gathered.round), "probed twice");
                let clients: Vec<ClientId> = gathered.updates.iter().map(|u| u.client).collect();
                prop_assert!(clients.len() >= plan.clients.min_clients as usize);
                prop_assert!(clients.is_sorted_by(|a, b| a < b));
                prop_assert!(clients.iter().all(|client| self.reported.contains(client)));
                // Every drawn client has an update or a cause, and no other client has.
                let cohort = Cohort::draw(plan, self.round, self.attempt);
                let drawn: BTreeSet<_> = cohort.clients.iter().chain(&cohort.dropped).collect();
                let known: BTreeSet<_> = clients.iter().chain(gathered.missing.keys()).collect();
                prop_assert_eq!(drawn, known);
                prop_assert!(clients.iter().all(|client| cohort.clients.contains(client)));
                prop_assert!(
                    gathered.updates.iter().all(|update| update.check(&plan.layout).is_ok())
                );
            }
            Action::Commit { round } => {
                prop_assert!(self.probed.contains(round), "committed without a probe");
                prop_assert!(self.committed.insert(*round), "committed twice");
                prop_assert_eq!(self.committed.last(), Some(round), "committed out of order");
            }
        }
        Ok(())
    }
}

proptest! {
    #[test]
    fn whatever_happens_rounds_are_committed_once_and_in_order(
        plan in any_plan(),
        happenings in happenings(),
    ) {
        let plan = Arc::new(plan);
        let mut machine = Machine::new(plan.clone());
        let mut onlooker = Onlooker::default();
        for happening in &happenings {
            let event = onlooker.event(&plan, happening);
            let before = machine.phase().clone();
            // Compared as text, because NaN is not equal to NaN.
            let unchanged = |machine: &Machine| {
                format!("{:?}", machine.phase()) == format!("{before:?}")
            };
            let (next, actions) = machine.handle(event.clone());
            machine = next;
            if let Event::Reported { ticket, result: Ok(update) } = &event {
                let refused = actions.iter().any(|action| matches!(action, Action::Refuse { .. }));
                if !refused {
                    prop_assert!(matches!(before, Phase::Training(_)));
                    prop_assert!(update.client == ticket.client && update.check(&plan.layout).is_ok());
                    prop_assert!(onlooker.reported.insert(ticket.client), "taken twice");
                }
            }
            // A report for another ticket is refused and changes nothing; an event of a past round
            // changes nothing.
            if let [Action::Refuse { refusal, .. }] = &actions[..] {
                use fedlayer_core::round::Refusal::{OtherClient, Update};
                let awaited = matches!(refusal, OtherClient(_) | Update(_));
                prop_assert!(awaited || unchanged(&machine), "{:?}", refusal);
            }
            let is_report = matches!(event, Event::Reported { .. });
            if actions.is_empty() && !is_report {
                let over = matches!(machine.phase(), Phase::Finished | Phase::Failed(_));
                prop_assert!(over || unchanged(&machine));
            }
            if matches!(before, Phase::Finished | Phase::Failed(_)) {
                prop_assert!(unchanged(&machine), "the end is the end");
            }
            for action in &actions {
                onlooker.sees(&plan, action)?;
            }
        }
        if *machine.phase() == Phase::Finished && onlooker.first.is_some() {
            prop_assert_eq!(onlooker.committed.last(), Some(&plan.rounds));
        }
    }

    /// Updates reach the probes unchanged, in any order of arrival.
    #[test]
    fn the_order_of_arrival_does_not_show(order in Just(vec![0_u32, 1, 2]).prop_shuffle()) {
        let plan = Arc::new(three());
        let (mut machine, _) = Machine::new(plan.clone()).handle(Event::Joined { committed: 0 });
        let mut last = Vec::new();
        for client in order.into_iter().map(ClientId) {
            let mut update = report(&plan, client, "well").unwrap();
            Arc::make_mut(&mut update.params).values_mut()[0] = client.0 as f32;
            let ticket = Ticket { round: 1, attempt: 1, client };
            (machine, last) = machine.handle(Event::Reported { ticket, result: Ok(update) });
        }
        let [Action::Probe(gathered)] = &last[..] else { panic!("{last:?}") };
        for (client, update) in (0..).zip(&gathered.updates) {
            prop_assert_eq!(update.client, ClientId(client));
            prop_assert_eq!(bits(update.params.values()), bits(&[client as f32, 0.0]));
        }
    }
}
