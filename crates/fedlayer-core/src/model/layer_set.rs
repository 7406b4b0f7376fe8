//! [`LayerSet`]: any set of a model's layers, resolved to ranges once.

use std::{collections::BTreeSet, fmt, ops::Range, sync::Arc};

use crate::model::{LayerName, Layout, Ownership, TensorSpec};

/// Any set of a model's layers: all, none, one, some.
///
/// It is resolved to ranges of the flat parameters when it is made; neighbours share one range. There are two lists of them:
///
/// * [`ranges`](Self::ranges): the values that are averaged, mixed and sent. Running statistics are among them where they belong
///   to their layer ([`Ownership::Layer`]), and in no range where they stay with the model ([`Ownership::Model`]).
/// * [`trained`](Self::trained): the values that are measured. Running statistics are never among them, whoever owns them.
#[derive(Clone, PartialEq, Eq)]
pub struct LayerSet {
    layout: Arc<Layout>,
    members: BTreeSet<usize>,
    ranges: Vec<Range<usize>>,
    trained: Vec<Range<usize>>,
}

impl LayerSet {
    /// The layers with these indices, counted from the input; indices past the last layer are left out.
    pub fn new(layout: Arc<Layout>, members: impl IntoIterator<Item = usize>) -> Self {
        let count = layout.layers().len();
        let members: BTreeSet<usize> = members.into_iter().filter(|&index| index < count).collect();
        let tensors = || members.iter().flat_map(|&index| &layout.layers()[index].tensors);
        let ranges = joined(tensors().filter(|tensor| moves(&layout, tensor)));
        let trained = joined(tensors().filter(|tensor| tensor.is_trained()));
        Self { layout, members, ranges, trained }
    }

    /// Every layer.
    pub fn all(layout: &Arc<Layout>) -> Self {
        Self::new(layout.clone(), 0..layout.layers().len())
    }

    /// No layer.
    pub fn none(layout: &Arc<Layout>) -> Self {
        Self::new(layout.clone(), [])
    }

    /// The layers that are not in this set.
    pub fn complement(&self) -> Self {
        let count = self.layout.layers().len();
        Self::new(self.layout.clone(), (0..count).filter(|index| !self.contains(*index)))
    }

    /// The layout whose layers these are.
    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// The indices of the layers, ascending from the input.
    pub fn indices(&self) -> impl Iterator<Item = usize> + '_ {
        self.members.iter().copied()
    }

    /// The names of the layers, from the input.
    pub fn names(&self) -> impl Iterator<Item = &LayerName> {
        self.members.iter().map(|&index| &self.layout.layers()[index].name)
    }

    /// The ranges of the flat parameters that the layers take, ascending, as few as there can be.
    pub fn ranges(&self) -> &[Range<usize>] {
        &self.ranges
    }

    /// The ranges of the trained values of the layers, ascending, as few as there can be. Distances, cosines, counts of parameters,
    /// predictors, random directions and twins are taken over these alone.
    pub fn trained(&self) -> &[Range<usize>] {
        &self.trained
    }

    /// The counters of batches that are averaged and mixed with the layers.
    pub fn counters(&self) -> impl Iterator<Item = &TensorSpec> {
        let tensors = self.members.iter().flat_map(|&index| &self.layout.layers()[index].tensors);
        tensors.filter(|tensor| tensor.is_counter() && moves(&self.layout, tensor))
    }

    /// Whether the set holds every value of the model. Where running statistics stay with the model, the set of all layers does not.
    pub fn holds_every_value(&self) -> bool {
        matches!(&self.ranges[..], [only] if *only == (0..self.layout.value_count()))
    }

    /// The ranges of the flat parameters that are not among [`ranges`](Self::ranges), ascending.
    pub fn rest(&self) -> Vec<Range<usize>> {
        let starts = std::iter::once(0).chain(self.ranges.iter().map(|range| range.end));
        let ends = self.ranges.iter().map(|range| range.start).chain([self.layout.value_count()]);
        starts.zip(ends).map(|(start, end)| start..end).filter(|range| !range.is_empty()).collect()
    }

    /// The tensors that are not in the set, in the order of the flat parameters.
    pub fn rest_tensors(&self) -> impl Iterator<Item = &TensorSpec> {
        let layers = self.layout.layers().iter().enumerate();
        let tensors =
            layers.flat_map(|(index, layer)| layer.tensors.iter().map(move |t| (index, t)));
        let outside = move |(index, tensor): &(usize, &TensorSpec)| {
            !self.contains(*index) || !moves(&self.layout, tensor)
        };
        tensors.filter(outside).map(|(_, tensor)| tensor)
    }

    /// Whether the layer with this index is in the set.
    pub fn contains(&self, index: usize) -> bool {
        self.members.contains(&index)
    }

    /// The number of layers.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether no layer is in the set.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Whether every layer of the model is in the set.
    pub fn is_all(&self) -> bool {
        self.members.len() == self.layout.layers().len()
    }

    /// The number of trained values in these layers.
    pub fn parameters(&self) -> usize {
        self.trained.iter().map(ExactSizeIterator::len).sum()
    }

    /// The bytes that these layers take as `f32` where they are sent: running statistics count where they belong to their layer.
    pub fn bytes(&self) -> u64 {
        4 * self.ranges.iter().map(|range| range.len() as u64).sum::<u64>()
    }
}

/// The ranges of tensors that come in the order of the flat parameters; neighbours share one range.
fn joined<'a>(tensors: impl Iterator<Item = &'a TensorSpec>) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for TensorSpec { range, .. } in tensors {
        match ranges.last_mut().filter(|last| last.end == range.start) {
            Some(last) => last.end = range.end,
            None => ranges.push(range.clone()),
        }
    }
    ranges
}

/// Whether a tensor is averaged, mixed and sent with its layer.
fn moves(layout: &Layout, tensor: &TensorSpec) -> bool {
    tensor.is_trained() || layout.ownership() == Ownership::Layer
}

/// `all`, `none`, or the names joined by `+`: the form that records use.
impl fmt::Display for LayerSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_all() {
            return f.write_str("all");
        }
        if self.is_empty() {
            return f.write_str("none");
        }
        let names: Vec<&str> = self.names().map(LayerName::as_str).collect();
        f.write_str(&names.join("+"))
    }
}

impl fmt::Debug for LayerSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LayerSet({self})")
    }
}
