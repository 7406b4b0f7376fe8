//! [`Numbers`]: the numbers of a file, exactly as written, in 32 bits if these suffice.

/// The numbers of a file: in 32 bits if these hold each of them exactly, otherwise in 64 bits.
///
/// Rounded to 32 bits, 1700000000 and 1700000050 are the same number. Therefore numbers are rounded
/// only after they are scaled and normalised.
#[derive(Debug, Clone, PartialEq)]
pub enum Numbers {
    /// Every number is exact as a 32-bit float.
    Single(Vec<f32>),
    /// Some numbers need 64 bits.
    Double(Vec<f64>),
}

impl Default for Numbers {
    fn default() -> Self {
        Self::Single(Vec::new())
    }
}

impl Numbers {
    /// Appends a number.
    pub fn push(&mut self, number: f64) {
        match self {
            Self::Single(numbers) if f64::from(number as f32) == number => {
                numbers.push(number as f32);
            }
            Self::Single(_) => {
                let mut numbers = std::mem::take(self).into_doubles();
                numbers.push(number);
                *self = Self::Double(numbers);
            }
            Self::Double(numbers) => numbers.push(number),
        }
    }

    /// Returns how many numbers there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Single(numbers) => numbers.len(),
            Self::Double(numbers) => numbers.len(),
        }
    }

    /// Tells whether there are no numbers.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Iterates over the numbers in 64 bits.
    pub fn iter(&self) -> impl Iterator<Item = f64> + Clone {
        let (singles, doubles): (&[f32], &[f64]) = match self {
            Self::Single(numbers) => (numbers, &[]),
            Self::Double(numbers) => (&[], numbers),
        };
        singles.iter().map(|&number| number.into()).chain(doubles.iter().copied())
    }

    /// Returns the numbers in 64 bits.
    pub fn into_doubles(self) -> Vec<f64> {
        match self {
            Self::Single(numbers) => numbers.into_iter().map(f64::from).collect(),
            Self::Double(numbers) => numbers,
        }
    }

    /// Converts the numbers to 64 bits.
    #[must_use]
    pub fn widened(self) -> Self {
        Self::Double(self.into_doubles())
    }

    /// Rounds the numbers to 32 bits.
    pub fn rounded(self) -> Vec<f32> {
        self.rounded_and_exact().0
    }

    /// Rounds the numbers to 32 bits; also returns them in 64 bits if they are held so.
    pub fn rounded_and_exact(self) -> (Vec<f32>, Option<Vec<f64>>) {
        match self {
            Self::Single(numbers) => (numbers, None),
            Self::Double(numbers) => {
                (numbers.iter().map(|&number| number as f32).collect(), Some(numbers))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_small_until_one_of_them_needs_more_digits() {
        let mut numbers = Numbers::default();
        [0.5, 16_777_216.0].into_iter().for_each(|number| numbers.push(number));
        assert_eq!(numbers, Numbers::Single(vec![0.5, 16_777_216.0]));
        numbers.push(16_777_217.0);
        numbers.push(0.5);
        assert_eq!(numbers, Numbers::Double(vec![0.5, 16_777_216.0, 16_777_217.0, 0.5]));
        assert_eq!((numbers.len(), numbers.iter().last()), (4, Some(0.5)));
        assert_eq!(numbers.rounded(), [0.5, 16_777_216.0, 16_777_216.0, 0.5]);
    }
}
