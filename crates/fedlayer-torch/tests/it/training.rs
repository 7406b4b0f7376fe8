//! A stack of clients: the same bytes in every run, each client trained as if alone, and unaffected
//! by a client that diverges.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use fedlayer_core::{
    Plan, Seed,
    data::Split,
    model::{LayerSet, Params, distance},
    spec::*,
    trainer::{Trainer, UpdateError},
};

use crate::setup::*;

const SIZES: [usize; 6] = [17, 5, 30, 17, 1, 8];

#[test]
fn the_same_call_gives_the_same_bytes_while_other_threads_run() {
    let data = data(6, 3, &SIZES, 20);
    let plan = plan(mlp(&[16, 8]), &data, local(adam(0.01)));
    let run = || {
        let mut trainer = trainer(&plan, &data);
        let start = initial(&mut trainer);
        let jobs: Vec<_> = (0..6).map(|client| job(client, &start)).collect();
        train(&mut trainer, &jobs)
    };
    let alone = run();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    run();
                }
            });
        }
        for _ in 0..20 {
            assert_eq!(run(), alone);
        }
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_stack_of_unequal_clients_trains_each_as_if_alone() {
    let data = data(6, 3, &SIZES, 20);
    let full = |hidden: &[u32], activation| {
        ModelSpec::Mlp(MlpForm::Full(Mlp { hidden: hidden.to_vec(), activation }))
    };
    let models = [
        ModelSpec::Linear,
        ModelSpec::DeepLinear(vec![5]),
        ModelSpec::DiagonalLinear(3),
        full(&[16, 8], Activation::Relu),
        full(&[7], Activation::Tanh),
        full(&[7], Activation::Sigmoid),
    ];
    let warmup = Some(Warmup { steps: Some(3), epochs: None, from: 0.0 });
    for (model, clip) in models.into_iter().zip([None, Some(0.5)].into_iter().cycle()) {
        for optimizer in [momentum(0.05), adam(0.01)] {
            let (schedule, warmup) = (Schedule::Cosine, warmup.clone());
            let local = LocalSpec { schedule, warmup, clip, ..local(optimizer) };
            let plan = plan(model.clone(), &data, local);
            let mut trainer = trainer(&plan, &data);
            let start = initial(&mut trainer);
            let jobs: Vec<_> = (0..6).map(|client| job(client, &start)).collect();
            for (job, stacked) in jobs.iter().zip(train(&mut trainer, &jobs)) {
                let alone = &train(&mut trainer, std::slice::from_ref(job))[0];
                let what = format!("{model:?}, client {}", job.client);
                assert_near(stacked.params.values(), alone.params.values(), 1e-5, &what);
                assert!((stacked.loss - alone.loss).abs() < 1e-5 * alone.loss, "{what}");
                assert_eq!((stacked.examples, stacked.steps), (alone.examples, alone.steps));
                assert_eq!(stacked.steps, 2 * alone.examples.div_ceil(4));
            }
        }
    }
}

#[test]
fn examples_too_large_to_be_gathered_at_once_change_nothing() {
    // 300 examples of 120 kB are gathered in several parts. Two clients give other parts than one.
    let data = data(30_000, 2, &[60, 40], 1);
    let plan =
        plan(ModelSpec::Linear, &data, LocalSpec { epochs: Some(3), batch: 8, ..local(sgd(1e-4)) });
    let mut trainer = trainer(&plan, &data);
    let start = initial(&mut trainer);
    let jobs = [job(0, &start), job(1, &start)];
    for (job, stacked) in jobs.iter().zip(train(&mut trainer, &jobs)) {
        let alone = &train(&mut trainer, std::slice::from_ref(job))[0];
        assert_near(stacked.params.values(), alone.params.values(), 1e-5, "parameters");
        assert!((stacked.loss - alone.loss).abs() < 1e-5 * alone.loss);
        assert!(alone.params != start);
    }
}

#[test]
fn a_client_that_diverges_hurts_no_other() {
    let data = data(6, 3, &SIZES, 20);
    let plan = plan(mlp(&[16, 8]), &data, local(momentum(0.05)));
    let mut trainer = trainer(&plan, &data);
    let start = initial(&mut trainer);
    let mut jobs: Vec<_> = (0..6).map(|client| job(client, &start)).collect();
    let healthy = train(&mut trainer, &jobs);
    for (sick, poison) in [(2, f32::NAN), (0, f32::INFINITY), (4, f32::MAX)] {
        let mut values = start.values().to_vec();
        values.iter_mut().for_each(|value| *value = poison);
        jobs[sick].params = Arc::new(Params::new(plan.layout.clone(), values).unwrap());
        let updates = train(&mut trainer, &jobs);
        for (client, (update, healthy)) in updates.iter().zip(&healthy).enumerate() {
            if client == sick {
                assert!(update.check(&plan.layout).is_err());
            } else {
                assert_eq!(update, healthy, "client {client} beside {poison}");
            }
        }
        jobs[sick].params = start.clone();
    }
    let wild = Plan { local: local(sgd(1e30)), ..plan.clone() };
    let mut wild = crate::setup::trainer(&wild, &data);
    let check = train(&mut wild, &[job(0, &start)])[0].check(&plan.layout);
    assert!(matches!(check, Err(UpdateError::Loss(_) | UpdateError::Params(_))), "{check:?}");
}

#[test]
fn kept_optimizer_state_survives_the_round_and_reset_state_does_not() {
    let data = data(6, 3, &[17, 9], 20);
    let with = |optimizer_state| {
        let local = LocalSpec { optimizer_state, ..local(momentum(0.05)) };
        plan(mlp(&[8]), &data, local)
    };
    let rounds = |plan: &Plan| {
        let mut trainer = trainer(plan, &data);
        let start = initial(&mut trainer);
        let jobs = [job(0, &start), job(1, &start)];
        let first = train(&mut trainer, &jobs);
        let jobs = [next(&jobs[0], &first[0]), next(&jobs[1], &first[1])];
        (first, train(&mut trainer, &jobs))
    };
    let (first, second) = rounds(&with(OptimizerMemory::Keep));
    let state = first[0].optimizer.as_ref().unwrap();
    assert_eq!((state.steps, state.slots.len()), (10, 1));
    assert_eq!(second[0].optimizer.as_ref().unwrap().steps, 20);
    let (reset_first, reset_second) = rounds(&with(OptimizerMemory::Reset));
    assert_eq!(reset_first[0].optimizer, None);
    assert_eq!(reset_first[0].params, first[0].params, "the first round begins alike");
    assert_ne!(reset_second[0].params, second[0].params, "the second one does not");
}

#[test]
fn the_schedule_depends_on_the_round_and_not_on_earlier_training() {
    let data = data(6, 3, &[16], 20);
    let schedule = Schedule::Step { every: 2, factor: 0.5 };
    let halved = plan(mlp(&[8]), &data, LocalSpec { schedule, ..local(sgd(0.1)) });
    let constant = |lr| plan(mlp(&[8]), &data, local(sgd(lr)));
    let start = initial(&mut trainer(&halved, &data));
    for (round, lr) in [(1, 0.1), (2, 0.05), (3, 0.025)] {
        let mut job = job(0, &start);
        job.round = round;
        let scheduled = train(&mut trainer(&halved, &data), std::slice::from_ref(&job));
        assert_eq!(scheduled, train(&mut trainer(&constant(lr), &data), &[job]), "round {round}");
    }
}

#[test]
fn clipping_bounds_the_step_and_a_large_bound_changes_nothing() {
    let data = data(6, 3, &[4], 20);
    let clipped = |clip| {
        let local = LocalSpec { clip, epochs: Some(1), ..local(sgd(1.0)) };
        let plan = plan(mlp(&[8]), &data, local);
        let mut trainer = trainer(&plan, &data);
        let start = initial(&mut trainer);
        let end = train(&mut trainer, &[job(0, &start)]).remove(0).params;
        let all = LayerSet::all(&plan.layout);
        let length = distance(&start, &end, all.ranges());
        (end, length)
    };
    let (free, length) = clipped(None);
    assert!(length > 0.1);
    assert!((clipped(Some(0.01)).1 - 0.01).abs() < 1e-5);
    assert_eq!(clipped(Some(1e6)).0, free);
}

#[test]
fn a_client_without_examples_returns_its_model_unchanged_and_the_check_finds_it() {
    let data = data(6, 3, &[9, 0], 20);
    let plan = plan(mlp(&[8]), &data, local(sgd(0.1)));
    let mut trainer = trainer(&plan, &data);
    let start = initial(&mut trainer);
    for jobs in [vec![job(1, &start)], vec![job(0, &start), job(1, &start)]] {
        let updates = train(&mut trainer, &jobs);
        let empty = updates.last().unwrap();
        assert_eq!((&empty.params, empty.examples, empty.steps), (&start, 0, 0));
        assert_eq!(empty.check(&plan.layout), Err(UpdateError::NoExamples));
    }
    assert!(train(&mut trainer, &[]).is_empty());
}

#[test]
fn training_learns() {
    for (model, optimizer) in [
        (ModelSpec::Linear, sgd(0.2)),
        (ModelSpec::DiagonalLinear(2), adam(0.05)),
        (mlp(&[16]), momentum(0.05)),
    ] {
        let data = data(6, 3, &[120], 200);
        let plan = plan(model, &data, LocalSpec { epochs: Some(10), ..local(optimizer) });
        let mut trainer = trainer(&plan, &data);
        let start = initial(&mut trainer);
        let end = train(&mut trainer, &[job(0, &start)]).remove(0).params;
        let evaluations =
            trainer.evaluate(&[probe(&start, Split::Test), probe(&end, Split::Test)]).unwrap();
        assert!(evaluations[1].loss() < evaluations[0].loss());
        assert!(evaluations[1].accuracy().unwrap() > 0.85, "{:?}", evaluations[1].accuracy());
    }
}

#[test]
fn another_seed_draws_other_weights_and_the_same_one_the_same() {
    let data = data(6, 3, &[9], 20);
    let plan = plan(mlp(&[8]), &data, local(sgd(0.1)));
    let mut trainer = trainer(&plan, &data);
    let one = trainer.initial(Seed::new(1)).unwrap();
    assert_eq!(one, trainer.initial(Seed::new(1)).unwrap());
    assert_ne!(one, trainer.initial(Seed::new(2)).unwrap());
    assert_eq!(one.layout(), trainer.layout());
}
