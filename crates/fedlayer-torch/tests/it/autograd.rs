//! Networks that are computed one client after the other: repeatable, and with correct running
//! statistics.

use std::sync::Arc;

use fedlayer_core::{
    Plan, Seed,
    data::{ClientId, DrawClient, DrawnSizes, Examples, FederatedData, Split},
    model::{LayerSet, Mix, Ownership, Params, Point, Role},
    spec::*,
    trainer::{Evaluation, Probe, Trainer, Update},
};
use rand::RngExt;

use crate::setup::*;

/// Images of 8 × 8 pixels in three classes that can be learnt: each class lights another third of
/// the image.
fn images(clients: &[usize]) -> Arc<FederatedData> {
    let mut generator = Seed::new(4).child("images").generator();
    let mut draw = |count: usize| {
        let (mut values, mut labels) = (Vec::new(), Vec::new());
        for example in 0..count {
            let label = example % 3;
            labels.push(label as u32);
            for pixel in 0..64 {
                let lit = if pixel * 3 / 64 == label { 1.0 } else { 0.0 };
                values.push(lit + generator.random::<f32>() - 0.5);
            }
        }
        Arc::new(Examples::new(vec![1, 8, 8], 3, values, labels))
    };
    let pool = draw(clients.iter().sum());
    let mut next = 0..;
    let mut take = |count| next.by_ref().take(count).collect::<Vec<u32>>();
    let clients: Vec<_> = clients.iter().map(|&train| (take(train), Vec::new())).collect();
    Arc::new(FederatedData::new(pool, draw(60), clients))
}

fn conv(out: u32) -> LayerSpec {
    LayerSpec::Conv(ConvSpec {
        out_channels: out,
        kernel: 3,
        stride: 1,
        padding: 1,
        bias: true,
        name: None,
    })
}

fn norm() -> LayerSpec {
    LayerSpec::Norm(NormSpec { kind: NormKind::Batch, groups: None, name: None })
}

fn linear(out: u32) -> LayerSpec {
    LayerSpec::Linear(LinearSpec { out_features: out, bias: true, name: None })
}

/// A convolution, the layer `behind` it, and a head.
fn network(behind: LayerSpec) -> ModelSpec {
    let pool = LayerSpec::MaxPool(PoolSpec { kernel: 2, stride: None });
    ModelSpec::Layers(vec![conv(6), behind, LayerSpec::Relu, pool, LayerSpec::Flatten, linear(3)])
}

fn with_augment(mut plan: Plan) -> Plan {
    plan.data.augment = Augment { crop: 1, flip: true };
    plan
}

#[test]
fn a_job_gives_the_same_bytes_alone_in_company_and_again() {
    let data = images(&[30, 17]);
    let model = network(LayerSpec::Dropout(0.3));
    let plan = with_augment(plan(model, &data, local(momentum(0.05))));
    let mut one = trainer(&plan, &data);
    let start = initial(&mut one);
    let jobs = [job(0, &start), job(1, &start)];
    let together = train(&mut one, &jobs);
    assert_eq!(together, train(&mut trainer(&plan, &data), &jobs), "another trainer");
    let apart = jobs.iter().rev().map(|job| train(&mut one, std::slice::from_ref(job)).remove(0));
    assert_eq!(together, apart.collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>());
    let mut other = jobs[0].clone();
    other.seed = other.seed.child("other");
    assert_ne!(together[0].params, train(&mut one, &[other])[0].params);
}

#[test]
fn dropout_and_augmentation_are_for_training_alone() {
    let data = images(&[30]);
    let dropped = plan(network(LayerSpec::Dropout(0.5)), &data, local(sgd(0.1)));
    let plain = plan(network(LayerSpec::Tanh), &data, local(sgd(0.1)));
    let update = |plan: &Plan| {
        let mut trainer = trainer(plan, &data);
        let start = initial(&mut trainer);
        train(&mut trainer, &[job(0, &start)]).remove(0)
    };
    assert_ne!(update(&dropped).params, update(&with_augment(dropped.clone())).params);
    let evaluate = |plan: &Plan| {
        let mut trainer = trainer(plan, &data);
        let start = initial(&mut trainer);
        trainer.evaluate(&[probe(&start, Split::Train)]).unwrap()
    };
    assert_eq!(evaluate(&dropped), evaluate(&with_augment(dropped.clone())));
    assert_ne!(evaluate(&dropped), evaluate(&plain), "the test sees what a layer does");
}

#[test]
fn networks_learn_in_both_precisions_and_are_evaluated_in_the_full_one() {
    let data = images(&[60]);
    let accuracy = |precision, model: &ModelSpec| {
        let local = LocalSpec { precision, epochs: Some(8), ..local(momentum(0.05)) };
        let plan = plan(model.clone(), &data, local);
        let mut trainer = trainer(&plan, &data);
        let start = initial(&mut trainer);
        let update = train(&mut trainer, &[job(0, &start)]).remove(0);
        let evaluation = trainer.evaluate(&[probe(&update.params, Split::Test)]).unwrap().remove(0);
        (update, evaluation.accuracy().unwrap())
    };
    for model in [network(norm()), mlp(&[16])] {
        let (full, by_full) = accuracy(Precision::F32, &model);
        let (half, by_half) = accuracy(Precision::Bf16, &model);
        assert!(by_full > 0.9 && by_half > 0.9, "{by_full} and {by_half}");
        assert_ne!(full.params, half.params, "bf16 rounds");
    }
}

#[test]
fn weight_decay_leaves_running_statistics_alone() {
    let data = images(&[32]);
    let of = |weight_decay| {
        let optimizer = Optimizer::Sgd(Sgd { weight_decay, momentum: 0.9, ..Sgd::new(1e-12) });
        let plan = plan(network(norm()), &data, local(optimizer));
        let mut trainer = trainer(&plan, &data);
        let start = initial(&mut trainer);
        train(&mut trainer, &[job(0, &start)]).remove(0).params
    };
    // A step of 1e-12 changes no weight, so that the statistics are those of the data with any
    // decay.
    let (without, with) = (of(0.0), of(0.5));
    assert_eq!(without, with);
    let batches = without.layout().statistics().last().unwrap();
    assert_eq!(without.range(&batches.range), [16.0], "two epochs of eight batches");
}

/// Two networks with the same initial values, trained on different clients.
fn pair(
    statistics: Statistics,
    data: &Arc<FederatedData>,
) -> (fedlayer_torch::TorchTrainer, Vec<Update>) {
    let local = LocalSpec { epochs: Some(12), ..local(momentum(0.1)) };
    let mut plan = plan(network(norm()), data, local);
    plan.strategy.statistics = statistics;
    plan.layout = Arc::new(plan.layout.with_ownership(statistics.ownership()));
    let mut trainer = trainer(&plan, data);
    let start = initial(&mut trainer);
    let ends = train(&mut trainer, &[job(0, &start), job(1, &start)]);
    (trainer, ends)
}

fn mix(ends: &[Update], weight: f64) -> Mix {
    let (base, other) = (ends[0].params.clone(), ends[1].params.clone());
    Mix { set: LayerSet::all(base.layout()), base, other, weight }
}

fn of_point(trainer: &mut fedlayer_torch::TorchTrainer, point: Point) -> Evaluation {
    trainer.evaluate(&[Probe { point, split: Split::Test }]).unwrap().remove(0)
}

#[test]
fn the_policy_of_running_statistics_decides_the_barrier() {
    let data = images(&[30, 33]);
    let losses = [Statistics::Average, Statistics::Keep, Statistics::Recompute, Statistics::Repair]
        .map(|statistics| {
            let (mut trainer, ends) = pair(statistics, &data);
            let loss = |point| of_point(&mut trainer, point).loss().unwrap();
            let mut loss = loss;
            let end = loss(Point::Model(ends[0].params.clone()));
            let half = loss(Point::Mix(mix(&ends, 0.5)));
            let none = loss(Point::Mix(mix(&ends, 0.0)));
            assert_eq!(none, end, "{statistics:?}: a mix of nothing is its base");
            (end, half)
        });
    let [(average_end, average), (keep_end, keep), (recompute_end, recompute), (_, repair)] =
        losses;
    assert_eq!(average_end, keep_end, "training does not depend on the policy");
    assert_ne!(average_end, recompute_end);
    for (one, other) in [(average, keep), (average, recompute), (recompute, repair)] {
        assert_ne!(one, other);
    }
}

#[test]
fn statistics_that_stay_with_the_model_are_in_no_mix() {
    let (_, ends) = pair(Statistics::Keep, &images(&[30, 33]));
    let mixed = mix(&ends, 0.5).params();
    for tensor in mixed.layout().tensors() {
        let (base, mixed) = (ends[0].params.range(&tensor.range), mixed.range(&tensor.range));
        assert_eq!(base == mixed, tensor.role == Role::Statistic, "{}", tensor.name);
    }
    assert_eq!(mixed.layout().ownership(), Ownership::Model);
}

#[test]
fn statistics_measured_anew_are_those_of_the_training_data() {
    // All 63 examples are one batch. The measured statistics are those of the batch, so that
    // evaluation and training agree.
    let (mut trainer, ends) = pair(Statistics::Recompute, &images(&[30, 33]));
    let mut spoilt: Params = (*ends[0].params).clone();
    let statistics: Vec<_> = spoilt.layout().statistics().map(|t| t.range.clone()).collect();
    statistics.into_iter().for_each(|range| spoilt.values_mut()[range].fill(7.0));
    let whole = of_point(&mut trainer, Point::Model(ends[0].params.clone()));
    assert_eq!(of_point(&mut trainer, Point::Model(Arc::new(spoilt))), whole);
}

/// Clients of two features that are drawn when they are needed.
#[derive(Debug)]
struct Drawn;

impl DrawClient for Drawn {
    fn clients(&self) -> usize {
        1_000_000
    }

    fn sizes(&self) -> DrawnSizes {
        DrawnSizes { train: 9, validation: 0, test: 3 }
    }

    fn draw(&self, client: ClientId) -> Examples {
        let mut generator = Seed::new(8).index(client.0.into()).generator();
        let values = (0..24).map(|_| generator.random::<f32>() - 0.5).collect();
        Examples::new(vec![2], 2, values, (0..12).map(|label| label % 2).collect())
    }
}

#[test]
fn a_drawn_client_trains_as_one_that_was_there_all_along() {
    let ids = [999_999, 3, 500_000].map(ClientId);
    let test = Arc::new(Drawn.draw(ClientId(7)));
    let drawn = Arc::new(FederatedData::drawn(Arc::new(Drawn), test.clone()));
    let values = ids.iter().flat_map(|&id| Drawn.draw(id).all_values()).collect();
    let labels = (0..36).map(|label| label % 2).collect();
    let pool = Arc::new(Examples::new(vec![2], 2, values, labels));
    let clients =
        (0..3).map(|i| ((12 * i..12 * i + 9).collect(), (12 * i + 9..12 * i + 12).collect()));
    let pooled = Arc::new(FederatedData::new(pool, test, clients));
    for model in [mlp(&[5]), ModelSpec::Layers(vec![linear(4), LayerSpec::Gelu, linear(2)])] {
        let of = |data: &Arc<FederatedData>, ids: &[u32]| {
            let plan = plan(model.clone(), data, local(momentum(0.1)));
            let mut trainer = trainer(&plan, data);
            let start = initial(&mut trainer);
            let jobs: Vec<_> = (0..3)
                .map(|i| fedlayer_core::trainer::TrainJob {
                    client: ClientId(ids[i]),
                    ..job(i as u32, &start)
                })
                .collect();
            let updates = train(&mut trainer, &jobs);
            let own = updates.iter().map(|u| probe(&u.params, Split::ClientTest(u.client)));
            let own = trainer.evaluate(&own.collect::<Vec<_>>()).unwrap();
            (updates.into_iter().map(|u| (u.params, u.loss)).collect::<Vec<_>>(), own)
        };
        assert_eq!(of(&drawn, &ids.map(|id| id.0)), of(&pooled, &[0, 1, 2]));
    }
}
