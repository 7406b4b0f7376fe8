//! [`traffic`]: the bytes that a strategy would send, independent of the transport.

use crate::{
    data::ClientId,
    model::{Layer, LayerSet},
    record::LayerBytes,
    round::Federation,
};

/// Counts the bytes of a round, layer by layer from the input, as uncompressed `f32`.
///
/// Down: every client of the cohort receives the shared layers that overlay its own, and the whole
/// initial model the first time. Up: every client that reported sends the layers in `averaged`.
/// `federation` is the state before averaging.
///
/// Running statistics and batch counters are sent with their layer if they are averaged. If every
/// client keeps its own, they are sent once, in the initial model.
pub fn traffic(
    federation: &Federation,
    reported: &[ClientId],
    missing: impl IntoIterator<Item = ClientId>,
    averaged: &LayerSet,
) -> Vec<LayerBytes> {
    let layout = averaged.layout();
    let whole = |layer: usize| 4 * layout.layers()[layer].range.len() as u64;
    let moving: Vec<u64> = (0..layout.layers().len())
        .map(|layer| LayerSet::new(layout.clone(), [layer]).bytes())
        .collect();
    let mut down = vec![0; moving.len()];
    for client in reported.iter().copied().chain(missing) {
        let is_new = !federation.clients().contains_key(&client);
        for layer in federation.received(client).indices() {
            down[layer] += if is_new { whole(layer) } else { moving[layer] };
        }
    }
    let senders = |layer| if averaged.contains(layer) { reported.len() as u64 } else { 0 };
    let bytes = |(index, (layer, down)): (usize, (&Layer, u64))| LayerBytes {
        layer: layer.name.clone(),
        up: senders(index) * moving[index],
        down,
    };
    layout.layers().iter().zip(down).enumerate().map(bytes).collect()
}
