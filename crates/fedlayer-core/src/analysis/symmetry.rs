//! [`Symmetry`]: which units of a network may change places without changing its function.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    Architecture, ArchitectureError, LayerName, Layout, Norm, Op, Params, Permutation, Seed,
    TensorSpec,
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

impl Symmetry {
    /// The symmetry of a network.
    ///
    /// # Errors
    /// When two layers share a name, or a layer does not fit what comes to it.
    pub fn of(architecture: &Architecture) -> Result<Self, ArchitectureError> {
        let layout = architecture.layout()?;
        let mut walk = Walk::default();
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

/// Whether units may change places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Freedom {
    Free,
    Fixed,
}

/// A set of units on the way through the operations; it may turn out to be the same as an earlier one.
#[derive(Debug)]
struct Found {
    units: usize,
    freedom: Freedom,
    same_as: Option<usize>,
}

/// Follows the units through the operations. A group is its index in `found`.
#[derive(Debug, Default)]
struct Walk {
    found: Vec<Found>,
    /// By tensor: its axes and the groups whose units they hold.
    axes: BTreeMap<String, Vec<(usize, usize)>>,
    /// The units of the token embedding, once there is one: from then on an example is `(T, width)`.
    tokens: Option<usize>,
}

impl Walk {
    fn group(&mut self, units: usize, freedom: Freedom) -> usize {
        self.found.push(Found { units, freedom, same_as: None });
        self.found.len() - 1
    }

    /// The group that this one turned out to be.
    fn root(&self, mut group: usize) -> usize {
        while let Some(earlier) = self.found[group].same_as {
            group = earlier;
        }
        group
    }

    fn fix(&mut self, group: usize) {
        let root = self.root(group);
        self.found[root].freedom = Freedom::Fixed;
    }

    /// Two sets of units are added to one another, and so are one. Sets of different sizes (an image that was flattened, and a row) are no units
    /// of one kind: both stay as they are.
    fn unite(&mut self, a: usize, b: usize) -> usize {
        let (a, b) = (self.root(a), self.root(b));
        let (earlier, later) = (a.min(b), a.max(b));
        if self.found[a].units != self.found[b].units {
            self.fix(earlier);
            self.fix(later);
        } else if earlier != later {
            if self.found[later].freedom == Freedom::Fixed {
                self.fix(earlier);
            }
            self.found[later].same_as = Some(earlier);
        }
        earlier
    }

    fn acts(&mut self, group: usize, layer: &str, tensor: &str, axis: usize) {
        self.axes.entry(format!("{layer}.{tensor}")).or_default().push((axis, group));
    }

    /// A layer that reads the units of one group and makes new ones.
    fn weights(&mut self, layer: &str, input: usize, out: usize) -> usize {
        let made = self.group(out, Freedom::Free);
        self.acts(made, layer, "weight", 0);
        self.acts(made, layer, "bias", 0);
        self.acts(input, layer, "weight", 1);
        made
    }

    fn all(&mut self, ops: &[Op], input: usize) -> usize {
        ops.iter().fold(input, |units, op| self.one(op, units))
    }

    /// The units that come out of an operation.
    fn one(&mut self, op: &Op, input: usize) -> usize {
        match op {
            Op::Conv(conv) => self.weights(&conv.name, input, conv.out_channels),
            Op::Linear(linear) => self.weights(&linear.name, input, linear.out_features),
            Op::Norm(norm) => {
                let name = match norm {
                    Norm::Batch { name, .. } | Norm::Layer { name, .. } => name,
                    Norm::Group { name, channels, groups } => {
                        if *groups > 1 && groups < channels {
                            self.fix(input);
                        }
                        name
                    }
                };
                for tensor in ["weight", "bias", "running_mean", "running_var"] {
                    self.acts(input, name, tensor, 0);
                }
                input
            }
            Op::Activation(_) | Op::Pool(_) | Op::Dropout(_) => input,
            Op::Flatten => {
                // The values of a channel stand together in the row; those of a neuron of `(T, width)` do not.
                if self.tokens.is_some() {
                    self.fix(input);
                }
                input
            }
            Op::Residual { body, shortcut } => {
                let through = self.all(body, input);
                let around = self.all(shortcut, input);
                self.unite(through, around)
            }
            Op::Subsample { channels, .. } => {
                if self.found[self.root(input)].units == *channels {
                    return input;
                }
                self.fix(input);
                self.group(*channels, Freedom::Fixed)
            }
            Op::Embedding(embedding) => {
                let made = self.group(embedding.width, Freedom::Free);
                self.acts(made, &embedding.tokens, "weight", 1);
                self.acts(made, &embedding.positions, "weight", 1);
                self.tokens = Some(made);
                made
            }
            Op::Attention(attention) => {
                self.acts(input, &attention.qkv.name, "weight", 1);
                let made = self.group(attention.out_proj.out_features, Freedom::Free);
                self.acts(made, &attention.out_proj.name, "weight", 0);
                self.acts(made, &attention.out_proj.name, "bias", 0);
                made
            }
            Op::TiedHead => {
                // The head reads the stream in the order of the embedding's columns.
                if let Some(tokens) = self.tokens {
                    self.unite(tokens, input);
                }
                self.group(0, Freedom::Fixed)
            }
        }
    }

    /// The groups whose units may change places, with their axes in the layout's order.
    fn groups(&self, layout: &Layout) -> Result<Vec<UnitGroup>, ArchitectureError> {
        let mut groups: Vec<(usize, UnitGroup)> = Vec::new();
        for tensor in layout.tensors() {
            for &(axis, group) in self.axes.get(&tensor.name).into_iter().flatten() {
                let root = self.root(group);
                let Found { units, freedom, .. } = self.found[root];
                if freedom == Freedom::Fixed || units < 2 {
                    continue;
                }
                if !tensor.shape[axis].is_multiple_of(units) {
                    return Err(ArchitectureError::Layer {
                        layer: format!("`{}`", tensor.name),
                        shape: tensor.shape.clone(),
                        reason: format!(
                            "its axis {axis} holds {units} units, and must be a multiple of them"
                        ),
                    });
                }
                let positions = tensor.shape[axis] / units;
                let axis = UnitAxis { tensor: tensor.clone(), axis, positions };
                match groups.iter_mut().find(|(of, _)| *of == root) {
                    Some((_, group)) => group.axes.push(axis),
                    None => {
                        let name = LayerName::of_tensor(&tensor.name);
                        groups.push((root, UnitGroup { name, units, axes: vec![axis] }));
                    }
                }
            }
        }
        Ok(groups.into_iter().map(|(_, group)| group).collect())
    }
}
