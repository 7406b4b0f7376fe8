//! [`PerPhase`]: a number for each phase of a round.

use std::iter::Sum;

/// A number for each phase of a round: operations, or seconds. Averaging counts as training.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct PerPhase {
    pub(crate) train: f64,
    pub(crate) barriers: f64,
    pub(crate) evaluate: f64,
}

impl PerPhase {
    /// Returns the sum of all phases.
    pub(crate) fn sum(self) -> f64 {
        self.as_array().iter().sum()
    }

    /// Returns the numbers of all phases.
    pub(crate) fn as_array(self) -> [f64; 3] {
        [self.train, self.barriers, self.evaluate]
    }

    /// Combines the numbers of each phase.
    pub(crate) fn zip(self, other: Self, act: impl Fn(f64, f64) -> f64) -> Self {
        Self {
            train: act(self.train, other.train),
            barriers: act(self.barriers, other.barriers),
            evaluate: act(self.evaluate, other.evaluate),
        }
    }
}

impl Sum for PerPhase {
    fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
        parts.fold(Self::default(), |sum, part| sum.zip(part, |a, b| a + b))
    }
}
