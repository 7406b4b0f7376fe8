//! `checksums.jsonl`: a short hash of every line of a plan's records. With it `verify` names the
//! line that has changed.
//!
//! It has one line per committed round and is as deterministic as the records. It can be recomputed
//! from them. Lengths and hashes in the checkpoint tell whether it and the records are intact.

use std::io::{self, BufRead};

use serde::{Deserialize, Serialize};

/// The file's name in a plan's folder.
pub(crate) const CHECKSUMS: &str = "checksums.jsonl";

/// The number of hexadecimal digits of a line's hash.
const DIGITS: usize = 8;

/// The hashes of the lines of one committed round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RoundChecks {
    /// The round.
    pub(crate) round: u32,
    /// The hash of its line in `rounds.jsonl`.
    pub(crate) rounds: LineChecks,
    /// The hashes of its lines in `barriers.jsonl`, in their order.
    pub(crate) barriers: LineChecks,
}

/// The concatenated hashes of lines: the first 8 hexadecimal digits of BLAKE3 for each.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct LineChecks(String);

impl LineChecks {
    /// Hashes a text of whole lines. The line break counts as part of its line.
    pub(crate) fn of(lines: &[u8]) -> Self {
        let mut checks = Self::default();
        lines.split_inclusive(|&byte| byte == b'\n').for_each(|line| checks.add(line));
        checks
    }

    fn add(&mut self, line: &[u8]) {
        self.0.push_str(&line_check(line));
    }

    /// Returns the number of lines.
    pub(crate) fn count(&self) -> usize {
        self.0.len() / DIGITS
    }

    /// Appends the hashes of other lines.
    pub(crate) fn extend(&mut self, other: &Self) {
        self.0.push_str(&other.0);
    }

    /// Tells whether a line, counted from 0, is unchanged.
    fn fits(&self, index: usize, line: &[u8]) -> bool {
        self.0.get(index * DIGITS..(index + 1) * DIGITS) == Some(&*line_check(line))
    }

    /// Returns the numbers of the wrong lines, ascending and counted from 1: lines that have
    /// changed, lines that are missing at the end, and extra lines.
    pub(crate) fn wrong_lines(&self, reader: &mut impl BufRead) -> io::Result<Vec<usize>> {
        let mut wrong = Vec::new();
        let mut line = Vec::new();
        let mut index = 0;
        while reader.read_until(b'\n', &mut line)? > 0 {
            if !self.fits(index, &line) {
                wrong.push(index + 1);
            }
            line.clear();
            index += 1;
        }
        wrong.extend(index + 1..=self.count());
        Ok(wrong)
    }
}

/// Returns the short hash of a line.
pub(crate) fn line_check(line: &[u8]) -> String {
    let mut hash = blake3::hash(line).to_hex().to_string();
    hash.truncate(DIGITS);
    hash
}

/// Returns the round that a line of `rounds.jsonl` or `barriers.jsonl` belongs to.
pub(crate) fn round_of_line(line: &[u8]) -> Result<u32, serde_json::Error> {
    #[derive(Deserialize)]
    struct RoundOnly {
        round: u32,
    }
    serde_json::from_slice(line).map(|RoundOnly { round }| round)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"one\ntwo\nthree\n";

    fn wrong(text: &[u8]) -> Vec<usize> {
        LineChecks::of(TEXT).wrong_lines(&mut &*text).unwrap()
    }

    #[test]
    fn changed_swapped_missing_and_extra_lines_are_named() {
        assert_eq!(LineChecks::of(TEXT).count(), 3);
        assert!(wrong(TEXT).is_empty());
        assert_eq!(wrong(b"one\ntwq\nthree\n"), [2]);
        assert_eq!(wrong(b"two\none\nthree\n"), [1, 2]);
        assert_eq!(wrong(b"one\ntwo\n"), [3]);
        assert_eq!(wrong(b"one\ntwo\nthree"), [3]);
        assert_eq!(wrong(b"one\ntwo\nthree\nthree\n"), [4]);
        assert_eq!(wrong(b""), [1, 2, 3]);
    }
}
