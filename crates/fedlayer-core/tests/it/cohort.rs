//! Who is drawn for a round, who drops out, and who trains together.

use std::collections::BTreeSet;

use fedlayer_core::{
    ClientId, Cohort, Plan,
    spec::{Average, Rule, Weighting},
    stacks,
};
use proptest::prelude::*;

use crate::support::plan;

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
    // 300 · 0.4 = 120 each, with a standard deviation of 8.5.
    assert!(counts.iter().all(|count| count.abs_diff(120) < 40), "{counts:?}");
}

/// Common random numbers: what a cohort depends on is the seed, the round, the attempt and who there is.
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
    // Dropping out takes clients away and does not change who is drawn.
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
    // Each for itself: 15 a round, with a standard deviation of 3.2.
    assert!(cohorts.iter().all(|cohort| (1..31).contains(&cohort.dropped.len())));
    let dropped: usize = cohorts.iter().map(|cohort| cohort.dropped.len()).sum();
    // 15,000 draws: 4,500 with a standard deviation of 56.
    assert!(dropped.abs_diff(4500) < 300, "{dropped}");
}

proptest! {
    /// A partition of the cohort that depends on nothing but the clients and their examples: not on the order they are named in.
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
