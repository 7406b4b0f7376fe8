//! [`Params`]: the flat parameters of one model.

use std::{ops::Range, sync::Arc};

use thiserror::Error;

use crate::model::{LayerName, Layout};

/// The parameters of one model: one flat vector of `f32`, and the [`Layout`] of its layers.
///
/// Averaging, mixing, distances and files are loops or copies over ranges of this vector.
#[derive(Debug, Clone, PartialEq)]
pub struct Params {
    layout: Arc<Layout>,
    values: Vec<f32>,
}

/// Values that are not parameters of the model.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ParamsError {
    /// The number of values is wrong.
    #[error("found {found} values; the model has {expected} parameters")]
    Length {
        /// The number of given values.
        found: usize,
        /// The number of values of the layout.
        expected: usize,
    },
    /// A value is NaN or infinite.
    #[error(
        "layer `{layer}` holds {value} (tensor `{tensor}`, element {element}); every parameter must be finite"
    )]
    NotFinite {
        /// The layer that holds the value.
        layer: String,
        /// The tensor of that layer.
        tensor: String,
        /// The element's row-major index in the tensor.
        element: usize,
        /// The value found.
        value: f32,
    },
    /// A running variance is negative.
    #[error(
        "layer `{layer}` holds a variance of {value} (tensor `{tensor}`, element {element}); a running variance must be at least 0"
    )]
    Variance {
        /// The layer that holds the variance.
        layer: String,
        /// The tensor of that layer.
        tensor: String,
        /// The element's row-major index in the tensor.
        element: usize,
        /// The variance found.
        value: f32,
    },
    /// A counter of batches that is negative or a fraction.
    #[error(
        "layer `{layer}` holds a count of {value} batches (tensor `{tensor}`); a counter must be a whole number of at least 0"
    )]
    Counter {
        /// The layer that holds the counter.
        layer: String,
        /// The tensor of that layer.
        tensor: String,
        /// The count found.
        value: f32,
    },
}

/// The number of values that are checked at once.
const BLOCK: usize = 4096;

impl Params {
    /// Makes parameters of a layout.
    ///
    /// # Errors
    /// [`ParamsError::Length`] if the number of values is not the layout's.
    pub fn new(layout: Arc<Layout>, values: Vec<f32>) -> Result<Self, ParamsError> {
        let expected = layout.value_count();
        if values.len() != expected {
            return Err(ParamsError::Length { found: values.len(), expected });
        }
        Ok(Self { layout, values })
    }

    /// Makes parameters that are all zero.
    pub fn zeros(layout: Arc<Layout>) -> Self {
        let values = vec![0.0; layout.value_count()];
        Self { layout, values }
    }

    /// Returns the layout.
    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// Returns all values, in the layout's order.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Returns all values, mutable.
    pub fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    /// Returns the values of a range of the layout (a layer's or a tensor's).
    pub fn range(&self, range: &Range<usize>) -> &[f32] {
        &self.values[range.clone()]
    }

    /// Checks that all values are finite and that no running variance is negative.
    ///
    /// # Errors
    /// As [`check_finite`](Self::check_finite) and [`check_variances`](Self::check_variances).
    pub fn check(&self) -> Result<(), ParamsError> {
        self.check_finite()?;
        self.check_variances()
    }

    /// Checks that every value is finite.
    ///
    /// # Errors
    /// [`ParamsError::NotFinite`] names the first layer, tensor and element that is not.
    pub fn check_finite(&self) -> Result<(), ParamsError> {
        check_values(&self.layout, &self.values)
    }

    /// Checks that no running variance is negative. The square root of a negative variance is NaN,
    /// and so is every loss that depends on it.
    ///
    /// # Errors
    /// [`ParamsError::Variance`] names the first layer, tensor and element that is.
    pub fn check_variances(&self) -> Result<(), ParamsError> {
        for tensor in self.layout.statistics().filter(|tensor| tensor.is_variance()) {
            let values = self.range(&tensor.range);
            if let Some(element) = values.iter().position(|&value| value < 0.0) {
                return Err(ParamsError::Variance {
                    layer: LayerName::of_tensor(&tensor.name).to_string(),
                    tensor: tensor.name.clone(),
                    element,
                    value: values[element],
                });
            }
        }
        Ok(())
    }
}

impl Params {
    /// Checks that every counter of batches is a whole number of at least 0.
    ///
    /// # Errors
    /// [`ParamsError::Counter`] names the first layer and tensor that is not.
    pub fn check_counters(&self) -> Result<(), ParamsError> {
        for tensor in self.layout.statistics().filter(|tensor| tensor.is_counter()) {
            let is_count = |value: f32| value >= 0.0 && value.fract() == 0.0;
            if let Some(&value) = self.range(&tensor.range).iter().find(|value| !is_count(**value))
            {
                return Err(ParamsError::Counter {
                    layer: LayerName::of_tensor(&tensor.name).to_string(),
                    tensor: tensor.name.clone(),
                    value,
                });
            }
        }
        Ok(())
    }
}

/// Returns ‖a − b‖₂ over some ranges of the parameters, summed in f64. The distance of layers is
/// taken over [`LayerSet::trained`](crate::model::LayerSet::trained).
pub fn distance(a: &Params, b: &Params, ranges: &[Range<usize>]) -> f64 {
    let squares = ranges.iter().flat_map(|range| a.range(range).iter().zip(b.range(range)));
    squares.map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum::<f64>().sqrt()
}

/// Checks that the number of values is the layout's, and that all values are finite.
pub(crate) fn check_values(layout: &Layout, values: &[f32]) -> Result<(), ParamsError> {
    let expected = layout.value_count();
    if values.len() != expected {
        return Err(ParamsError::Length { found: values.len(), expected });
    }
    // Each block is read to its end: without an early exit the loop is as fast as memory.
    let good = |block: &[f32]| block.iter().fold(true, |good, value| good & value.is_finite());
    let Some(block) = values.chunks(BLOCK).position(|block| !good(block)) else { return Ok(()) };
    let rest = &values[block * BLOCK..];
    let at = block * BLOCK + rest.iter().take_while(|value| value.is_finite()).count();
    let layers = layout.layers().iter();
    let mut tensors =
        layers.flat_map(|layer| layer.tensors.iter().map(move |tensor| (layer, tensor)));
    let Some((layer, tensor)) = tensors.find(|(_, tensor)| tensor.range.contains(&at)) else {
        unreachable!("a layout has no gaps, so value {at} lies in one of its tensors")
    };
    Err(ParamsError::NotFinite {
        layer: layer.name.to_string(),
        tensor: tensor.name.clone(),
        element: at - tensor.range.start,
        value: values[at],
    })
}
