//! [`LayerSet`]: a set of layers of a model, as ranges of the flat parameters.

use std::{collections::BTreeSet, fmt, ops::Range, sync::Arc};

use crate::model::{LayerName, Layout, Ownership, TensorSpec};

/// Any set of layers of a model: all, none, one, some.
///
/// The set computes its ranges of the flat parameters once. Adjacent ranges are merged. There are
/// two lists of ranges:
///
/// * [`ranges`](Self::ranges): the values that are averaged, mixed and sent. They contain running
///   statistics if these belong to their layer ([`Ownership::Layer`]), and no running statistics if
///   these stay with the model ([`Ownership::Model`]).
/// * [`trained`](Self::trained): the values that are measured. They never contain running
///   statistics.
#[derive(Clone, PartialEq, Eq)]
pub struct LayerSet {
    layout: Arc<Layout>,
    members: BTreeSet<usize>,
    ranges: Vec<Range<usize>>,
    trained: Vec<Range<usize>>,
}

impl LayerSet {
    /// Makes the set of the layers with these indices, counted from the input. Indices past the
    /// last layer are ignored.
    pub fn new(layout: Arc<Layout>, members: impl IntoIterator<Item = usize>) -> Self {
        let count = layout.layers().len();
        let members: BTreeSet<usize> = members.into_iter().filter(|&index| index < count).collect();
        let tensors = || members.iter().flat_map(|&index| &layout.layers()[index].tensors);
        let ranges = merged(tensors().filter(|tensor| moves_with_layer(&layout, tensor)));
        let trained = merged(tensors().filter(|tensor| tensor.is_trained()));
        Self { layout, members, ranges, trained }
    }

    /// Makes the set of all layers.
    pub fn all(layout: &Arc<Layout>) -> Self {
        Self::new(layout.clone(), 0..layout.layers().len())
    }

    /// Makes the empty set.
    pub fn none(layout: &Arc<Layout>) -> Self {
        Self::new(layout.clone(), [])
    }

    /// Returns the set of all other layers.
    pub fn complement(&self) -> Self {
        let count = self.layout.layers().len();
        Self::new(self.layout.clone(), (0..count).filter(|index| !self.contains(*index)))
    }

    /// Returns the layout of the model.
    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// Returns the indices of the layers in ascending order, counted from the input.
    pub fn indices(&self) -> impl Iterator<Item = usize> + '_ {
        self.members.iter().copied()
    }

    /// Returns the names of the layers from input to output.
    pub fn names(&self) -> impl Iterator<Item = &LayerName> {
        self.members.iter().map(|&index| &self.layout.layers()[index].name)
    }

    /// Returns the values that are averaged, mixed and sent, as ascending ranges of the flat
    /// parameters. Adjacent ranges are merged.
    pub fn ranges(&self) -> &[Range<usize>] {
        &self.ranges
    }

    /// Returns the trained values, as ascending ranges of the flat parameters. Distances, cosines,
    /// numbers of parameters, predictors, random directions and twins use only these values.
    pub fn trained(&self) -> &[Range<usize>] {
        &self.trained
    }

    /// Returns the batch counters that are averaged and mixed with the layers.
    pub fn counters(&self) -> impl Iterator<Item = &TensorSpec> {
        let tensors = self.members.iter().flat_map(|&index| &self.layout.layers()[index].tensors);
        tensors.filter(|tensor| tensor.is_counter() && moves_with_layer(&self.layout, tensor))
    }

    /// Returns whether the set holds every value of the model. The set of all layers does not, if
    /// running statistics stay with the model.
    pub fn holds_every_value(&self) -> bool {
        matches!(&self.ranges[..], [only] if *only == (0..self.layout.value_count()))
    }

    /// Returns the ranges of the flat parameters that are not in [`ranges`](Self::ranges),
    /// ascending.
    pub fn rest(&self) -> Vec<Range<usize>> {
        let starts = std::iter::once(0).chain(self.ranges.iter().map(|range| range.end));
        let ends = self.ranges.iter().map(|range| range.start).chain([self.layout.value_count()]);
        starts.zip(ends).map(|(start, end)| start..end).filter(|range| !range.is_empty()).collect()
    }

    /// Returns the tensors that are not in the set, in the order of the flat parameters.
    pub fn rest_tensors(&self) -> impl Iterator<Item = &TensorSpec> {
        let layers = self.layout.layers().iter().enumerate();
        let tensors =
            layers.flat_map(|(index, layer)| layer.tensors.iter().map(move |t| (index, t)));
        let outside = move |(index, tensor): &(usize, &TensorSpec)| {
            !self.contains(*index) || !moves_with_layer(&self.layout, tensor)
        };
        tensors.filter(outside).map(|(_, tensor)| tensor)
    }

    /// Returns whether the set contains the layer with this index.
    pub fn contains(&self, index: usize) -> bool {
        self.members.contains(&index)
    }

    /// Returns the number of layers.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Returns whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Returns whether the set contains every layer.
    pub fn is_all(&self) -> bool {
        self.members.len() == self.layout.layers().len()
    }

    /// Returns the number of trained values.
    pub fn parameters(&self) -> usize {
        self.trained.iter().map(ExactSizeIterator::len).sum()
    }

    /// Returns the size of the layers in bytes when they are sent as `f32`. Running statistics
    /// count if they belong to their layer.
    pub fn bytes(&self) -> u64 {
        4 * self.ranges.iter().map(|range| range.len() as u64).sum::<u64>()
    }
}

/// Returns the ranges of tensors in the order of the flat parameters, with adjacent ranges merged.
fn merged<'a>(tensors: impl Iterator<Item = &'a TensorSpec>) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for TensorSpec { range, .. } in tensors {
        match ranges.last_mut().filter(|last| last.end == range.start) {
            Some(last) => last.end = range.end,
            None => ranges.push(range.clone()),
        }
    }
    ranges
}

/// Returns whether a tensor is averaged, mixed and sent with its layer.
fn moves_with_layer(layout: &Layout, tensor: &TensorSpec) -> bool {
    tensor.is_trained() || layout.ownership() == Ownership::Layer
}

/// Writes `all`, `none`, or the names merged by `+`, as records do.
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
