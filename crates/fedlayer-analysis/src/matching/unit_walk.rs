//! [`UnitWalk`]: follows the units of a network through its operations, and finds which sets of
//! units are the same.

use std::collections::BTreeMap;

use fedlayer_core::model::{
    LayerName, Layout, TensorSpec,
    architecture::{ArchitectureError, Attention, Embedding, Norm, Op},
};

use crate::matching::{UnitAxis, UnitGroup};

/// Free units may be permuted; fixed units may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Freedom {
    Free,
    Fixed,
}

/// A set of units in the network. It may turn out to be the same as an earlier one.
#[derive(Debug)]
struct UnitSet {
    units: usize,
    freedom: Freedom,
    same_as: Option<usize>,
}

/// Follows the units through the operations. A group is an index in `sets`.
#[derive(Debug, Default)]
pub(super) struct UnitWalk {
    sets: Vec<UnitSet>,
    /// The axes of each tensor, with the group of each axis.
    axes: BTreeMap<String, Vec<(usize, usize)>>,
    /// The units of the token embedding, if there is one: examples are then `(T, width)`.
    pub(super) tokens: Option<usize>,
}

impl UnitWalk {
    pub(super) fn group(&mut self, units: usize, freedom: Freedom) -> usize {
        self.sets.push(UnitSet { units, freedom, same_as: None });
        self.sets.len() - 1
    }

    /// Returns the earliest group that is the same as this one.
    pub(super) fn root(&self, mut group: usize) -> usize {
        while let Some(earlier) = self.sets[group].same_as {
            group = earlier;
        }
        group
    }

    pub(super) fn fix(&mut self, group: usize) {
        let root = self.root(group);
        self.sets[root].freedom = Freedom::Fixed;
    }

    /// Unites two sets of units that are added to each other. Sets of different sizes (a flattened
    /// image and a row) have different units: both become fixed.
    fn unite(&mut self, a: usize, b: usize) -> usize {
        let (a, b) = (self.root(a), self.root(b));
        let (earlier, later) = (a.min(b), a.max(b));
        if self.sets[a].units != self.sets[b].units {
            self.fix(earlier);
            self.fix(later);
        } else if earlier != later {
            if self.sets[later].freedom == Freedom::Fixed {
                self.fix(earlier);
            }
            self.sets[later].same_as = Some(earlier);
        }
        earlier
    }

    fn add_axis(&mut self, group: usize, layer: &str, tensor: &str, axis: usize) {
        self.axes.entry(format!("{layer}.{tensor}")).or_default().push((axis, group));
    }

    /// Adds a layer that reads the units of one group and produces new ones.
    fn add_layer(&mut self, layer: &str, input: usize, out: usize) -> usize {
        let made = self.group(out, Freedom::Free);
        self.add_axis(made, layer, "weight", 0);
        self.add_axis(made, layer, "bias", 0);
        self.add_axis(input, layer, "weight", 1);
        made
    }

    pub(super) fn follow_all(&mut self, ops: &[Op], input: usize) -> usize {
        ops.iter().fold(input, |units, op| self.follow(op, units))
    }

    /// Follows the units through an operation and returns the output units.
    fn follow(&mut self, op: &Op, input: usize) -> usize {
        match op {
            Op::Conv(conv) => self.add_layer(&conv.name, input, conv.out_channels),
            Op::Linear(linear) => self.add_layer(&linear.name, input, linear.out_features),
            Op::Norm(norm) => self.norm(norm, input),
            Op::Activation(_) | Op::Pool(_) | Op::Dropout(_) => input,
            Op::Flatten => {
                // The values of a channel are adjacent in the row; those of a neuron of `(T,
                // width)` are not.
                if self.tokens.is_some() {
                    self.fix(input);
                }
                input
            }
            Op::Residual { body, shortcut } => {
                let through = self.follow_all(body, input);
                let around = self.follow_all(shortcut, input);
                self.unite(through, around)
            }
            Op::Subsample { channels, .. } => {
                if self.sets[self.root(input)].units == *channels {
                    return input;
                }
                self.fix(input);
                self.group(*channels, Freedom::Fixed)
            }
            Op::Embedding(embedding) => self.embedding(embedding),
            Op::Attention(attention) => self.attention(attention, input),
            Op::TiedHead => {
                // The head reads the stream in the order of the embedding's columns.
                if let Some(tokens) = self.tokens {
                    self.unite(tokens, input);
                }
                self.group(0, Freedom::Fixed)
            }
        }
    }

    /// A normalisation keeps the order of its units; a group normalisation of several groups fixes
    /// it.
    fn norm(&mut self, norm: &Norm, input: usize) -> usize {
        let name = match norm {
            Norm::Batch { name, .. } | Norm::Layer { name, .. } | Norm::Group { name, .. } => name,
        };
        if let Norm::Group { channels, groups, .. } = norm
            && *groups > 1
            && groups < channels
        {
            self.fix(input);
        }
        for tensor in ["weight", "bias", "running_mean", "running_var"] {
            self.add_axis(input, name, tensor, 0);
        }
        input
    }

    fn embedding(&mut self, embedding: &Embedding) -> usize {
        let made = self.group(embedding.width, Freedom::Free);
        self.add_axis(made, &embedding.tokens, "weight", 1);
        self.add_axis(made, &embedding.positions, "weight", 1);
        self.tokens = Some(made);
        made
    }

    /// Heads are not permuted: attention reads the stream and writes new units.
    fn attention(&mut self, attention: &Attention, input: usize) -> usize {
        self.add_axis(input, &attention.qkv.name, "weight", 1);
        let made = self.group(attention.out_proj.out_features, Freedom::Free);
        self.add_axis(made, &attention.out_proj.name, "weight", 0);
        self.add_axis(made, &attention.out_proj.name, "bias", 0);
        made
    }

    /// Returns the groups of free units, with their axes in the layout's order.
    pub(super) fn groups(&self, layout: &Layout) -> Result<Vec<UnitGroup>, ArchitectureError> {
        let mut groups: Vec<(usize, UnitGroup)> = Vec::new();
        for tensor in layout.tensors() {
            for &(axis, group) in self.axes.get(&tensor.name).into_iter().flatten() {
                let root = self.root(group);
                let UnitSet { units, freedom, .. } = self.sets[root];
                if freedom == Freedom::Fixed || units < 2 {
                    continue;
                }
                let axis = unit_axis(tensor, axis, units)?;
                if let Some((_, group)) = groups.iter_mut().find(|(of, _)| *of == root) {
                    group.axes.push(axis);
                    continue;
                }
                let name = LayerName::of_tensor(&tensor.name);
                groups.push((root, UnitGroup { name, units, axes: vec![axis] }));
            }
        }
        Ok(groups.into_iter().map(|(_, group)| group).collect())
    }
}

/// Describes an axis of a tensor that holds units.
///
/// # Errors
/// When the length of the axis is not a multiple of the number of units.
fn unit_axis(
    tensor: &TensorSpec,
    axis: usize,
    units: usize,
) -> Result<UnitAxis, ArchitectureError> {
    if !tensor.shape[axis].is_multiple_of(units) {
        return Err(ArchitectureError::Layer {
            layer: format!("`{}`", tensor.name),
            shape: tensor.shape.clone(),
            reason: format!("its axis {axis} holds {units} units, and must be a multiple of them"),
        });
    }
    let positions = tensor.shape[axis] / units;
    Ok(UnitAxis { tensor: tensor.clone(), axis, positions })
}
