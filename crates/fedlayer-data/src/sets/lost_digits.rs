//! Columns with numbers that 64-bit floats tell apart and 32-bit floats do not.

use fedlayer_core::text::rounded_text;

/// The most steps of a 32-bit float that the numbers of a lost column span.
const STEPS: f64 = 16.0;

/// The least span, in parts of the largest number, that is taken for more than rounding errors.
const NOISE: f64 = 1e-13;

/// Significant digits of the numbers in a message.
const SHOWN_DIGITS: usize = 12;

/// Returns the columns of `values`, `(N, columns)`, that lose their differences in 32 bits: the
/// index of each, and its range in words.
pub(super) fn lost(values: &[f64], columns: usize) -> Vec<(usize, String)> {
    let mut ranges = vec![Range::default(); columns];
    for row in values.chunks_exact(columns.max(1)) {
        ranges.iter_mut().zip(row).for_each(|(range, &value)| range.add(value));
    }
    let ranges = ranges.into_iter().enumerate().filter(|(_, range)| range.is_lost());
    ranges.map(|(column, range)| (column, range.words())).collect()
}

/// The numbers of a column.
#[derive(Debug, Clone, Copy)]
struct Range {
    min: f64,
    max: f64,
    /// Whether each is a 32-bit float exactly.
    is_exact: bool,
}

impl Default for Range {
    fn default() -> Self {
        Self { min: f64::INFINITY, max: f64::NEG_INFINITY, is_exact: true }
    }
}

impl Range {
    fn add(&mut self, value: f64) {
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        self.is_exact &= f64::from(value as f32) == value;
    }

    fn is_lost(&self) -> bool {
        let (span, largest) = (self.max - self.min, self.min.abs().max(self.max.abs()));
        let step = largest * f64::from(f32::EPSILON);
        !self.is_exact && span > NOISE * largest && span < STEPS * step
    }

    fn words(&self) -> String {
        let [min, max] = [self.min, self.max].map(|value| rounded_text(value, SHOWN_DIGITS));
        format!("{min} to {max}")
    }
}

#[cfg(test)]
mod tests {
    use super::lost;

    /// The columns that are lost of a table with these columns, ten rows each.
    fn lost_of(columns: &[fn(f64) -> f64]) -> Vec<usize> {
        let rows = (0..10).map(f64::from);
        let values: Vec<f64> = rows.flat_map(|row| columns.iter().map(move |of| of(row))).collect();
        lost(&values, columns.len()).into_iter().map(|(column, _)| column).collect()
    }

    #[test]
    fn columns_that_32_bits_flatten_are_found() {
        let flat: [fn(f64) -> f64; 3] =
            [|row| 1.0 + 1e-9 * row, |row| 1.7e9 + row, |row| -5.0 - 1e-7 * row];
        assert_eq!(lost_of(&flat), [0, 1, 2]);
    }

    #[test]
    fn usual_constant_and_noisy_columns_are_not() {
        let usual: [fn(f64) -> f64; 5] = [
            |row| 0.1 * row,
            |_| 0.1,
            // Exact in 32 bits, though close together.
            |row| 16_777_200.0 + row,
            // What rounding in 64 bits leaves of a constant.
            |row| 0.3 + row * 1e-17,
            |row| 1e-9 * row,
        ];
        assert_eq!(lost_of(&usual), [] as [usize; 0]);
    }
}
