//! [`Factor`]: `data.scale`, the factor that the numbers of a set are multiplied by.

use fedlayer_core::{
    ExampleValues, Examples,
    spec::{DataSpec, Scale, ScaleWord},
};

use crate::{DataError, decode::numbers::Numbers, set_name::set_name};

/// What the numbers of a set are multiplied by, or divided by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Factor {
    /// They stay as they are.
    One,
    /// They are divided by the largest number of their format.
    Unit(f32),
    /// They are multiplied by a factor of the scenario's.
    Times(f64),
}

impl Factor {
    /// The factor that `data.scale` asks for, of numbers whose format has a largest one (255 for bytes) or none.
    pub(crate) fn of(spec: &DataSpec, largest: Option<f32>) -> Result<Self, DataError> {
        match (spec.scale, largest) {
            (None | Some(Scale::Word(ScaleWord::Unit)), Some(largest)) => Ok(Self::Unit(largest)),
            (Some(Scale::Word(ScaleWord::Unit)), None) => {
                Err(DataError::NoLargestNumber { set: set_name(&spec.set) })
            }
            (None | Some(Scale::Word(ScaleWord::None)), _) => Ok(Self::One),
            (Some(Scale::Factor(factor)), _) => Ok(Self::Times(factor)),
        }
    }

    /// Scales values in place.
    pub(crate) fn apply(self, values: &mut [f32]) {
        match self {
            Self::One => {}
            Self::Unit(largest) => values.iter_mut().for_each(|value| *value /= largest),
            Self::Times(factor) => values.iter_mut().for_each(|value| *value *= factor as f32),
        }
    }

    /// Scales the numbers of a file, in as many bits as they are held in.
    pub(crate) fn numbers(self, mut numbers: Numbers) -> Numbers {
        match (&mut numbers, self) {
            (Numbers::Single(numbers), _) => self.apply(numbers),
            (Numbers::Double(_), Self::One) => {}
            (Numbers::Double(numbers), Self::Unit(largest)) => {
                numbers.iter_mut().for_each(|number| *number /= f64::from(largest));
            }
            (Numbers::Double(numbers), Self::Times(factor)) => {
                numbers.iter_mut().for_each(|number| *number *= factor);
            }
        }
        numbers
    }

    /// The examples with their values scaled.
    pub(crate) fn examples(self, mut examples: Examples) -> Examples {
        if let ExampleValues::Floats(values) = &mut examples.values {
            self.apply(values);
        }
        examples
    }

    /// What becomes of x, in words.
    pub(super) fn words(self) -> String {
        match self {
            Self::One => "x".to_owned(),
            Self::Unit(largest) => format!("x / {largest}"),
            Self::Times(factor) => format!("x · {}", factor as f32),
        }
    }
}
