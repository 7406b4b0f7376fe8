//! The toy compared with step-by-step gradient descent, and the results of its rounds.

use std::sync::Arc;

use fedlayer_core::{
    Plan, Seed,
    barrier::{BarrierStudy, EndModel},
    data::{ClientId, Split},
    model::Params,
    record::{BarrierKind, BarrierRow},
    round::{Evidence, Federation, LayerSchedule},
    spec::{BarrierSpec, Baseline, ModelSpec, Optimizer, Schedule, Sgd, Toy, Warmup, Weighting},
    trainer::{ToyTrainer, TrainJob, Trainer, Update},
};

use crate::support::{bits, cohort, data, near, pairs, params, plan};

const CLIENTS: [&[[f32; 2]]; 3] = [
    &[[1.0, -2.0], [3.0, 0.5], [0.0, 0.25]],
    &[[-4.0, 1.0]],
    &[[2.0, 2.0], [2.5, -1.0], [0.5, 7.0], [1.0, 1.0], [-3.0, 0.0]],
];

fn train(trainer: &mut ToyTrainer, client: u32, round: u32, params: Arc<Params>) -> Update {
    let job =
        TrainJob { client: ClientId(client), round, params, optimizer: None, seed: Seed::new(0) };
    trainer.train(&[job]).remove(0).unwrap()
}

/// Runs gradient descent on the mean of ½ Σ_l c_l (θ_l − x_l)² over all examples of a client, step
/// by step, in f64.
fn descend(plan: &Plan, client: usize, round: u64, start: &[f32]) -> (Vec<f64>, f64, u64) {
    let (ModelSpec::Toy(Toy { curvature }), Optimizer::Sgd(sgd)) =
        (&plan.model, &plan.local.optimizer)
    else {
        panic!("not a toy")
    };
    let examples = CLIENTS[client];
    let n = examples.len() as f64;
    let per_epoch = (examples.len() as u64).div_ceil(plan.local.batch.into());
    let steps = per_epoch * u64::from(plan.local.epochs.unwrap());
    let mut theta: Vec<f64> = start.iter().map(|&value| value.into()).collect();
    let mut losses = 0.0;
    for step in (round - 1) * steps..round * steps {
        let total = steps * u64::from(plan.rounds);
        let lr = plan.local.learning_rate(sgd.lr, step, per_epoch, total);
        let mut gradient = [0.0; 2];
        for x in examples {
            for (l, c) in curvature.iter().enumerate() {
                let distance = theta[l] - f64::from(x[l]);
                losses += 0.5 * c * distance.powi(2) / n / steps as f64;
                gradient[l] += c * distance / n;
            }
        }
        for (theta, gradient) in theta.iter_mut().zip(gradient) {
            *theta -= lr * gradient;
        }
    }
    (theta, losses, steps)
}

#[test]
fn the_closed_form_is_gradient_descent() {
    let step = Schedule::Step { every: 2, factor: 0.5 };
    for (epochs, batch, schedule) in [
        (1, 100, Schedule::Constant),
        (4, 2, Schedule::Constant),
        (3, 2, Schedule::Cosine),
        (5, 1, step),
    ] {
        let mut plan = plan();
        plan.local.epochs = Some(epochs);
        plan.local.batch = batch;
        plan.local.warmup = (schedule == Schedule::Cosine).then_some(Warmup {
            steps: Some(3),
            epochs: None,
            from: 1e-3,
        });
        plan.local.schedule = schedule;
        let mut trainer = ToyTrainer::new(&plan, data(&CLIENTS)).unwrap();
        let start = params(&plan.layout, &[5.0, -3.0]);
        for round in 1..=3 {
            for client in 0..3 {
                let update = train(&mut trainer, client, round, start.clone());
                let (theta, loss, steps) =
                    descend(&plan, client as usize, round.into(), start.values());
                for (&found, expected) in update.params.values().iter().zip(theta) {
                    near(found.into(), expected, 1e-7, (round, client));
                }
                near(update.loss, loss, 1e-12, (round, client));
                let examples = CLIENTS[client as usize].len() as u64;
                assert_eq!((update.steps, update.examples), (steps, examples));
            }
        }
    }
}

/// Runs rounds of full averaging until nothing moves.
fn rounds(plan: &Plan, clients: &[&[[f32; 2]]]) -> Vec<f32> {
    let mut trainer = ToyTrainer::new(plan, data(clients)).unwrap();
    let schedule = LayerSchedule::new(&plan.strategy.average, &plan.layout).unwrap();
    let mut federation = Federation::new(Arc::new(trainer.initial(plan.root_seed()).unwrap()));
    for round in 1..=plan.rounds {
        let updates: Vec<Update> = (0..clients.len() as u32)
            .map(|client| train(&mut trainer, client, round, federation.model(ClientId(client))))
            .collect();
        let set = schedule.layers(&Evidence::foreseen(round, plan.root_seed()));
        federation.commit(round, &set, plan.strategy.weights, &updates).unwrap();
    }
    federation.shared().values().to_vec()
}

fn optimum(clients: &[&[[f32; 2]]]) -> [f64; 2] {
    let examples: Vec<&[f32; 2]> = clients.iter().copied().flatten().collect();
    [0, 1].map(|i| examples.iter().map(|x| f64::from(x[i])).sum::<f64>() / examples.len() as f64)
}

/// If all clients have the same number of examples and steps, or one step each and weights by
/// examples, the rounds end at the mean of all examples. With several steps, unequal clients and
/// equal weights they do not.
#[test]
fn federated_averaging_ends_at_the_mean_of_all_examples() {
    let equal: [&[[f32; 2]]; 3] =
        [&[[1.0, -2.0], [3.0, 0.5]], &[[-4.0, 1.0], [0.0, 3.0]], &[[2.0, 2.0], [2.5, -1.0]]];
    let mut several = Plan { rounds: 60, ..plan() };
    several.local.epochs = Some(5);
    several.local.batch = 1;
    let one = Plan { rounds: 150, ..plan() };
    let other_start = Plan { seed: 2, ..one.clone() };
    let cases = [
        ("equal clients, several steps", &several, equal),
        ("unequal clients, one step", &one, CLIENTS),
        ("unequal clients, one step, other start", &other_start, CLIENTS),
    ];
    for (name, plan, clients) in cases {
        let found = rounds(plan, &clients);
        for (found, optimum) in found.iter().zip(optimum(&clients)) {
            near(f64::from(*found), optimum, 1e-6, name);
        }
    }
    several.strategy.weights = Weighting::Equal;
    let biased = rounds(&several, &CLIENTS);
    assert!((f64::from(biased[0]) - optimum(&CLIENTS)[0]).abs() > 0.1, "{biased:?}");
}

/// Measures the barriers of a round of toy clients.
fn barriers(spec: &BarrierSpec, weighting: Weighting) -> (Vec<BarrierRow>, Vec<f64>) {
    let plan = plan();
    let mut trainer = ToyTrainer::new(&plan, data(&CLIENTS)).unwrap();
    let start = params(&plan.layout, &[5.0, -3.0]);
    let ends: Vec<EndModel> = (0..3)
        .map(|client| EndModel {
            start: start.clone(),
            update: train(&mut trainer, client, 1, start.clone()),
        })
        .collect();
    let study = BarrierStudy::new(spec, weighting, 1, Seed::new(1), &ends).unwrap();
    let probes = study.probes();
    assert!(probes.iter().all(|probe| probe.split == Split::Test));
    let evaluations = trainer.evaluate(&probes).unwrap();
    let losses = evaluations[..3].iter().map(|evaluation| evaluation.loss().unwrap()).collect();
    (study.rows(&evaluations), losses)
}

/// The loss is a sum over layers, so layers do not interact under `base` and `chord`. Under a
/// baseline that is not the base's own loss, the sum over L layers subtracts the baseline L times:
/// (L − 1)(baseline − L_i) remains.
#[test]
fn layers_of_the_toy_do_not_interact() {
    for spec in [pairs(), cohort()] {
        let (rows, losses) = barriers(&spec, Weighting::Equal);
        let interactions = rows.iter().filter(|row| row.kind == BarrierKind::Interaction);
        for row in interactions.filter(|row| row.base != "max") {
            let expected = match (row.baseline.unwrap(), row.base.split("<-").next().unwrap()) {
                (Baseline::Base | Baseline::Chord, _) => 0.0,
                (Baseline::Mean | Baseline::Linear, "mean") => 0.0,
                (Baseline::Mean | Baseline::Linear, _) => mean_minus_own(&row.base, &losses),
                _ => continue,
            };
            near(row.value.unwrap(), expected, 1e-6, row);
        }
    }
}

/// Returns the mean loss of the models of a barrier minus the base's own loss.
fn mean_minus_own(base: &str, losses: &[f64]) -> f64 {
    let model = |name: &str| name.parse::<usize>().unwrap();
    let (own, models) = match base.split_once("<-") {
        Some((base, other)) => (model(base), vec![model(base), model(other)]),
        None => (model(base), vec![0, 1, 2]),
    };
    let sum: f64 = models.iter().map(|&model| losses[model]).sum();
    sum / models.len() as f64 - losses[own]
}

/// Every chord barrier is −½α(1−α) Σ c_l ‖Δ_l‖², where Δ is the recorded step. The losses are near
/// 20, in f32.
#[test]
fn chord_barriers_of_the_toy_have_a_closed_form() {
    for weighting in [Weighting::Equal, Weighting::Examples] {
        for spec in [pairs(), cohort()] {
            let spec = BarrierSpec { alpha: vec![0.25, 0.5, 0.75], ..spec };
            let (rows, _) = barriers(&spec, weighting);
            let norm = |set: &str, base: &str| {
                let norms =
                    rows.iter().filter(|row| row.metric == fedlayer_core::record::Metric::Norm);
                let mut norms = norms.filter(|row| row.set == set && row.base == base);
                norms.next().unwrap().value.unwrap()
            };
            let chords = rows.iter().filter(|row| {
                row.baseline == Some(Baseline::Chord)
                    && [BarrierKind::Full, BarrierKind::Layer].contains(&row.kind)
                    && !["mean", "max"].contains(&row.base.as_str())
            });
            let mut count = 0;
            for row in chords {
                let alpha = row.alpha.unwrap();
                let squares: f64 = [("q1", 1.0), ("q2", 0.5)]
                    .iter()
                    .filter(|(layer, _)| row.set == "all" || row.set == *layer)
                    .map(|(layer, curvature)| curvature * norm(layer, &row.base).powi(2))
                    .sum();
                near(row.value.unwrap(), -0.5 * alpha * (1.0 - alpha) * squares, 1e-5, row);
                count += 1;
            }
            assert_eq!(count, 3 * 3 * if spec.between == cohort().between { 3 } else { 6 });
        }
    }
}

#[test]
fn the_toy_refuses_what_it_cannot_do() {
    let refusal = |change: fn(&mut Plan)| {
        let mut other = plan();
        change(&mut other);
        ToyTrainer::new(&other, data(&CLIENTS)).unwrap_err().to_string()
    };
    let other = "the toy trainer needs `model.toy` and `sgd`";
    assert_eq!(refusal(|plan| plan.model = ModelSpec::Linear), other);
    let plain = "the toy trainer takes plain gradient steps; leave out `momentum`, `weight_decay` and `clip`";
    let changes: [fn(&mut Sgd); 2] = [|sgd| sgd.momentum = 0.9, |sgd| sgd.weight_decay = 1e-4];
    for change in changes {
        let mut other = plan();
        let Optimizer::Sgd(sgd) = &mut other.local.optimizer else { panic!("not SGD") };
        change(sgd);
        let error = ToyTrainer::new(&other, data(&CLIENTS)).unwrap_err();
        assert_eq!(error.to_string(), plain);
    }
    assert_eq!(refusal(|plan| plan.local.clip = Some(1.0)), plain);
}

/// The trainer keeps nothing between calls, and the result of a job does not depend on other jobs.
#[test]
fn a_job_has_one_result() {
    let plan = plan();
    let mut trainer = ToyTrainer::new(&plan, data(&CLIENTS)).unwrap();
    let start = params(&plan.layout, &[5.0, -3.0]);
    let first = train(&mut trainer, 2, 1, start.clone());
    train(&mut trainer, 1, 3, start.clone());
    let again = train(&mut trainer, 2, 1, start);
    assert_eq!(bits(first.params.values()), bits(again.params.values()));
    assert_eq!(first, again);
}
