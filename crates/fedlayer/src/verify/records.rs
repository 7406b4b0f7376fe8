//! Checks a plan's record files against the lengths and hashes in a checkpoint.

use std::path::Path;

use super::{Cure, Fault, Findings, folders::ListedPlan};
use crate::{
    files::{self, Content, FileError},
    run_folder::{
        checkpoint::CommittedRecords,
        line_checks::{LineChecks, RoundChecks, round_of_line},
        plan_folder::{PlanFolder, RecordFile},
    },
};

/// The number of lines that a message names; it counts the others.
const NAMED: usize = 4;

/// The expected beginning of a file.
struct ExpectedFile<'a> {
    file: RecordFile,
    bytes: u64,
    /// The hash; a checkpoint of an earlier version has none.
    blake3: Option<&'a str>,
}

/// A difference between the beginning of a file and the expected one.
struct FileMismatch {
    /// The length of the file, if it is too short.
    short: Option<u64>,
}

/// Checks the record files of a plan up to their committed lengths.
pub(super) fn check(
    folder: &PlanFolder,
    records: &CommittedRecords,
    known: &ListedPlan,
    found: &mut Findings,
) {
    let lines = whole_line_checks(folder, records);
    let mut are_whole = true;
    for expected in files_of(records) {
        let path = folder.record_file(expected.file);
        let cure = match expected.file {
            RecordFile::Checksums if are_whole => Cure::Resume,
            _ => Cure::Previous,
        };
        match compare(&path, &expected) {
            Err(error) => {
                are_whole = false;
                let absent = !files::exists(&path);
                found.add(match absent {
                    true => Fault::absent(path, cure),
                    false => Fault::unreadable(&error.into(), cure),
                });
            }
            Ok(Some(wrong)) => {
                are_whole = false;
                let reason = reason(&path, &expected, &wrong, lines.as_ref());
                found.add(Fault::damaged(path, reason, cure));
            }
            Ok(None) => behind(&path, &expected, known, found),
        }
    }
}

/// Tells whether `rounds.jsonl` and `barriers.jsonl` are intact up to their committed lengths.
pub(super) fn are_whole(folder: &PlanFolder, records: &CommittedRecords) -> bool {
    let is_whole = |expected: &ExpectedFile<'_>| {
        let path = folder.record_file(expected.file);
        compare(&path, expected).is_ok_and(|wrong| wrong.is_none())
    };
    files_of(records).iter().filter(|expected| expected.file != RecordFile::Checksums).all(is_whole)
}

fn files_of(records: &CommittedRecords) -> Vec<ExpectedFile<'_>> {
    let hashes = records.hashes.as_ref();
    let mut all = vec![
        ExpectedFile {
            file: RecordFile::Rounds,
            bytes: records.rounds_bytes,
            blake3: hashes.map(|hashes| &*hashes.rounds),
        },
        ExpectedFile {
            file: RecordFile::Barriers,
            bytes: records.barriers_bytes,
            blake3: hashes.map(|hashes| &*hashes.barriers),
        },
    ];
    all.extend(hashes.map(|hashes| ExpectedFile {
        file: RecordFile::Checksums,
        bytes: hashes.checksums.bytes,
        blake3: Some(&hashes.checksums.blake3),
    }));
    all
}

/// Compares the beginning of a file with the expected one; `None` if they are equal.
fn compare(path: &Path, expected: &ExpectedFile<'_>) -> Result<Option<FileMismatch>, FileError> {
    let now = Content::of_first(path, expected.bytes)?;
    if now.bytes < expected.bytes {
        return Ok(Some(FileMismatch { short: Some(now.bytes) }));
    }
    let is_same = match expected.blake3 {
        Some(blake3) => now.blake3 == blake3,
        None => by_form(expected.file, &files::read_first(path, expected.bytes)?).is_none(),
    };
    Ok((!is_same).then_some(FileMismatch { short: None }))
}

/// Describes a difference, with the lines if they are known.
fn reason(
    path: &Path,
    expected: &ExpectedFile<'_>,
    wrong: &FileMismatch,
    lines: Option<&ExpectedLines>,
) -> String {
    let text = files::read_first(path, expected.bytes).unwrap_or_default();
    let checks = lines.and_then(|lines| lines.of(expected.file));
    let numbers = match checks {
        Some(checks) => checks.wrong_lines(&mut &*text).unwrap_or_default(),
        None => by_form(expected.file, &text).into_iter().collect(),
    };
    let place = named(&numbers);
    match (wrong.short, numbers.len()) {
        (Some(short), 0) => format!("it has {short} bytes, {} were committed", expected.bytes),
        (Some(short), lines) => {
            let are = if lines == 1 { "is" } else { "are" };
            format!(
                "it has {short} bytes, {} were committed: {place} {are} missing",
                expected.bytes
            )
        }
        (None, 0) => {
            format!("its first {} bytes are not the ones that were written", expected.bytes)
        }
        (None, 1) => format!("{place} is not the line that was written"),
        (None, _) => format!("{place} are not the lines that were written"),
    }
}

/// Formats line numbers: `line 3`, `lines 3 and 4`, `lines 3, 4, 5, 6 and 12 more`.
fn named(numbers: &[usize]) -> String {
    let (first, rest) = numbers.split_at(numbers.len().min(NAMED));
    let list =
        |numbers: &[usize]| numbers.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
    match (first, rest.len()) {
        ([one], 0) => format!("line {one}"),
        ([before @ .., last], 0) => format!("lines {} and {last}", list(before)),
        (first, more) => format!("lines {} and {more} more", list(first)),
    }
}

/// Reports bytes after the last checkpoint: a finished run has none.
fn behind(path: &Path, expected: &ExpectedFile<'_>, known: &ListedPlan, found: &mut Findings) {
    let length = files::length_if_any(path).unwrap_or_default();
    let more = length.saturating_sub(expected.bytes);
    if more == 0 {
        return;
    }
    let words = format!("{more} bytes behind the last committed round");
    match known.is_finished {
        true => found.add(Fault::damaged(path.to_owned(), format!("it has {words}"), Cure::Resume)),
        false => found
            .notes
            .push(format!("`{}` has {words}: `fedlayer resume` cuts them off", path.display())),
    }
}

/// The hashes of all lines of the records.
struct ExpectedLines {
    rounds: LineChecks,
    barriers: LineChecks,
}

impl ExpectedLines {
    fn of(&self, file: RecordFile) -> Option<&LineChecks> {
        match file {
            RecordFile::Rounds => Some(&self.rounds),
            RecordFile::Barriers => Some(&self.barriers),
            RecordFile::Checksums | RecordFile::Timings => None,
        }
    }
}

/// Reads the hashes of the lines up to a checkpoint from `checksums.jsonl`, if that file is intact.
fn whole_line_checks(folder: &PlanFolder, records: &CommittedRecords) -> Option<ExpectedLines> {
    let expected = &records.hashes.as_ref()?.checksums;
    let bytes =
        files::read_first(&folder.record_file(RecordFile::Checksums), expected.bytes).ok()?;
    if Content::of_bytes(&bytes) != *expected {
        return None;
    }
    let mut lines =
        ExpectedLines { rounds: LineChecks::default(), barriers: LineChecks::default() };
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        let round: RoundChecks = serde_json::from_slice(line).ok()?;
        lines.rounds.extend(&round.rounds);
        lines.barriers.extend(&round.barriers);
    }
    Some(lines)
}

/// Returns the first line that cannot belong to the file: it is not whole JSON, or its round is out
/// of order.
fn by_form(file: RecordFile, text: &[u8]) -> Option<usize> {
    let mut before = 0;
    let is_wrong = |line: &[u8]| {
        let Some(line) = line.strip_suffix(b"\n") else { return true };
        let Ok(round) = round_of_line(line) else { return true };
        let is_next = round == before + 1 || (file == RecordFile::Barriers && round >= before);
        before = round;
        !is_next
    };
    let mut lines = text.split_inclusive(|&byte| byte == b'\n');
    lines.position(is_wrong).map(|index| index + 1)
}

/// Returns the last round with a line after the first `bytes` of `rounds.jsonl`.
pub(super) fn last_round_behind(folder: &PlanFolder, bytes: u64) -> Option<u32> {
    let path = folder.record_file(RecordFile::Rounds);
    let tail = files::read_behind(&path, bytes).ok()?;
    let lines = tail.split(|&byte| byte == b'\n');
    lines.filter_map(|line| round_of_line(line).ok()).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_named_and_counted() {
        assert_eq!(named(&[3]), "line 3");
        assert_eq!(named(&[3, 4]), "lines 3 and 4");
        assert_eq!(named(&[1, 2, 3, 4]), "lines 1, 2, 3 and 4");
        assert_eq!(named(&[1, 2, 3, 4, 9, 10]), "lines 1, 2, 3, 4 and 2 more");
    }

    #[test]
    fn an_impossible_line_is_found_without_checksums() {
        let rounds = b"{\"round\":1}\n{\"round\":2}\n";
        assert_eq!(by_form(RecordFile::Rounds, rounds), None);
        assert_eq!(by_form(RecordFile::Rounds, b"{\"round\":2}\n{\"round\":1}\n"), Some(1));
        assert_eq!(by_form(RecordFile::Rounds, b"{\"round\":1}\n{\"round\""), Some(2));
        assert_eq!(by_form(RecordFile::Barriers, b"{\"round\":2}\n{\"round\":2}\n"), None);
        assert_eq!(by_form(RecordFile::Barriers, b"{\"round\":4}\n{\"round\":2}\n"), Some(2));
    }
}
