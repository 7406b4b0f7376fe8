//! [`Symmetry`]: which units of a network may change places without changing its function.

use std::sync::Arc;

use fedlayer_core::{
    Seed,
    model::{
        Layout,
        architecture::{Architecture, ArchitectureError},
    },
};

use crate::matching::{
    Permutation, UnitGroup,
    unit_walk::{Freedom, UnitWalk},
};

/// Which units of a network may change places without changing its function: groups of hidden channels or neurons, read off the list of operations.
///
/// Reordering the units of a group everywhere it acts (the rows of the layers that make them, the values of their normalisation, the columns of
/// the layers that read them) leaves every output as it is. Left alone, and so in no group:
///
/// * the inputs and the outputs;
/// * channels before a group normalisation: its groups are fixed places (orders that map groups to groups would do, but are not sought). One
///   group of all channels, or one for each, ties nothing;
/// * a residual stream with a shortcut that pads with zeros (ResNet-20): the padding ties the channels to fixed places in all later stages.
///   The channels inside its blocks are free;
/// * queries, keys and values inside an attention. The stream of a transformer and the hidden units of its perceptrons are free.
///
/// Layers that write into one residual stream share a group; a shortcut with a convolution begins a stream of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Symmetry {
    layout: Arc<Layout>,
    groups: Vec<UnitGroup>,
}

impl Symmetry {
    /// The symmetry of a network.
    ///
    /// # Errors
    /// When two layers share a name, or a layer does not fit what comes to it.
    pub fn of(architecture: &Architecture) -> Result<Self, ArchitectureError> {
        let layout = architecture.layout()?;
        let mut walk = UnitWalk::default();
        let input = walk.group(0, Freedom::Fixed);
        let output = walk.all(&architecture.ops, input);
        walk.fix(output);
        Ok(Self { groups: walk.groups(&layout)?, layout: Arc::new(layout) })
    }

    /// The layers of the network.
    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// The groups, in the order of their first axes.
    pub fn groups(&self) -> &[UnitGroup] {
        &self.groups
    }

    /// A random order of each group, for a model that is another point and the same function.
    pub fn random(&self, seed: Seed) -> Vec<Permutation> {
        let mut generator = seed.generator();
        self.groups.iter().map(|group| Permutation::random(group.units, &mut generator)).collect()
    }
}
