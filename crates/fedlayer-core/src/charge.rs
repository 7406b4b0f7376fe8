//! [`charge`]: the bytes that a strategy would send, whatever the transport.

use crate::{ClientId, Federation, LayerBytes, LayerSet};

/// The bytes of a round, layer by layer from the input, as `f32` without any packing.
///
/// Down, every client of the cohort receives the shared layers that are laid over its own (the whole initial model, if it never took part).
/// Up, every client that reported sends the layers in `averaged`. `federation` is as it was before averaging.
pub fn charge(
    federation: &Federation,
    reported: &[ClientId],
    missing: impl IntoIterator<Item = ClientId>,
    averaged: &LayerSet,
) -> Vec<LayerBytes> {
    let layers = averaged.layout().layers();
    let mut receivers = vec![0; layers.len()];
    for client in reported.iter().copied().chain(missing) {
        for layer in federation.received(client).indices() {
            receivers[layer] += 1;
        }
    }
    let senders = |layer| if averaged.contains(layer) { reported.len() as u64 } else { 0 };
    layers
        .iter()
        .enumerate()
        .map(|(index, layer)| {
            let bytes = 4 * layer.range.len() as u64;
            LayerBytes {
                layer: layer.name.clone(),
                up: senders(index) * bytes,
                down: receivers[index] * bytes,
            }
        })
        .collect()
}
