//! Recomputes `checksums.jsonl` from the records if it has changed or is absent.

use std::path::Path;

use super::{
    checkpoint::CommittedRecords,
    json::json_lines,
    line_checks::{LineChecks, RoundChecks, round_of_line},
    plan_folder::{PlanFolder, RecordFile},
};
use crate::{
    exit::Failure,
    files::{self, Content},
};

/// Makes sure that `checksums.jsonl` matches the records up to a checkpoint, and returns its length
/// there. If the records are intact and the checksums are not, the file is written anew, also for a
/// run of an earlier version.
///
/// # Errors
/// When a file cannot be read or written, or the records are damaged.
pub(super) fn up_to(
    folder: &PlanFolder,
    records: Option<&CommittedRecords>,
) -> Result<u64, Failure> {
    let Some(records) = records else { return Ok(0) };
    let path = folder.record_file(RecordFile::Checksums);
    let expected = records.hashes.as_ref().map(|hashes| &hashes.checksums);
    if let Some(expected) = expected
        && files::exists(&path)
        && Content::of_first(&path, expected.bytes)? == *expected
    {
        return Ok(expected.bytes);
    }
    let rows = computed(folder, records)?;
    let bytes = json_lines(&rows)?;
    files::write_atomically(&path, &bytes)?;
    Ok(bytes.len() as u64)
}

/// Computes the checksums of the records up to their committed lengths.
fn computed(folder: &PlanFolder, records: &CommittedRecords) -> Result<Vec<RoundChecks>, Failure> {
    let (rounds, barriers) =
        (folder.record_file(RecordFile::Rounds), folder.record_file(RecordFile::Barriers));
    let round_lines = files::read_first(&rounds, records.rounds_bytes)?;
    let barrier_lines = files::read_first(&barriers, records.barriers_bytes)?;
    let mut barrier_lines = lines(&barrier_lines).peekable();
    let mut rows = Vec::new();
    for line in lines(&round_lines) {
        let round = round_of(&rounds, line)?;
        let mut own = LineChecks::default();
        while let Some(line) = barrier_lines.peek() {
            if round_of(&barriers, line)? != round {
                break;
            }
            own.extend(&LineChecks::of(line));
            barrier_lines.next();
        }
        rows.push(RoundChecks { round, rounds: LineChecks::of(line), barriers: own });
    }
    Ok(rows)
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split_inclusive(|&byte| byte == b'\n')
}

fn round_of(path: &Path, line: &[u8]) -> Result<u32, Failure> {
    round_of_line(line).map_err(|error| Failure::damaged(path, error))
}
