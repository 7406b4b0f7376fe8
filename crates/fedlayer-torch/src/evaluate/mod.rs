//! Evaluation of models on a split, and derivatives of the loss.
//!
//! In reading order:
//!
//! * `split_data`: the examples of a split; `accumulator`: the losses and hits of its batches.
//! * `point`: the layers of a point on the device; `running_statistics`: measures running
//!   statistics anew before an evaluation.
//! * `prefix_tree`: the order in which points share their first layers; `prefix_sharing` evaluates
//!   them in that order; `layer_cache` keeps their layers on the device.
//! * `derivative`: gradients, and products of the Hessian with directions.

mod accumulator;
pub(crate) mod derivative;
mod layer_cache;
mod point;
mod prefix_sharing;
mod prefix_tree;
mod running_statistics;
mod split_data;

use std::collections::BTreeSet;

use fedlayer_core::{
    data::Split,
    trainer::{Evaluation, Probe},
};
use tch::TchError;

use crate::{
    engine::Engine,
    network::{LayerTensors, Mode},
};
use accumulator::Accumulator;
use layer_cache::LayerCache;
use prefix_tree::LayerIds;

pub(crate) use point::layers_of;
pub use running_statistics::measured_examples;
pub(crate) use split_data::{SplitCache, SplitData};

/// The computations that the probes of a call share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// All layers up to the first one that differs.
    Prefixes,
    /// No layer.
    Nothing,
}

/// Evaluates each probe. Returns one evaluation per probe, in the same order.
///
/// Adds the number of computed layers to `computed`, one per layer and example.
pub(crate) fn evaluate(
    engine: &Engine,
    splits: &mut SplitCache,
    probes: &[Probe],
    sharing: Sharing,
    computed: &mut u64,
) -> Result<Vec<Evaluation>, TchError> {
    let _guard = tch::no_grad_guard();
    match sharing {
        Sharing::Nothing => probes
            .iter()
            .map(|probe| {
                let layers = layers_of(engine, &probe.point)?;
                evaluate_layers(engine, &layers, &splits.get(engine, probe.split)?, computed)
            })
            .collect(),
        Sharing::Prefixes if running_statistics::are_measured(engine) => {
            evaluate_recalibrated(engine, splits, probes, computed)
        }
        Sharing::Prefixes => evaluate_shared(engine, splits, probes, computed),
    }
}

/// Evaluates each different point by itself. With running statistics measured anew, no two points
/// have a layer in common.
fn evaluate_recalibrated(
    engine: &Engine,
    splits: &mut SplitCache,
    probes: &[Probe],
    computed: &mut u64,
) -> Result<Vec<Evaluation>, TchError> {
    let mut evaluations = vec![Evaluation::default(); probes.len()];
    let points = probes.iter().map(|probe| &probe.point).enumerate();
    for node in LayerIds::default().nodes(points, engine.layout.layers().len()) {
        let layers = layers_of(engine, node.point)?;
        for probe in node.probes {
            let data = splits.get(engine, probes[probe].split)?;
            evaluations[probe] = evaluate_layers(engine, &layers, &data, computed)?;
        }
    }
    Ok(evaluations)
}

/// Evaluates the probes split by split. Points of a split share their common prefixes.
fn evaluate_shared(
    engine: &Engine,
    splits: &mut SplitCache,
    probes: &[Probe],
    computed: &mut u64,
) -> Result<Vec<Evaluation>, TchError> {
    let mut evaluations = vec![Evaluation::default(); probes.len()];
    let (mut ids, mut cache) = (LayerIds::default(), LayerCache::default());
    let different: BTreeSet<Split> = probes.iter().map(|probe| probe.split).collect();
    for split in different {
        let data = splits.get(engine, split)?;
        let points = probes.iter().enumerate().filter(|(_, probe)| probe.split == split);
        let points = points.map(|(index, probe)| (index, &probe.point));
        let nodes = ids.nodes(points, engine.layout.layers().len());
        let found = prefix_sharing::evaluate(engine, &mut cache, &nodes, &data, computed)?;
        for (node, evaluation) in nodes.iter().zip(found) {
            node.probes.iter().for_each(|&probe| evaluations[probe] = evaluation.clone());
        }
    }
    Ok(evaluations)
}

/// Evaluates one network by itself.
pub(crate) fn evaluate_layers(
    engine: &Engine,
    layers: &[LayerTensors],
    data: &SplitData,
    computed: &mut u64,
) -> Result<Evaluation, TchError> {
    let _guard = tch::no_grad_guard();
    let mut accumulator = Accumulator::default();
    for (start, count) in data.batches(engine) {
        let batch = data.batch(engine, start, count)?;
        let logits = engine.network.logits(layers, &batch.inputs, &mut Mode::Evaluate)?;
        accumulator.add(engine, &logits, &batch.labels)?;
        *computed += (layers.len() * count) as u64;
    }
    accumulator.evaluation()
}
