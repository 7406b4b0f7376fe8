//! [`LayerCache`]: the layers of a call's points on the device, each computed and copied once.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use tch::TchError;

use crate::{engine::Engine, network::LayerTensors};

use super::prefix_tree::PrefixNode;

/// The size in bytes from which layers that are not needed are dropped.
const FULL: usize = 256 << 20;

/// Layers on the device, by the id of the layer.
#[derive(Debug, Default)]
pub(super) struct LayerCache(BTreeMap<usize, LayerTensors>);

impl LayerCache {
    /// Returns the layers of each node of a group. Drops layers that the group does not need if the
    /// cache is full.
    pub(super) fn layers_of(
        &mut self,
        engine: &Engine,
        group: &[PrefixNode<'_>],
    ) -> Result<Vec<Vec<LayerTensors>>, TchError> {
        let needed: BTreeSet<usize> =
            group.iter().flat_map(|node| node.layer_ids.iter().copied()).collect();
        let bytes =
            |layer: &LayerTensors| layer.iter().map(|tensor| 4 * tensor.numel()).sum::<usize>();
        if self.0.values().map(bytes).sum::<usize>() > FULL {
            self.0.retain(|id, _| needed.contains(id));
        }
        group.iter().map(|node| self.node_layers(engine, node)).collect()
    }

    fn node_layers(
        &mut self,
        engine: &Engine,
        node: &PrefixNode<'_>,
    ) -> Result<Vec<LayerTensors>, TchError> {
        // A twin is drawn as a whole: once for all of its layers.
        let mut twin = None;
        let mut layers = Vec::with_capacity(node.layer_ids.len());
        for (index, id) in node.layer_ids.iter().enumerate() {
            if let Some(tensors) = self.0.get(id) {
                layers.push(Rc::clone(tensors));
                continue;
            }
            let layer = node.point.layer(index);
            let tensors = if layer.is_drawn() {
                let twin = twin.get_or_insert_with(|| node.point.params());
                engine.upload_layer(index, twin.range(&engine.layout.layers()[index].range))?
            } else {
                engine.upload_layer(index, &layer.values())?
            };
            self.0.insert(*id, Rc::clone(&tensors));
            layers.push(tensors);
        }
        Ok(layers)
    }
}
