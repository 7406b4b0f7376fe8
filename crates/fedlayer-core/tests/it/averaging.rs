//! The claims about averages: FedAvg, local training, one client, untouched layers.

use std::sync::Arc;

use fedlayer_core::{
    Seed,
    data::ClientId,
    model::{LayerSet, Layout, Mix, Params},
    round::{Federation, mean_model, weighted_mean},
    spec::Weighting,
    trainer::{TrainJob, Trainer, Update},
};
use proptest::{prelude::*, sample::subsequence};

use crate::support::{any_finite, bits, data, layout, params, plan, update};

/// Four layers of 3, 1, 2 and 2 values.
fn four() -> Arc<Layout> {
    layout(&[("a", 3), ("b", 1), ("c", 2), ("d", 2)])
}

fn any_model() -> impl Strategy<Value = Vec<f32>> {
    prop::collection::vec(any_finite(), 8)
}

fn any_set() -> impl Strategy<Value = LayerSet> {
    subsequence(vec![0, 1, 2, 3], 0..=4).prop_map(|layers| LayerSet::new(four(), layers))
}

/// Returns the values of the layers outside the set, as bits.
fn outside(set: &LayerSet, model: &Params) -> Vec<u32> {
    set.complement().ranges().iter().flat_map(|range| bits(model.range(range))).collect()
}

proptest! {
    #[test]
    fn the_layers_outside_the_set_are_bit_identical(
        target in any_model(),
        other in any_model(),
        set in any_set(),
        weight in 0.0..2.0,
    ) {
        let (base, other) = (params(&four(), &target), params(&four(), &other));
        let mut mean = (*base).clone();
        weighted_mean(&mut mean, &set, &[(3.0, &other), (5.0, &base)]).unwrap();
        prop_assert_eq!(outside(&set, &mean), outside(&set, &base));
        let mix = Mix { base: base.clone(), other, set: set.clone(), weight };
        prop_assert_eq!(outside(&set, &mix.params()), outside(&set, &base));
        prop_assert_eq!(outside(&set, &mix.twin(Seed::new(1))), outside(&set, &base));
    }

    #[test]
    fn a_mix_is_its_ends_bit_for_bit(a in any_model(), b in any_model(), set in any_set()) {
        let (base, other) = (params(&four(), &a), params(&four(), &b));
        let mut swapped = (*base).clone();
        for range in set.ranges() {
            swapped.values_mut()[range.clone()].copy_from_slice(other.range(range));
        }
        let at = |weight| {
            let mix = Mix { base: base.clone(), other: other.clone(), set: set.clone(), weight };
            bits(mix.params().values())
        };
        prop_assert_eq!(at(0.0), bits(&a));
        prop_assert_eq!(at(1.0), bits(swapped.values()));
    }

    /// The average of one client is that client, for every layer set and weighting.
    #[test]
    fn one_client_is_its_own_average_bit_for_bit(
        initial in any_model(),
        model in any_model(),
        examples in 1_u64..u64::from(u32::MAX),
        set in any_set(),
    ) {
        let model = params(&four(), &model);
        let update = update(0, &model, examples);
        for weighting in [Weighting::Examples, Weighting::Equal] {
            let mean = mean_model(weighting, std::slice::from_ref(&update)).unwrap();
            prop_assert_eq!(bits(mean.values()), bits(model.values()));
            let mut federation = Federation::new(params(&four(), &initial));
            federation.commit(1, &set, weighting, std::slice::from_ref(&update)).unwrap();
            prop_assert_eq!(bits(federation.model(ClientId(0)).values()), bits(model.values()));
        }
    }

    /// Σ nₖθₖ / Σ nₖ over the clients of each round, computed without layers.
    #[test]
    fn averaging_all_layers_is_federated_averaging(
        rounds in prop::collection::vec(
            prop::collection::btree_map(0_u32..12, (prop::collection::vec(-9.0_f32..9.0, 8), 1_u64..500), 1..12),
            1..4,
        ),
    ) {
        let mut federation = Federation::new(Arc::new(Params::zeros(four())));
        for (round, clients) in (1..).zip(&rounds) {
            let updates: Vec<Update> = clients
                .iter()
                .map(|(&client, (values, examples))| update(client, &params(&four(), values), *examples))
                .collect();
            federation.commit(round, &LayerSet::all(&four()), Weighting::Examples, &updates).unwrap();
            let total: u64 = clients.values().map(|(_, examples)| examples).sum();
            let average: Vec<f32> = (0..8)
                .map(|i| clients.values().map(|(v, n)| *n as f64 * f64::from(v[i])).sum::<f64>() / total as f64)
                .map(|value| value as f32)
                .collect();
            for client in (0..13).map(ClientId) {
                let model = federation.model(client);
                prop_assert_eq!(model.values(), average.as_slice());
            }
        }
    }

    /// Each layer of a client is the average of the last round that averaged it, or the client's
    /// own if it trained after that.
    #[test]
    fn a_client_has_what_was_averaged_last_or_its_own(
        rounds in prop::collection::vec(
            (any_set(), prop::collection::btree_map(0_u32..4, any_model(), 1..4)),
            1..6,
        ),
    ) {
        let mut federation = Federation::new(Arc::new(Params::zeros(four())));
        let mut models = vec![vec![0.0_f32; 8]; 5];
        for (round, (set, clients)) in (1..).zip(&rounds) {
            let updates: Vec<Update> =
                clients.iter().map(|(&client, values)| update(client, &params(&four(), values), 2)).collect();
            federation.commit(round, set, Weighting::Equal, &updates).unwrap();
            for (&client, values) in clients {
                models[client as usize].clone_from(values);
            }
            let mean = mean_model(Weighting::Equal, &updates).unwrap();
            for model in &mut models {
                for range in set.ranges() {
                    model[range.clone()].copy_from_slice(mean.range(range));
                }
            }
            for (client, model) in models.iter().enumerate() {
                prop_assert_eq!(bits(federation.model(ClientId(client as u32)).values()), bits(model));
            }
        }
    }
}

/// Rounds that average no layer leave each client as if it had trained alone.
#[test]
fn averaging_no_layer_is_local_training() {
    let plan = plan();
    let clients: [&[[f32; 2]]; 3] =
        [&[[0.1, 0.9], [0.3, -1.7]], &[[2.2, 0.0]], &[[-0.6, 4.0], [0.7, 0.7], [1.0, 1.0]]];
    let mut trainer = fedlayer_core::trainer::ToyTrainer::new(&plan, data(&clients)).unwrap();
    let initial = Arc::new(trainer.initial(Seed::new(3)).unwrap());
    let mut train = |round, client, params: Arc<Params>| {
        let seed = Seed::new(0);
        let job = TrainJob { client: ClientId(client), round, params, optimizer: None, seed };
        trainer.train(&[job]).remove(0).unwrap()
    };
    let mut federation = Federation::new(initial.clone());
    let mut alone = vec![initial; 3];
    for round in 1..=3 {
        let updates: Vec<Update> =
            (0..3).map(|client| train(round, client, federation.model(ClientId(client)))).collect();
        let none = LayerSet::none(&plan.layout);
        federation.commit(round, &none, Weighting::Examples, &updates).unwrap();
        for (client, model) in (0..).zip(&mut alone) {
            *model = train(round, client, model.clone()).params;
            assert_eq!(bits(federation.model(ClientId(client)).values()), bits(model.values()));
        }
    }
}

#[test]
fn weights_are_examples_or_equal() {
    let layout = layout(&[("a", 1)]);
    let updates = [update(0, &params(&layout, &[1.0]), 3), update(1, &params(&layout, &[5.0]), 1)];
    let mean = |weighting| mean_model(weighting, &updates).unwrap().values()[0];
    assert_eq!(mean(Weighting::Examples), 2.0);
    assert_eq!(mean(Weighting::Equal), 3.0);
}

/// Sums run in f64: in f32, 2²⁴ + 1 is 2²⁴, and all small models would be lost.
#[test]
fn many_models_do_not_lose_the_small_ones() {
    let layout = layout(&[("a", 1)]);
    let large = update(0, &params(&layout, &[16_777_216.0]), 1);
    let small = update(1, &params(&layout, &[1.0]), 1);
    let updates: Vec<Update> =
        std::iter::once(large).chain(std::iter::repeat_n(small, 1023)).collect();
    let mean = mean_model(Weighting::Equal, &updates).unwrap();
    assert_eq!(mean.values()[0], ((16_777_216.0_f64 + 1023.0) / 1024.0) as f32);
}
