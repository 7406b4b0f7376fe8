//! [`Factor`]: `data.scale`, the factor on the numbers of a set.

use fedlayer_core::{
    data::{ExampleValues, Examples},
    spec::{DataSpec, Scale, ScaleWord},
};

use crate::{DataError, decode::numbers::Numbers, set_name::set_name};

/// The factor that scales the numbers of a set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Factor {
    /// The numbers stay as they are.
    One,
    /// The numbers are divided by the largest number of their format.
    Unit(f32),
    /// The numbers are multiplied by a factor from the scenario.
    Times(f64),
}

impl Factor {
    /// Returns the factor that `data.scale` asks for. `largest` is the largest number of the format
    /// (255 for bytes), if there is one.
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

    /// Scales values.
    pub(crate) fn apply(self, values: &mut [f32]) {
        match self {
            Self::One => {}
            Self::Unit(largest) => values.iter_mut().for_each(|value| *value /= largest),
            Self::Times(factor) => values.iter_mut().for_each(|value| *value *= factor as f32),
        }
    }

    /// Scales the numbers of a file, in the precision in which they are held.
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

    /// Scales the values of examples.
    pub(crate) fn examples(self, mut examples: Examples) -> Examples {
        if let ExampleValues::Floats(values) = &mut examples.values {
            self.apply(values);
        }
        examples
    }

    /// Writes the scaled x as a formula.
    pub(super) fn words(self) -> String {
        match self {
            Self::One => "x".to_owned(),
            Self::Unit(largest) => format!("x / {largest}"),
            Self::Times(factor) => format!("x · {}", factor as f32),
        }
    }
}
