//! [`Symmetry`]: the units of a network that may be permuted without changing its function.

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

/// The units of a network that may be permuted without changing its function: groups of hidden
/// channels or neurons, derived from the list of operations.
///
/// A permutation of a group applies everywhere: to the rows of the layers that produce the units,
/// to the values of their normalisation, and to the columns of the layers that read them. All
/// outputs stay the same. These units are in no group:
///
/// * the inputs and the outputs;
/// * channels before a group normalisation, because its groups are fixed. (Permutations that map
///   groups to groups are possible, but not searched.) A group normalisation with one group, or
///   with one group per channel, fixes nothing;
/// * a residual stream with a shortcut that pads with zeros (ResNet-20): the padding fixes the
///   channels of all later stages. The channels inside its blocks are free;
/// * queries, keys and values inside an attention. The stream of a transformer and the hidden units
///   of its perceptrons are free.
///
/// Layers that write into one residual stream share a group. A shortcut with a convolution begins a
/// new stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Symmetry {
    layout: Arc<Layout>,
    groups: Vec<UnitGroup>,
}

impl Symmetry {
    /// Finds the symmetry of a network.
    ///
    /// # Errors
    /// When two layers share a name, or a layer does not fit its input.
    pub fn of(architecture: &Architecture) -> Result<Self, ArchitectureError> {
        let layout = architecture.layout()?;
        let mut walk = UnitWalk::default();
        let input = walk.group(0, Freedom::Fixed);
        let output = walk.follow_all(&architecture.ops, input);
        walk.fix(output);
        Ok(Self { groups: walk.groups(&layout)?, layout: Arc::new(layout) })
    }

    /// Returns the layers of the network.
    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// Returns the groups, in the order of their first axes.
    pub fn groups(&self) -> &[UnitGroup] {
        &self.groups
    }

    /// Draws a random permutation of each group, to make another model with the same function.
    pub fn random(&self, seed: Seed) -> Vec<Permutation> {
        let mut generator = seed.generator();
        self.groups.iter().map(|group| Permutation::random(group.units, &mut generator)).collect()
    }
}
