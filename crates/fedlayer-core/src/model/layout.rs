//! [`Layout`]: the layers of a model, their tensors, and their ranges in the flat parameters.

use std::{collections::BTreeSet, fmt, ops::Range};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::spec::Statistics;

/// The name of a layer: a tensor's name up to its last dot (`conv1` of `conv1.weight` and
/// `conv1.bias`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LayerName(String);

impl LayerName {
    /// Returns the layer of the tensor `name`. A tensor without a dot in its name is a layer by
    /// itself.
    pub fn of_tensor(name: &str) -> Self {
        Self(name.rsplit_once('.').map_or(name, |(layer, _)| layer).to_owned())
    }

    /// Makes a layer name.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LayerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One tensor of a layer: its full name, its shape, and its range in the flat parameters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TensorSpec {
    /// The full name, as in PyTorch's `state_dict`: `fc1.weight`.
    pub name: String,
    /// The shape as in PyTorch, outermost dimension first: the weight of a linear layer is `[out,
    /// in]`.
    pub shape: Vec<usize>,
    /// The range of its values in the flat parameters, row-major.
    pub range: Range<usize>,
    /// The role: trained by gradients, or a running statistic.
    pub role: Role,
}

impl TensorSpec {
    /// Returns whether gradients train it. Distances, cosines, numbers of parameters, predictors,
    /// random directions and twins leave other tensors out.
    pub fn is_trained(&self) -> bool {
        self.role == Role::Trained
    }

    /// Returns whether it counts the batches of a batch normalisation. A counter is a whole number:
    /// it is never averaged to a fraction, and no measurement reads it.
    pub fn is_counter(&self) -> bool {
        self.role == Role::Statistic && self.name.ends_with(".num_batches_tracked")
    }

    /// Returns whether it holds the running variances of a batch normalisation, which are never
    /// negative.
    pub fn is_variance(&self) -> bool {
        self.role == Role::Statistic && self.name.ends_with(".running_var")
    }
}

/// The role of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Gradients train it.
    Trained,
    /// A running statistic of a normalisation: it follows the data, and no gradient reaches it.
    Statistic,
}

/// One layer: its name, its tensors, and their common range.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Layer {
    /// The name that scenarios and records use.
    pub name: LayerName,
    /// The tensors, in the model's order; never empty.
    pub tensors: Vec<TensorSpec>,
    /// The range of the layer's values in the flat parameters.
    pub range: Range<usize>,
}

/// The layers of a model from input to output, and their ranges in the flat parameters.
///
/// There are no gaps: layer `l` begins at the end of layer `l − 1`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Layout {
    layers: Vec<Layer>,
    ownership: Ownership,
}

/// The owner of the running statistics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ownership {
    /// Running statistics belong to their layer: they are averaged, mixed and sent with it.
    #[default]
    Layer,
    /// Running statistics stay with the model: no layer set contains them.
    Model,
}

impl Statistics {
    /// Returns the owner of the running statistics.
    pub fn ownership(self) -> Ownership {
        match self {
            Self::Keep => Ownership::Model,
            Self::Average | Self::Recompute | Self::Repair => Ownership::Layer,
        }
    }
}

/// The first tensor in which two layouts differ. It is absent from a layout that has no further
/// tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayoutDifference<'a> {
    /// The tensor of the expected layout.
    pub expected: Option<&'a TensorSpec>,
    /// The tensor of the other layout.
    pub found: Option<&'a TensorSpec>,
}

impl<'a> LayoutDifference<'a> {
    /// Returns the name of the expected tensor, or of the other one if no further tensor is
    /// expected.
    pub fn name(&self) -> &'a str {
        self.expected.or(self.found).map_or("", |tensor| &tensor.name)
    }

    /// Returns the expected shape; empty if no further tensor is expected.
    pub fn expected_shape(&self) -> Vec<usize> {
        self.expected.map(|tensor| tensor.shape.clone()).unwrap_or_default()
    }
}

/// A list of tensors that is not a layout.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LayoutError {
    /// The list is empty.
    #[error("the model has no tensors; it needs at least one")]
    Empty,
    /// The tensors of a layer are not adjacent, or a tensor is named twice.
    #[error("tensor `{0}` is named twice, or is not adjacent to the other tensors of its layer")]
    Scattered(String),
    /// A tensor has no values.
    #[error("tensor `{name}` has shape {shape:?}; every dimension must be at least 1")]
    EmptyTensor {
        /// The tensor's name.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
    },
}

impl Layout {
    /// Lays out tensors one after another, in the given order (from input to output).
    ///
    /// # Errors
    /// When the list is empty, a tensor has no values, a tensor is named twice, or the tensors of a
    /// layer are not adjacent.
    pub fn new<N: Into<String>>(
        tensors: impl IntoIterator<Item = (N, Vec<usize>)>,
    ) -> Result<Self, LayoutError> {
        Self::with_roles(tensors.into_iter().map(|(name, shape)| (name, shape, Role::Trained)))
    }

    /// Lays out tensors like [`new`](Self::new), with a role for each tensor.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_roles<N: Into<String>>(
        tensors: impl IntoIterator<Item = (N, Vec<usize>, Role)>,
    ) -> Result<Self, LayoutError> {
        let mut layers: Vec<Layer> = Vec::new();
        let mut seen = BTreeSet::new();
        let mut offset = 0;
        for (name, shape, role) in tensors {
            let name = name.into();
            let layer_name = LayerName::of_tensor(&name);
            let len: usize = shape.iter().product();
            if len == 0 {
                return Err(LayoutError::EmptyTensor { name, shape });
            }
            let range = offset..offset + len;
            offset = range.end;
            let tensor = TensorSpec { name: name.clone(), shape, range: range.clone(), role };
            match layers.last_mut().filter(|layer| layer.name == layer_name) {
                Some(layer) if layer.tensors.iter().all(|t| t.name != name) => {
                    layer.range.end = range.end;
                    layer.tensors.push(tensor);
                }
                None if seen.insert(layer_name.clone()) => {
                    layers.push(Layer { name: layer_name, tensors: vec![tensor], range });
                }
                _ => return Err(LayoutError::Scattered(name)),
            }
        }
        if layers.is_empty() {
            return Err(LayoutError::Empty);
        }
        Ok(Self { layers, ownership: Ownership::default() })
    }

    /// Returns the same layers with another owner of the running statistics; see [`Ownership`].
    #[must_use]
    pub fn with_ownership(&self, ownership: Ownership) -> Self {
        Self { layers: self.layers.clone(), ownership }
    }

    /// Returns the owner of the running statistics.
    pub fn ownership(&self) -> Ownership {
        self.ownership
    }

    /// Returns the running statistics, in the order of the flat parameters.
    pub fn statistics(&self) -> impl Iterator<Item = &TensorSpec> {
        self.tensors().filter(|tensor| tensor.role == Role::Statistic)
    }

    /// Returns the layers from input to output.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// Returns all tensors, in the order of the flat parameters.
    pub fn tensors(&self) -> impl Iterator<Item = &TensorSpec> {
        self.layers.iter().flat_map(|layer| &layer.tensors)
    }

    /// Returns the names of the layers from input to output.
    pub fn names(&self) -> impl Iterator<Item = &LayerName> {
        self.layers.iter().map(|layer| &layer.name)
    }

    /// Returns the number of all values of the model, including running statistics.
    pub fn value_count(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.range.end)
    }

    /// Returns the number of trained values: the "parameters" of records and of `check`.
    pub fn trained_parameters(&self) -> usize {
        let trained = self.tensors().filter(|tensor| tensor.is_trained());
        trained.map(|tensor| tensor.range.len()).sum()
    }

    /// Finds the first tensor in which `found` differs from this layout. The owner of the running
    /// statistics is not compared.
    pub fn first_difference<'a>(&'a self, found: &'a Self) -> Option<LayoutDifference<'a>> {
        let (mut expected, mut found) = (self.tensors(), found.tensors());
        loop {
            match (expected.next(), found.next()) {
                (None, None) => return None,
                (expected, found) if expected == found => {}
                (expected, found) => return Some(LayoutDifference { expected, found }),
            }
        }
    }

    /// Returns the index of the layer `name`, counted from the input.
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.layers.iter().position(|layer| layer.name.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_of_one_layer_are_adjacent_without_gaps() {
        let layout = Layout::new([
            ("fc1.weight", vec![3, 2]),
            ("fc1.bias", vec![3]),
            ("block.0.conv.weight", vec![1, 3]),
            ("scale", vec![1]),
        ])
        .unwrap();
        let names: Vec<_> = layout.names().map(LayerName::as_str).collect();
        assert_eq!(names, ["fc1", "block.0.conv", "scale"]);
        assert_eq!(layout.layers()[0].range, 0..9);
        assert_eq!(layout.layers()[1].range, 9..12);
        assert_eq!(layout.value_count(), 13);
        assert_eq!(layout.index_of("scale"), Some(2));
    }

    #[test]
    fn a_scattered_layer_is_refused() {
        let scattered = [("a.weight", vec![1]), ("b.weight", vec![1]), ("a.bias", vec![1])];
        assert_eq!(Layout::new(scattered), Err(LayoutError::Scattered("a.bias".into())));
        assert_eq!(Layout::new::<&str>([]), Err(LayoutError::Empty));
        assert!(matches!(Layout::new([("a", vec![0])]), Err(LayoutError::EmptyTensor { .. })));
    }
}
