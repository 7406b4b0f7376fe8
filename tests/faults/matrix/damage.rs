//! Damages to the bytes of a file.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A damage to one file of a run folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileDamage {
    Truncated,
    Emptied,
    Deleted,
    Zeroed,
    OneBit,
    OneDigit,
    TwoLinesSwapped,
    LineAppended,
    /// The file of the same name in a run of another scenario.
    AnotherRuns,
    /// The file of the same name in another plan of the same run.
    AnotherPlans,
}

/// Every damage.
pub(super) const ALL: [FileDamage; 10] = [
    FileDamage::Truncated,
    FileDamage::Emptied,
    FileDamage::Deleted,
    FileDamage::Zeroed,
    FileDamage::OneBit,
    FileDamage::OneDigit,
    FileDamage::TwoLinesSwapped,
    FileDamage::LineAppended,
    FileDamage::AnotherRuns,
    FileDamage::AnotherPlans,
];

/// A file with a damage.
#[derive(Debug)]
pub(super) struct Damaged {
    /// Its bytes, or `None` if it is deleted.
    pub(super) bytes: Option<Vec<u8>>,
    /// The numbers of the changed lines, from 1, if the damage changes single lines.
    pub(super) lines: Vec<usize>,
}

/// The folders of other files that may replace a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct OtherFiles<'a> {
    /// The run folder of another scenario.
    pub(super) run: &'a Path,
    /// The undamaged run folder itself.
    pub(super) own: &'a Path,
}

impl FileDamage {
    /// Damages a file. Returns `None` if this damage cannot be done to it.
    pub(super) fn of(self, name: &str, others: OtherFiles<'_>) -> Option<Damaged> {
        let whole = bytes_if_any(&others.own.join(name));
        let whole_bytes = whole.clone().unwrap_or_default();
        let changed = |bytes: Vec<u8>| Some(Damaged { lines: Vec::new(), bytes: Some(bytes) });
        let damaged = match self {
            Self::Truncated => changed(whole_bytes[..whole_bytes.len() / 2].to_vec()),
            Self::Emptied => changed(Vec::new()),
            Self::Deleted => Some(Damaged { bytes: None, lines: Vec::new() }),
            Self::Zeroed => {
                let mut bytes = whole_bytes;
                let half = bytes.len() / 2;
                bytes[half..].fill(0);
                changed(bytes)
            }
            Self::OneBit => one_bit(whole_bytes),
            Self::OneDigit => one_digit(whole_bytes),
            Self::TwoLinesSwapped => two_lines_swapped(&whole_bytes),
            Self::LineAppended => line_appended(whole_bytes),
            Self::AnotherRuns => bytes_if_any(&others.run.join(name)).and_then(changed),
            Self::AnotherPlans => sibling(name)
                .and_then(|name| bytes_if_any(&others.own.join(name)))
                .and_then(changed),
        }?;
        // An absent file can only be added.
        let is_possible = whole.is_some() || self == Self::AnotherRuns;
        (is_possible && damaged.bytes != whole).then_some(damaged)
    }
}

impl Damaged {
    /// Replaces the file at `path`.
    pub(super) fn put(&self, path: &Path) {
        match &self.bytes {
            Some(bytes) => {
                // The folder of analyses does not exist in an interrupted run.
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, bytes).unwrap();
            }
            None => fs::remove_file(path).unwrap(),
        }
    }
}

/// Returns the corresponding file of the other plan.
fn sibling(name: &str) -> Option<PathBuf> {
    let (plan, other) = super::PLANS;
    name.strip_prefix(plan).map(|rest| PathBuf::from(format!("{other}{rest}")))
}

/// Flips a bit in the middle of the file.
fn one_bit(mut bytes: Vec<u8>) -> Option<Damaged> {
    let middle = bytes.len() / 2;
    *bytes.get_mut(middle)? ^= 1;
    Some(Damaged { lines: vec![line_of(&bytes, middle)], bytes: Some(bytes) })
}

/// Changes the last digit of the first half of the file.
fn one_digit(mut bytes: Vec<u8>) -> Option<Damaged> {
    let is_digit = |&at: &usize| bytes[at].is_ascii_digit();
    let at = (0..bytes.len().div_ceil(2)).rev().find(is_digit)?;
    bytes[at] = if bytes[at] == b'9' { b'8' } else { bytes[at] + 1 };
    Some(Damaged { lines: vec![line_of(&bytes, at)], bytes: Some(bytes) })
}

/// Swaps the second and the third line.
fn two_lines_swapped(bytes: &[u8]) -> Option<Damaged> {
    let mut lines: Vec<&[u8]> = bytes.split_inclusive(|&byte| byte == b'\n').collect();
    if lines.len() < 3 {
        return None;
    }
    lines.swap(1, 2);
    Some(Damaged { bytes: Some(lines.concat()), lines: vec![2, 3] })
}

/// Repeats the last line. No existing line changes.
fn line_appended(mut bytes: Vec<u8>) -> Option<Damaged> {
    let last = bytes.split_inclusive(|&byte| byte == b'\n').rfind(|line| line.ends_with(b"\n"))?;
    let last = last.to_vec();
    bytes.extend(last);
    Some(Damaged { bytes: Some(bytes), lines: Vec::new() })
}

fn line_of(bytes: &[u8], at: usize) -> usize {
    1 + bytes[..at].iter().filter(|&&byte| byte == b'\n').count()
}

fn bytes_if_any(path: &Path) -> Option<Vec<u8>> {
    path.exists().then(|| fs::read(path).unwrap())
}
