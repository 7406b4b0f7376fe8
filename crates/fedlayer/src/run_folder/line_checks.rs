//! `checksums.jsonl`: a short hash of every line of a plan's records, so that a line that changed can be named.
//!
//! It has a line per committed round and is as deterministic as the records are. What it says can be computed anew from them; whether it
//! and they are as they were written is said by the lengths and hashes in the checkpoint.

use std::io::{self, BufRead};

use serde::{Deserialize, Serialize};

/// What the file is called in a plan's folder.
pub(crate) const CHECKSUMS: &str = "checksums.jsonl";

/// Digits of the hash of one line.
const DIGITS: usize = 8;

/// The hashes of the lines of one committed round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RoundChecks {
    /// The round.
    pub(crate) round: u32,
    /// Of its line in `rounds.jsonl`.
    pub(crate) rounds: LineChecks,
    /// Of its lines in `barriers.jsonl`, in their order.
    pub(crate) barriers: LineChecks,
}

/// The hashes of lines, one behind the other: the first 8 hexadecimal digits of BLAKE3 for each.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct LineChecks(String);

impl LineChecks {
    /// Of text that consists of whole lines. The line break counts as a part of its line.
    pub(crate) fn of(lines: &[u8]) -> Self {
        let mut checks = Self::default();
        lines.split_inclusive(|&byte| byte == b'\n').for_each(|line| checks.add(line));
        checks
    }

    fn add(&mut self, line: &[u8]) {
        self.0.push_str(&line_check(line));
    }

    /// The number of lines.
    pub(crate) fn count(&self) -> usize {
        self.0.len() / DIGITS
    }

    /// Adds other lines' hashes behind.
    pub(crate) fn extend(&mut self, other: &Self) {
        self.0.push_str(&other.0);
    }

    /// Whether a line, counted from 0, is the one that was written.
    fn fits(&self, index: usize, line: &[u8]) -> bool {
        self.0.get(index * DIGITS..(index + 1) * DIGITS) == Some(&*line_check(line))
    }

    /// The numbers of the lines that are not the ones that were written, ascending and counted from 1: those that
    /// changed, those that are missing at the end, and those that are too many.
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

/// The short hash of a line.
pub(crate) fn line_check(line: &[u8]) -> String {
    let mut hash = blake3::hash(line).to_hex().to_string();
    hash.truncate(DIGITS);
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"one\ntwo\nthree\n";

    fn wrong(text: &[u8]) -> Vec<usize> {
        LineChecks::of(TEXT).wrong_lines(&mut &*text).unwrap()
    }

    #[test]
    fn lines_that_changed_changed_places_are_missing_or_too_many_are_named() {
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
