//! [`RoundRange`]: the rounds of one entry of a schedule, as a scenario writes them.

use thiserror::Error;

/// Consecutive rounds, counted from 1: `"3"`, `"1-5"`, or `"6-"` for all rounds from the sixth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoundRange {
    /// The first round.
    pub first: u32,
    /// The last round; `None` is the last round of the run.
    pub last: Option<u32>,
}

/// A text that is not a range of rounds.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RoundRangeError {
    /// The text has another form.
    #[error("found `{0}`; rounds are written `3`, `1-5` or `6-`, counted from 1")]
    Form(String),
    /// The last round comes before the first.
    #[error("found `{0}`; the last round must not be before the first")]
    Reversed(String),
}

impl RoundRange {
    /// Parses `"3"`, `"1-5"` or `"6-"`.
    ///
    /// # Errors
    /// [`RoundRangeError`] quotes the text and shows the three forms.
    pub fn parse(text: &str) -> Result<Self, RoundRangeError> {
        let number = |part: &str| match part.trim().parse::<u32>() {
            Ok(round) if round > 0 => Ok(round),
            _ => Err(RoundRangeError::Form(text.to_owned())),
        };
        let rounds = match text.split_once('-') {
            None => {
                let round = number(text)?;
                Self { first: round, last: Some(round) }
            }
            Some((first, last)) if last.trim().is_empty() => {
                Self { first: number(first)?, last: None }
            }
            Some((first, last)) => Self { first: number(first)?, last: Some(number(last)?) },
        };
        if rounds.last.is_some_and(|last| last < rounds.first) {
            return Err(RoundRangeError::Reversed(text.to_owned()));
        }
        Ok(rounds)
    }

    /// Returns whether the range contains `round`.
    pub fn contains(&self, round: u32) -> bool {
        self.first <= round && self.last.is_none_or(|last| round <= last)
    }

    /// Returns whether the two ranges have a round in common.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.contains(other.first) || other.contains(self.first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_one_round_a_range_and_an_open_end() {
        assert_eq!(RoundRange::parse("3"), Ok(RoundRange { first: 3, last: Some(3) }));
        assert_eq!(RoundRange::parse(" 1 - 5 "), Ok(RoundRange { first: 1, last: Some(5) }));
        assert_eq!(RoundRange::parse("6-"), Ok(RoundRange { first: 6, last: None }));
        for wrong in ["", "0", "0-3", "5-1", "a", "1-b", "-3", "1-2-3"] {
            assert!(RoundRange::parse(wrong).is_err(), "`{wrong}` was taken");
        }
    }

    #[test]
    fn overlap_is_symmetric() {
        let [a, b, c] = ["1-5", "5-", "6-7"].map(|text| RoundRange::parse(text).unwrap());
        assert!(a.overlaps(&b) && b.overlaps(&a) && b.overlaps(&c) && c.overlaps(&b));
        assert!(!a.overlaps(&c) && !c.overlaps(&a));
        assert!(a.contains(5) && !a.contains(6) && b.contains(u32::MAX));
    }
}
