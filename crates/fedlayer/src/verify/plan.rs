//! Checks a plan's folder: its checkpoints, and which of them vouches for the records.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{Cure, Depth, Fault, Findings, folders::ListedPlan, records};
use crate::{
    files::{self, Content, FileError},
    run_folder::{
        checkpoint::{CheckpointError, CheckpointFile, CommittedRecords, PlanHash, RecordHashes},
        plan_folder::{PlanFolder, RecordFile},
    },
    timings,
};

/// The metadata of a checkpoint, without its models.
struct CheckpointSummary {
    round: u32,
    records: CommittedRecords,
}

/// Checks the folder of a plan.
pub(super) fn check(folder: &PlanFolder, known: &ListedPlan, depth: Depth, found: &mut Findings) {
    if !files::is_folder(folder.path()) {
        return found.add(Fault::absent(folder.path().to_owned(), Cure::Previous));
    }
    let kept = match folder.kept_rounds() {
        Ok(kept) => kept,
        Err(error) => return found.add(Fault::unreadable(&error.into(), Cure::Previous)),
    };
    let latest = latest(folder, known, &kept, found);
    let listed = known.files.as_ref().and_then(|_| listed(known));
    let mark = latest.or(listed).or_else(|| earlier(folder, known, &kept));
    if let Some(mark) = &mark {
        records::check(folder, &mark.records, known, found);
        found.rounds += u64::from(mark.round);
    }
    let committed = mark.as_ref().map_or(0, |mark| mark.round);
    absent_checkpoints(folder, known, &kept, depth, found);
    lost_checkpoint(folder, known, mark.as_ref(), found);
    if depth >= Depth::Everything {
        check_timings(folder, known, committed, found);
        for &round in kept.iter().rev().skip(1) {
            if let Err(reason) = read(folder, round, known.plan.as_ref()) {
                found.add(Fault::damaged(folder.checkpoint_file(round), reason, Cure::Nothing));
            }
        }
        kept.iter().for_each(|&round| check_bytes(folder.checkpoint_file(round), known, found));
        check_best(folder, known, committed, found);
    }
}

/// Checks the model of the best round. It is a copy of that round's checkpoint, written after it.
fn check_best(folder: &PlanFolder, known: &ListedPlan, committed: u32, found: &mut Findings) {
    let path = folder.best_file();
    if !files::exists(&path) {
        let is_listed = |files: &BTreeMap<String, Content>| files.contains_key(&listed_name(&path));
        if known.files.as_ref().is_some_and(is_listed) {
            found.add(Fault::absent(path, Cure::Previous));
        }
        return;
    }
    match read_file(&path, known.plan.as_ref()) {
        Err(reason) => found.add(Fault::damaged(path, reason, Cure::Previous)),
        Ok(mark) if mark.round > committed => {
            let words = format!("it is of round {}, and {committed} are committed", mark.round);
            found.add(Fault::damaged(path, words, Cure::Previous));
        }
        Ok(_) => check_bytes(path, known, found),
    }
}

/// Returns the name by which `run.json` lists a checkpoint of a plan.
fn listed_name(path: &Path) -> String {
    path.file_name().map_or(String::new(), |name| format!("checkpoints/{}", name.display()))
}

/// Compares a checkpoint with the length and the hash that `run.json` lists for it. A changed blank
/// in its header changes nothing that its own checksum covers.
fn check_bytes(path: PathBuf, known: &ListedPlan, found: &mut Findings) {
    let listed = known.files.as_ref().and_then(|files| files.get(&listed_name(&path)));
    let (Some(expected), Ok(now)) = (listed, Content::of(&path)) else { return };
    let is_named = found.faults.iter().any(|fault| fault.path == path);
    if now != *expected && !is_named {
        let words = format!("it has {now}; {expected} were written");
        found.add(Fault::damaged(path, words, Cure::Nothing));
    }
}

/// Returns the round of the last intact checkpoint with intact records that `is_usable`, if there
/// is one.
///
/// # Errors
/// When the folder of the checkpoints cannot be read.
pub(crate) fn last_whole(
    folder: &PlanFolder,
    plan: &PlanHash,
    is_usable: impl Fn(&CommittedRecords) -> bool,
) -> Result<Option<u32>, FileError> {
    let kept = folder.kept_rounds()?;
    let is_whole = |round: &u32| {
        read(folder, *round, Some(plan))
            .is_ok_and(|mark| records::are_whole(folder, &mark.records) && is_usable(&mark.records))
    };
    Ok(kept.into_iter().rev().find(is_whole))
}

/// Returns the last round with an intact checkpoint and intact records, and these records; `None`
/// if no round is committed.
///
/// # Errors
/// When the folder of the checkpoints cannot be read.
pub(crate) fn committed(
    folder: &PlanFolder,
    plan: &PlanHash,
) -> Result<Option<(u32, CommittedRecords)>, FileError> {
    let Some(round) = last_whole(folder, plan, |_| true)? else { return Ok(None) };
    Ok(read(folder, round, Some(plan)).ok().map(|mark| (round, mark.records)))
}

/// Reads the metadata of a checkpoint.
fn read(
    folder: &PlanFolder,
    round: u32,
    plan: Option<&PlanHash>,
) -> Result<CheckpointSummary, String> {
    match read_file(&folder.checkpoint_file(round), plan)? {
        mark if mark.round == round => Ok(mark),
        mark => Err(format!("it is the checkpoint of round {}", mark.round)),
    }
}

/// Reads the metadata of a checkpoint of any round.
fn read_file(path: &Path, plan: Option<&PlanHash>) -> Result<CheckpointSummary, String> {
    let bytes = files::read_bytes(path).map_err(|e| e.reason())?;
    let file = CheckpointFile::read(&bytes).map_err(|error| error.to_string())?;
    if plan.is_some_and(|plan| plan != file.plan()) {
        return Err(CheckpointError::Plan.to_string());
    }
    Ok(CheckpointSummary { round: file.round(), records: file.records() })
}

/// Returns the latest checkpoint. A running process may remove a checkpoint after it is listed;
/// then there is a later one.
fn latest(
    folder: &PlanFolder,
    known: &ListedPlan,
    kept: &[u32],
    found: &mut Findings,
) -> Option<CheckpointSummary> {
    let &round = kept.last()?;
    match read(folder, round, known.plan.as_ref()) {
        Ok(mark) => Some(mark),
        Err(_) if !files::exists(&folder.checkpoint_file(round)) => {
            let now = folder.kept_rounds().ok()?;
            let &later = now.last().filter(|later| **later > round)?;
            read(folder, later, known.plan.as_ref()).ok()
        }
        Err(reason) => {
            found.add(Fault::damaged(folder.checkpoint_file(round), reason, Cure::Previous));
            None
        }
    }
}

/// Returns the last intact checkpoint before the latest.
fn earlier(folder: &PlanFolder, known: &ListedPlan, kept: &[u32]) -> Option<CheckpointSummary> {
    let before = kept.iter().rev().skip(1);
    before.copied().find_map(|round| read(folder, round, known.plan.as_ref()).ok())
}

/// Returns the lengths of the records in `run.json`, from the end of the last process.
fn listed(known: &ListedPlan) -> Option<CheckpointSummary> {
    let files = known.files.as_ref()?;
    let of = |file: RecordFile| files.get(file.name());
    let (rounds, barriers) = (of(RecordFile::Rounds)?, of(RecordFile::Barriers)?);
    let round = listed_checkpoints(known).last().copied().unwrap_or(0);
    let checksums = of(RecordFile::Checksums)?.clone();
    let hashes = RecordHashes {
        rounds: rounds.blake3.clone(),
        barriers: barriers.blake3.clone(),
        checksums,
    };
    let (rounds_bytes, barriers_bytes) = (rounds.bytes, barriers.bytes);
    Some(CheckpointSummary {
        round,
        records: CommittedRecords { rounds_bytes, barriers_bytes, hashes: Some(hashes) },
    })
}

/// Returns the rounds with a checkpoint at the end of the last process, ascending.
fn listed_checkpoints(known: &ListedPlan) -> Vec<u32> {
    let names = known.files.iter().flat_map(|files| files.keys());
    let round = |name: &String| {
        let name = name.strip_prefix("checkpoints/round-")?;
        name.strip_suffix(".safetensors")?.parse().ok()
    };
    names.filter_map(round).collect()
}

/// Adds a fault for every checkpoint that is gone. Without the latest one the run cannot continue.
fn absent_checkpoints(
    folder: &PlanFolder,
    known: &ListedPlan,
    kept: &[u32],
    depth: Depth,
    found: &mut Findings,
) {
    let listed = listed_checkpoints(known);
    for round in listed.iter().filter(|round| !kept.contains(round)) {
        let is_latest = listed.last() == Some(round);
        let cure = if is_latest { Cure::Previous } else { Cure::Nothing };
        if is_latest || depth >= Depth::Everything {
            found.add(Fault::absent(folder.checkpoint_file(*round), cure));
        }
    }
}

/// For a run that was killed: adds a fault for a checkpoint that must have existed, because later
/// rounds are written.
fn lost_checkpoint(
    folder: &PlanFolder,
    known: &ListedPlan,
    mark: Option<&CheckpointSummary>,
    found: &mut Findings,
) {
    let (Some(every), None) = (known.every, &known.files) else { return };
    let (round, bytes) = mark.map_or((0, 0), |mark| (mark.round, mark.records.rounds_bytes));
    let Some(last) = records::last_round_behind(folder, bytes) else { return };
    // A running process may have written a later one in the meantime, and removed those before.
    if folder.kept_rounds().is_ok_and(|kept| kept.last().is_some_and(|&later| later > round)) {
        return;
    }
    let due = round - round % every + every;
    if last > due && !files::exists(&folder.checkpoint_file(due)) {
        found.add(Fault::absent(folder.checkpoint_file(due), Cure::Previous));
    }
}

fn check_timings(folder: &PlanFolder, known: &ListedPlan, committed: u32, found: &mut Findings) {
    let path = folder.record_file(RecordFile::Timings);
    if committed > 0 && !files::exists(&path) {
        return found.add(Fault::absent(path, Cure::Nothing));
    }
    let expected = known.files.as_ref().filter(|_| known.is_finished);
    let expected = expected.and_then(|files| files.get(RecordFile::Timings.name()));
    match timings::fault(&path, known.plan.as_ref(), committed) {
        Ok(None) => {
            let now = expected.and_then(|_| Content::of(&path).ok());
            if let (Some(now), Some(expected)) = (now, expected)
                && now != *expected
            {
                let reason = format!("{expected} were written, it has {now} now");
                found.add(Fault::damaged(path, reason, Cure::Nothing));
            }
        }
        Ok(Some(reason)) => found.add(Fault::damaged(path, reason, Cure::Nothing)),
        Err(error) => found.add(Fault::unreadable(&error.into(), Cure::Nothing)),
    }
}
