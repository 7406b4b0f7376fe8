//! The work of a round is counted in advance by the code that plans it.

use std::sync::Arc;

use fedlayer_core::{
    Plan, Seed,
    barrier::{BarrierStudy, count_points},
    data::ClientId,
    model::{Layout, Ownership, Params, Role},
    round::{
        Cohort, EvaluatedSplits, EvaluationCount, Evidence, Federation, LayerSchedule,
        RoundEvaluation,
    },
    spec::{
        Average, BarrierSpec, Baseline, Between, EvaluateSpec, EvaluatedClients, Rule, SetSpec,
        SplitSpec, Weighting,
    },
};
use proptest::{prelude::*, sample::subsequence};

use crate::support::{ends, layout, pairs, params, plan, update};

fn sets() -> impl Strategy<Value = Vec<SetSpec>> {
    let all = vec![
        SetSpec::Full,
        SetSpec::Layers,
        SetSpec::Shallow,
        SetSpec::Deep,
        SetSpec::Random,
        SetSpec::Alternating,
        SetSpec::Window(2),
        SetSpec::Named(vec!["b".into(), "c".into()]),
    ];
    subsequence(all, 1..=4)
}

fn barriers() -> impl Strategy<Value = BarrierSpec> {
    let between = prop_oneof![Just(Between::Cohort), Just(Between::Pairs)];
    let alpha = prop::collection::vec(prop_oneof![Just(0.25), Just(0.5), Just(1.0)], 1..4);
    let baselines = subsequence(Baseline::ALL.to_vec(), 1..=5);
    let splits =
        prop::collection::vec(prop_oneof![Just(SplitSpec::Train), Just(SplitSpec::Test)], 1..4);
    (sets(), between, alpha, baselines, splits, 0_u32..3).prop_map(
        |(sets, between, alpha, baselines, splits, twins)| BarrierSpec {
            every: 1,
            sets,
            alpha,
            splits,
            baselines,
            between,
            twins,
        },
    )
}

/// Three layers; the second has a running statistic.
fn with_statistic(ownership: Ownership) -> Arc<Layout> {
    let tensors = [
        ("a.weight", vec![1], Role::Trained),
        ("b.weight", vec![1], Role::Trained),
        ("b.running_mean", vec![1], Role::Statistic),
        ("c.weight", vec![1], Role::Trained),
    ];
    Arc::new(Layout::with_roles(tensors).unwrap().with_ownership(ownership))
}

proptest! {
    #[test]
    fn points_are_counted_as_they_are_planned(
        spec in barriers(),
        models in 1_usize..5,
        ownership in prop_oneof![Just(Ownership::Layer), Just(Ownership::Model)],
        seed in any::<u64>(),
    ) {
        let layout = with_statistic(ownership);
        let values: Vec<[f32; 4]> = (0..models).map(|m| [m as f32, 1.0, 2.0, -3.0]).collect();
        let models: Vec<(&[f32], u64)> = values.iter().map(|values| (&values[..], 1)).collect();
        let ends = ends(&layout, &models);
        let seed = Seed::new(seed);
        let study = BarrierStudy::new(&spec, Weighting::Equal, 1, seed, &ends).unwrap();
        let splits = spec.distinct_splits().len();
        let counted = count_points(&spec, &layout, seed, models.len() as u64);
        prop_assert_eq!(counted * splits as u64, study.probes().len() as u64);
    }
}

/// Three models a, b, c, two layers, α = ½, pairs: three end models; six directions with two
/// single layers, the full set, and the three full swaps that a chord needs, of which those of all
/// layers are end models.
#[test]
fn pairs_of_three_models_are_counted_by_hand() {
    let layout = layout(&[("a", 1), ("b", 1)]);
    let count = |spec| count_points(&spec, &layout, Seed::new(1), 3);
    assert_eq!(count(BarrierSpec { baselines: vec![Baseline::Mean], ..pairs() }), 3 + 6 * 3);
    assert_eq!(count(pairs()), 3 + 6 * (3 + 2));
    // The mix of all layers at α = ½ is the mean, whatever the base: one point.
    let cohort = BarrierSpec { between: Between::Cohort, ..pairs() };
    let cohort = BarrierSpec { baselines: vec![Baseline::Base], ..cohort };
    assert_eq!(count(cohort.clone()), 3 + 3 * 2 + 1);
    // A twin is drawn for every base, also on all layers.
    assert_eq!(count(BarrierSpec { twins: 5, ..cohort }), 3 + 3 * 2 + 1 + 3 * 3 * 5);
}

/// Runs the averages of a plan, and returns the predicted and the planned number of probes of each
/// round with an evaluation.
fn evaluations(plan: &Plan) -> Vec<(EvaluationCount, EvaluationCount)> {
    let schedule = LayerSchedule::new(&plan.strategy.average, &plan.layout).unwrap();
    let mut federation = Federation::new(Arc::new(Params::zeros(plan.layout.clone())));
    let mut counts = Vec::new();
    for round in 1..=plan.rounds {
        let reported = Cohort::draw(plan, round, 1).clients;
        let value = |client: &ClientId| params(&plan.layout, &[client.0 as f32, round as f32]);
        let updates: Vec<_> =
            reported.iter().map(|client| update(client.0, &value(client), 1)).collect();
        let set = schedule.layers(&Evidence::foreseen(round, plan.root_seed()));
        federation.commit(round, &set, Weighting::Equal, &updates).unwrap();
        if !plan.is_due(plan.evaluate.every, round) {
            assert_eq!(
                EvaluationCount::foreseen(plan, &schedule, round),
                EvaluationCount::default()
            );
            continue;
        }
        let all = RoundEvaluation::of_round(plan, &federation, &reported).probes().len() as u64;
        let clients = match plan.evaluate.clients {
            EvaluatedClients::Cohort => reported.len() as u64,
            EvaluatedClients::All => plan.clients.count.into(),
        };
        let splits = EvaluatedSplits::of(&plan.data);
        let planned = EvaluationCount { models: all - clients, clients, splits };
        counts.push((EvaluationCount::foreseen(plan, &schedule, round), planned));
    }
    counts
}

fn evaluated(rule: Rule, per_round: u32, clients: EvaluatedClients) -> Plan {
    let mut plan = Plan { rounds: 6, ..plan() };
    plan.strategy.average = Average::Always(rule);
    plan.clients.per_round = Some(per_round);
    plan.evaluate = EvaluateSpec { every: 4, clients, ..EvaluateSpec::default() };
    plan
}

#[test]
fn evaluations_are_counted_as_they_are_planned() {
    for rule in [Rule::All, Rule::None, Rule::First(1), Rule::Rotate(1), Rule::Rotate(2)] {
        for (per_round, clients) in [
            (4, EvaluatedClients::All),
            (4, EvaluatedClients::Cohort),
            (3, EvaluatedClients::Cohort),
            (1, EvaluatedClients::Cohort),
        ] {
            let counts = evaluations(&evaluated(rule.clone(), per_round, clients));
            assert_eq!(counts.len(), 2, "rounds 4 and 6");
            for (predicted, planned) in counts {
                assert_eq!(predicted, planned, "{rule:?} {per_round} {clients:?}");
            }
        }
    }
}

#[test]
fn clients_of_different_rounds_have_at_most_the_predicted_number_of_models() {
    for rule in [Rule::None, Rule::First(1), Rule::Rotate(1)] {
        let mut plan = evaluated(rule, 1, EvaluatedClients::All);
        plan.evaluate.every = 1;
        let counts = evaluations(&plan);
        assert!(counts.iter().all(|(predicted, planned)| predicted.models >= planned.models));
        // In the first round one client has a model of its own, and the others share theirs.
        let splits = EvaluatedSplits::of(&plan.data);
        assert_eq!(counts[0].0, EvaluationCount { models: 2, clients: 4, splits });
        assert_eq!(counts[0].0, counts[0].1);
    }
}
