//! [`UnitGroup`]: units that may be permuted, and every axis that a permutation of them changes.

use fedlayer_core::model::{LayerName, Params, TensorSpec};

use crate::matching::Permutation;

/// Units that may change places with one another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitGroup {
    /// The first layer that the group acts on, by which people know it.
    pub name: LayerName,
    /// How many units there are.
    pub units: usize,
    /// Every axis that changes with them, in the order of the flat parameters. Never empty.
    pub axes: Vec<UnitAxis>,
}

/// An axis of a tensor that changes when units change places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitAxis {
    /// The tensor.
    pub tensor: TensorSpec,
    /// Which of its axes: `tensor.shape[axis]` is units · places.
    pub axis: usize,
    /// Neighbouring places of the axis that belong to one unit: 1, or the height · width of a channel behind a flattening.
    pub positions: usize,
}

impl UnitGroup {
    /// Puts the units of a model in another order. The parameters are of the network's layers, the order is of as many units.
    pub(super) fn permute(&self, params: &mut Params, order: &Permutation) {
        for axis in &self.axes {
            axis.permute(&mut params.values_mut()[axis.tensor.range.clone()], order);
        }
    }

    /// Whether the tensor of an axis changes with this group on another axis. A group may cross its own.
    pub(super) fn crosses(&self, axis: &UnitAxis) -> bool {
        let mut axes = self.axes.iter();
        axes.any(|own| own.tensor.name == axis.tensor.name && own.axis != axis.axis)
    }
}

impl UnitAxis {
    /// Values of one unit that lie together: its places and all axes inside.
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
