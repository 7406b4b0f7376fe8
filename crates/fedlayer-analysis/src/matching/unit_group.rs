//! [`UnitGroup`]: units that may be permuted, and all axes that a permutation changes.

use fedlayer_core::model::{LayerName, Params, TensorSpec};

use crate::matching::Permutation;

/// Units that may be permuted among each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitGroup {
    /// The first layer that the group acts on; it names the group.
    pub name: LayerName,
    /// The number of units.
    pub units: usize,
    /// The axes that a permutation changes, in the order of the flat parameters; never empty.
    pub axes: Vec<UnitAxis>,
}

/// An axis of a tensor that a permutation of units changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitAxis {
    /// The tensor.
    pub tensor: TensorSpec,
    /// The index of the axis: `tensor.shape[axis]` is units · positions.
    pub axis: usize,
    /// The number of adjacent positions that belong to one unit: 1, or height · width of a channel
    /// after flattening.
    pub positions: usize,
}

impl UnitGroup {
    /// Permutes the units of a model that has the layers of the network.
    pub(super) fn permute(&self, params: &mut Params, order: &Permutation) {
        for axis in &self.axes {
            axis.permute(&mut params.values_mut()[axis.tensor.range.clone()], order);
        }
    }

    /// Returns whether this group also changes the tensor of `axis` on another axis. A group may
    /// cross itself.
    pub(super) fn crosses(&self, axis: &UnitAxis) -> bool {
        let mut axes = self.axes.iter();
        axes.any(|own| own.tensor.name == axis.tensor.name && own.axis != axis.axis)
    }
}

impl UnitAxis {
    /// Returns the number of adjacent values of one unit: its positions times all inner axes.
    pub(super) fn run(&self) -> usize {
        self.positions * self.tensor.shape[self.axis + 1..].iter().product::<usize>()
    }

    fn permute(&self, tensor: &mut [f32], order: &Permutation) {
        let run = self.run();
        // (outer, units, run)
        for block in tensor.chunks_exact_mut(order.units() * run) {
            let before = block.to_vec();
            for (target, &source) in block.chunks_exact_mut(run).zip(order.sources()) {
                target.copy_from_slice(&before[source * run..][..run]);
            }
        }
    }
}
