//! [`evaluate`]: evaluates the points of a call, and computes their common prefixes once.
//!
//! The points are in depth-first order (see `prefix_tree`), and each batch goes through all of
//! them. Each point continues from the deepest layer up to which it equals the point before it.
//! Every operation sees the same numbers in the same shapes as without other points. The losses are
//! therefore the same, bit for bit.

use fedlayer_core::trainer::Evaluation;
use tch::TchError;

use crate::{
    engine::Engine,
    examples::Batch,
    network::{Activations, LayerTensors, Mode},
};

use super::{
    accumulator::Accumulator,
    layer_cache::LayerCache,
    prefix_tree::{self, Checkpoints, PrefixNode},
    split_data::SplitData,
};

/// The largest size in bytes of the different layers of a group of points. More points are
/// evaluated group by group.
const GROUP_BYTES: usize = 512 << 20;

/// Evaluates nodes in depth-first order. Returns one evaluation per node, in the same order.
pub(super) fn evaluate(
    engine: &Engine,
    cache: &mut LayerCache,
    nodes: &[PrefixNode<'_>],
    data: &SplitData,
    computed: &mut u64,
) -> Result<Vec<Evaluation>, TchError> {
    let bytes: Vec<usize> =
        engine.layout.layers().iter().map(|layer| 4 * layer.range.len()).collect();
    let mut evaluations = Vec::with_capacity(nodes.len());
    for group in prefix_tree::groups(nodes, &bytes, GROUP_BYTES) {
        let mut passes = Pass::of_group(engine, cache, &nodes[group])?;
        for (start, count) in data.batches(engine) {
            let batch = data.batch(engine, start, count)?;
            let layers = evaluate_batch(engine, &batch, &mut passes)?;
            *computed += (layers * count) as u64;
        }
        for pass in passes {
            evaluations.push(pass.accumulator.evaluation()?);
        }
    }
    Ok(evaluations)
}

/// The evaluation of one node.
struct Pass {
    layers: Vec<LayerTensors>,
    checkpoints: Checkpoints,
    accumulator: Accumulator,
}

impl Pass {
    /// The evaluations of a group of nodes, in the same order.
    fn of_group(
        engine: &Engine,
        cache: &mut LayerCache,
        group: &[PrefixNode<'_>],
    ) -> Result<Vec<Self>, TchError> {
        let checkpoints = match engine.network.can_resume() {
            true => prefix_tree::checkpoints(group),
            false => vec![Checkpoints { shared: 0, kept: Vec::new() }; group.len()],
        };
        let pairs = cache.layers_of(engine, group)?.into_iter().zip(checkpoints);
        let pass = |(layers, checkpoints)| {
            let accumulator = Accumulator::default();
            Self { layers, checkpoints, accumulator }
        };
        Ok(pairs.map(pass).collect())
    }
}

/// Evaluates a batch with each pass of a group. Returns the number of computed layers.
fn evaluate_batch(engine: &Engine, batch: &Batch, passes: &mut [Pass]) -> Result<usize, TchError> {
    let network = &engine.network;
    let mut computed = 0;
    // The kept activations with their depths, the deepest one last.
    let mut kept: Vec<(usize, Activations)> = Vec::new();
    for Pass { layers, checkpoints, accumulator } in passes {
        kept.retain(|(depth, _)| *depth <= checkpoints.shared);
        let (depth, mut activations) = match kept.last() {
            Some((depth, activations)) => (*depth, activations.share()),
            None => (0, network.begin(&batch.inputs, &mut Mode::Evaluate)?),
        };
        for (index, layer) in layers.iter().enumerate().skip(depth) {
            if checkpoints.kept.contains(&index) {
                kept.push((index, activations.share()));
            }
            activations = network.apply_layer(index, layer, activations, &mut Mode::Evaluate)?;
        }
        computed += layers.len() - depth;
        let logits = network.end(activations, &Mode::Evaluate)?; // (B·targets, C)
        accumulator.add(engine, &logits, &batch.labels)?;
    }
    Ok(computed)
}
