//! `timings.jsonl`: the seconds of each round of a plan. They differ from run to run, so no
//! checkpoint has a checksum of the file; every line has its own.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{
    exit::Failure,
    files::{self, FileError},
    run_folder::{checkpoint::PlanHash, line_checks::line_check},
};

/// The name of the file in a plan's folder.
pub(crate) const TIMINGS: &str = "timings.jsonl";

/// A line of the file, in seconds.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TimingRow {
    pub(crate) round: u32,
    pub(crate) train: f64,
    pub(crate) barriers: f64,
    pub(crate) average: f64,
    pub(crate) evaluate: f64,
}

/// The text before a line's checksum.
const BEFORE: &str = ",\"check\":\"";

/// The text after a line's checksum.
const BEHIND: &str = "\"}";

impl TimingRow {
    /// Returns the line, with a checksum of the line and of its plan.
    pub(crate) fn line(&self, plan: &PlanHash) -> Result<String, Failure> {
        let row = serde_json::to_string(self)?;
        let body = row.strip_suffix('}').unwrap_or(&row);
        Ok(format!("{body}{BEFORE}{}{BEHIND}\n", check(plan, body)))
    }

    /// Reads a line and compares its checksum. Lines of earlier versions have none.
    fn read(line: &str, plan: Option<&PlanHash>) -> Result<Self, String> {
        let parts = line.strip_suffix(BEHIND).and_then(|line| line.rsplit_once(BEFORE));
        let Some((body, expected)) = parts else {
            return serde_json::from_str(line).map_err(|error| error.to_string());
        };
        if plan.is_some_and(|plan| check(plan, body) != expected) {
            return Err("it is not the line that was written".to_owned());
        }
        serde_json::from_str(&format!("{body}}}")).map_err(|error| error.to_string())
    }
}

fn check(plan: &PlanHash, body: &str) -> String {
    line_check(format!("{plan}{body}").as_bytes())
}

/// Returns the length of the file up to a round: of all lines before the first of a later round.
pub(crate) fn length_up_to(path: &Path, round: u32) -> Result<u64, FileError> {
    let bytes = files::read_bytes_if_any(path)?;
    let is_later = |line: &[u8]| {
        let line = String::from_utf8_lossy(line);
        TimingRow::read(line.trim_end(), None).is_ok_and(|row| row.round > round)
    };
    let lines = bytes.split_inclusive(|&byte| byte == b'\n');
    let kept = lines.take_while(|line| line.ends_with(b"\n") && !is_later(line));
    Ok(kept.map(|line| line.len() as u64).sum())
}

/// Reads the lines up to a round, and ends before the first line that is not the one that was
/// written.
pub(crate) fn rows_up_to(
    path: &Path,
    plan: &PlanHash,
    round: u32,
) -> Result<Vec<TimingRow>, FileError> {
    let bytes = files::read_bytes_if_any(path)?;
    let lines = bytes.split_inclusive(|&byte| byte == b'\n');
    let row = |line: &[u8]| {
        let line = String::from_utf8_lossy(line.strip_suffix(b"\n")?).into_owned();
        TimingRow::read(&line, Some(plan)).ok().filter(|row| row.round <= round)
    };
    Ok(lines.map_while(row).collect())
}

/// Finds what is wrong with the file of a plan with `committed` rounds. Lines of later rounds are
/// not checked.
pub(crate) fn fault(
    path: &Path,
    plan: Option<&PlanHash>,
    committed: u32,
) -> Result<Option<String>, FileError> {
    let bytes = files::read_bytes_if_any(path)?;
    let mut expected = 1;
    for (index, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
        if expected > committed {
            return Ok(None);
        }
        let number = index + 1;
        let line = String::from_utf8_lossy(line);
        if line.is_empty() && number > 1 {
            break;
        }
        match TimingRow::read(&line, plan) {
            Ok(row) if row.round == expected => expected += 1,
            Ok(row) => {
                let found = row.round;
                return Ok(Some(format!(
                    "line {number} is of round {found}, where round {expected} is expected"
                )));
            }
            Err(reason) => return Ok(Some(format!("line {number}: {reason}"))),
        }
    }
    let found = expected - 1;
    Ok((found < committed).then(|| {
        format!("it has {found} lines, one less for each round that is missing of {committed}")
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(rounds: &[u32]) -> String {
        let plan = PlanHash::test();
        let row = |&round: &u32| {
            let row = TimingRow { round, train: 0.25, barriers: 0.5, average: 0.0, evaluate: 1.0 };
            row.line(&plan).unwrap()
        };
        rounds.iter().map(row).collect()
    }

    fn found(text: &str, committed: u32) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(TIMINGS);
        files::write_atomically(&path, text.as_bytes()).unwrap();
        fault(&path, Some(&PlanHash::test()), committed).unwrap()
    }

    #[test]
    fn a_line_that_changed_is_out_of_order_or_missing_is_named() {
        let whole = file(&[1, 2, 3]);
        assert_eq!(found(&whole, 3), None);
        assert_eq!(found(&whole, 2), None);
        let changed = whole.replacen("0.25", "0.26", 2).replacen("0.26", "0.25", 1);
        assert_eq!(found(&changed, 3).unwrap(), "line 2: it is not the line that was written");
        let swapped = found(&file(&[1, 3, 2]), 3).unwrap();
        assert_eq!(swapped, "line 2 is of round 3, where round 2 is expected");
        assert!(found(&file(&[1, 2]), 3).unwrap().contains("2 lines"));
        assert!(found("", 3).is_some());
        let another = r#"{"round":1,"train":1.0,"barriers":0.0,"average":0.0,"evaluate":0.0}"#;
        assert_eq!(found(another, 1), None, "a line of an earlier version");
        assert!(found(&another.replace("train", "drain"), 1).is_some());
    }

    #[test]
    fn a_damaged_line_takes_none_of_the_others_along() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(TIMINGS);
        let text = file(&[1, 2, 3, 4]);
        let damaged = text.replacen("train", "trail", 1);
        files::write_atomically(&path, damaged.as_bytes()).unwrap();
        assert_eq!(length_up_to(&path, 3).unwrap(), file(&[1, 2, 3]).len() as u64);
    }
}
