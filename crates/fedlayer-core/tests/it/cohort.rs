//! Cohorts, dropouts, and stacks.

use std::{collections::BTreeSet, sync::Arc};

use fedlayer_core::{
    Plan,
    data::ClientId,
    round::{
        Action, Cohort, Event, Machine, Phase, RoundFailure, Ticket, foreseen_failure, stacks,
    },
    spec::{Average, ClientsSpec, Rule, Weighting},
};
use proptest::prelude::*;

use crate::support::{params, plan, update};

fn cohorts(plan: &Plan) -> Vec<Cohort> {
    (1..=300).map(|round| Cohort::draw(plan, round, 1)).collect()
}

fn drawn(cohort: &Cohort) -> BTreeSet<ClientId> {
    cohort.clients.iter().chain(&cohort.dropped).copied().collect()
}

#[test]
fn cohorts_are_drawn_without_replacement_from_all_clients() {
    let mut plan = plan();
    plan.clients.count = 10;
    plan.clients.per_round = Some(4);
    let cohorts = cohorts(&plan);
    let mut counts = [0_u32; 10];
    for cohort in &cohorts {
        assert!(cohort.clients.is_sorted_by(|a, b| a < b), "ascending, none twice");
        assert_eq!((cohort.clients.len(), cohort.dropped.len()), (4, 0));
        for client in &cohort.clients {
            counts[client.0 as usize] += 1;
        }
    }
    // Each client is drawn 300 · 0.4 = 120 times on average, with a standard deviation of 8.5.
    assert!(counts.iter().all(|count| count.abs_diff(120) < 40), "{counts:?}");
}

/// Common random numbers: a cohort depends on the seed, the round, the attempt and the clients.
#[test]
fn cohorts_follow_the_seed_the_round_and_the_attempt_alone() {
    let mut plan = plan();
    plan.clients.count = 20;
    plan.clients.per_round = Some(8);
    plan.clients.dropout = 0.3;
    let draw = |plan: &Plan, round, attempt| Cohort::draw(plan, round, attempt);
    let mut other = plan.clone();
    other.strategy.name = "none".into();
    other.strategy.average = Average::Always(Rule::None);
    other.strategy.weights = Weighting::Equal;
    other.rounds = 99;
    assert_eq!(draw(&plan, 5, 1), draw(&other, 5, 1));
    assert_ne!(draw(&plan, 5, 1), draw(&plan, 6, 1));
    assert_ne!(draw(&plan, 5, 1), draw(&plan, 5, 2));
    assert_ne!(draw(&plan, 5, 1), draw(&Plan { seed: 2, ..plan.clone() }, 5, 1));
    // Dropouts remove clients and do not change the draws.
    let mut reliable = plan.clone();
    reliable.clients.dropout = 0.0;
    assert_eq!(drawn(&draw(&plan, 5, 1)), drawn(&draw(&reliable, 5, 1)));
}

#[test]
fn clients_drop_out_as_often_as_the_plan_says() {
    let mut plan = plan();
    plan.clients.count = 50;
    plan.clients.dropout = 0.3;
    let cohorts = cohorts(&plan);
    assert!(cohorts.iter().all(|cohort| drawn(cohort).len() == 50), "all were drawn");
    // Clients drop out independently: 15 per round, with a standard deviation of 3.2.
    assert!(cohorts.iter().all(|cohort| (1..31).contains(&cohort.dropped.len())));
    let dropped: usize = cohorts.iter().map(|cohort| cohort.dropped.len()).sum();
    // 15,000 draws: 4,500 with a standard deviation of 56.
    assert!(dropped.abs_diff(4500) < 300, "{dropped}");
}

proptest! {
    /// Stacks partition the cohort. They depend only on the clients and their examples, not on the
    /// order of the clients.
    #[test]
    fn stacks_are_a_partition_by_size(
        sizes in prop::collection::btree_map(0_u32..1000, 1_usize..60, 0..400),
        seed in any::<u64>(),
    ) {
        let clients: Vec<ClientId> = sizes.keys().copied().map(ClientId).collect();
        let cut = stacks(&clients, 100, |client| sizes[&client.0]);
        let mut members: Vec<ClientId> = cut.iter().flatten().copied().collect();
        let in_order: Vec<usize> = members.iter().map(|client| sizes[&client.0]).collect();
        prop_assert!(in_order.is_sorted_by(|a, b| a >= b), "the largest come first");
        members.sort_unstable();
        prop_assert_eq!(&members, &clients);
        prop_assert!(cut.iter().all(|stack| (1..=32).contains(&stack.len())));
        let mut shuffled = clients;
        let rotation = seed as usize % shuffled.len().max(1);
        shuffled.rotate_left(rotation);
        prop_assert_eq!(stacks(&shuffled, 100, |client| sizes[&client.0]), cut);
    }
}

/// The first round with too few clients is found by drawing all cohorts, and is reported in the
/// words of the run itself.
#[test]
fn a_round_that_must_fail_is_foreseen_in_the_words_of_the_run() {
    let mut plan = plan();
    plan.rounds = 40;
    plan.clients = ClientsSpec { count: 5, min_clients: 4, dropout: 0.2, ..plan.clients };
    let mut foreseen = 0;
    for seed in 1..=30 {
        let plan = Plan { seed, ..plan.clone() };
        let fails = |round: &u32| {
            (1..=plan.clients.attempts)
                .all(|attempt| Cohort::draw(&plan, *round, attempt).clients.len() < 4)
        };
        let first = (1..=plan.rounds).find(fails);
        let found = foreseen_failure(&plan, &mut u64::MAX.clone());
        assert_eq!(found.as_ref().map(round_of), first, "seed {seed}");
        assert_eq!(found, first.map(|round| failure_of_the_run(&plan, round)), "seed {seed}");
        foreseen += usize::from(first.is_some());
    }
    assert!((5..30).contains(&foreseen), "{foreseen} of 30");
}

fn round_of(failure: &RoundFailure) -> u32 {
    let RoundFailure::TooFewClients { round, .. } = failure;
    *round
}

/// Returns the failure of a run in which every client reports that does not drop out.
fn failure_of_the_run(plan: &Plan, round: u32) -> RoundFailure {
    let event = Event::Joined { committed: round - 1 };
    let (mut machine, mut actions) = Machine::new(Arc::new(plan.clone())).handle(event);
    while let Some(Action::Train { round, attempt, clients }) = actions.pop() {
        for client in clients {
            let ticket = Ticket { round, attempt, client };
            let values = vec![0.0; plan.layout.value_count()];
            let result = Ok(Box::new(update(client.0, &params(&plan.layout, &values), 1)));
            let next;
            (machine, next) = machine.handle(Event::Reported { ticket, result });
            actions.extend(next);
        }
    }
    match machine.phase() {
        Phase::Failed(failure) => failure.clone(),
        phase => panic!("{phase:?}"),
    }
}

/// A scenario of a million rounds is checked in a moment: rounds past the budget count as good.
#[test]
fn no_more_clients_are_drawn_than_the_budget_allows() {
    let mut plan = plan();
    plan.rounds = 1_000_000;
    plan.clients = ClientsSpec { count: 100, dropout: 0.5, attempts: 1, ..plan.clients };
    let mut budget = 500;
    assert_eq!(foreseen_failure(&plan, &mut budget), None);
    assert_eq!(budget, 0);
    // If one client suffices, a round takes about two draws; if all are needed, at most a hundred.
    plan.clients.min_clients = 100;
    let mut budget = 100;
    assert!(foreseen_failure(&plan, &mut budget).is_some());
    plan.clients.dropout = 0.0;
    assert_eq!(foreseen_failure(&plan, &mut 0), None);
}
