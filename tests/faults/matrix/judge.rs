//! Checks the answer of a command that reads a damaged run folder.

use std::{collections::BTreeMap, path::Path};

use super::{
    damage::Damaged,
    runs::{RunFolders, RunState, copy_of},
};
use crate::support::{Done, Place};

/// A command that reads a run folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reader {
    Verify,
    Compare,
    Analyze,
    Resume,
    /// `resume --previous`, which is tried only if `resume` refuses.
    Previous,
}

/// All commands, in the order in which they read the same copy. Those that write come last.
pub(super) const READERS: [Reader; 5] =
    [Reader::Verify, Reader::Compare, Reader::Analyze, Reader::Resume, Reader::Previous];

/// The allowed outcomes of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ReaderOutcome {
    /// It refuses and names the file, and the line if there is one, and changes nothing.
    Named,
    /// It names the file, leaves it as it is, and gives the answer of the undamaged run.
    Warned,
    /// It restores the bytes of the undamaged run.
    Healed,
    /// It gives the answer of the undamaged run, because it does not need the file.
    Unharmed,
}

impl ReaderOutcome {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Named => "named",
            Self::Warned => "warned",
            Self::Healed => "healed",
            Self::Unharmed => "unharmed",
        }
    }
}

impl Reader {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Compare => "compare",
            Self::Analyze => "analyze",
            Self::Resume => "resume",
            Self::Previous => "resume --previous",
        }
    }

    /// Runs the command on the folder `run`.
    fn read(self, place: &Place, runs: &RunFolders) -> Done {
        let other = runs.other();
        place.fedlayer(&match self {
            Self::Verify => "verify run".to_owned(),
            Self::Compare => format!("compare run {}", other.display()),
            Self::Analyze => {
                format!("analyze cumulative run --variant {} --out rows --json", super::PLANS.0)
            }
            Self::Resume => "resume run".to_owned(),
            Self::Previous => "resume run --previous".to_owned(),
        })
    }
}

/// The answers of every command for an undamaged run.
#[derive(Debug)]
pub(super) struct Undamaged {
    answers: Vec<Done>,
    records: BTreeMap<String, Vec<u8>>,
}

impl Undamaged {
    pub(super) fn of(state: RunState, runs: &RunFolders) -> Self {
        let place = copy_of(&runs.of(state));
        let answers = READERS.map(|reader| reader.read(&place, runs)).into();
        Self { answers, records: copy_of(&runs.of(RunState::Finished)).records("run") }
    }
}

/// A damage to one file.
#[derive(Debug)]
pub(super) struct DamageTrial<'a> {
    pub(super) runs: &'a RunFolders,
    pub(super) state: RunState,
    pub(super) undamaged: &'a Undamaged,
    /// The path of the file below the run folder.
    pub(super) name: &'a str,
    pub(super) damaged: Damaged,
}

impl DamageTrial<'_> {
    /// Runs every command on a damaged copy. Outcomes that are not allowed are errors.
    pub(super) fn judge(&self) -> Vec<Result<(Reader, ReaderOutcome), String>> {
        let place = copy_of(&self.runs.of(self.state));
        self.damaged.put(&place.path("run").join(self.name));
        let mut outcomes = Vec::new();
        for (&reader, undamaged) in READERS.iter().zip(&self.undamaged.answers) {
            let is_whole =
                |outcome: &Result<_, _>| !matches!(outcome, Ok((_, ReaderOutcome::Named)));
            if reader == Reader::Previous && outcomes.last().is_some_and(is_whole) {
                break;
            }
            let before = files(&place);
            let done = reader.read(&place, self.runs);
            let is_resumed = reader >= Reader::Resume && done.code == Some(0);
            let outcome = match is_resumed {
                true => self.judge_resumed(&place, &done),
                false => self.judge_answer(reader, &done, undamaged, &before, &files(&place)),
            };
            let said = format!("\ncode {:?}: {}{}", done.code, done.stdout, done.stderr);
            outcomes.push(outcome.map(|outcome| (reader, outcome)).map_err(|wrong| {
                format!("`{}`: {wrong}{}", reader.word(), said.replace('\n', "\n    "))
            }));
        }
        outcomes
    }

    /// Judges a resume that succeeded: it must have restored the undamaged run.
    fn judge_resumed(&self, place: &Place, resumed: &Done) -> Result<ReaderOutcome, String> {
        let records = place.records("run");
        let different: Vec<_> = names_of_both(&records, &self.undamaged.records)
            .filter(|name| records.get(*name) != self.undamaged.records.get(*name))
            .collect();
        // A file that is not needed may stay damaged if the command names it.
        let is_left = different == [self.name] && self.is_named(resumed);
        if !different.is_empty() && !is_left {
            return Err(format!("silently wrong: {different:?} differ"));
        }
        let verified = Reader::Verify.read(place, self.runs);
        match (verified.code, self.is_named(resumed) && self.is_named(&verified)) {
            (Some(0), _) if !is_left => Ok(ReaderOutcome::Healed),
            // The text of a scenario may differ if its plans are the same.
            (Some(0), _) => Ok(ReaderOutcome::Warned),
            (_, true) => Ok(ReaderOutcome::Warned),
            _ => Err(format!("resumed, and then `verify` says: {}", verified.stderr)),
        }
    }

    fn judge_answer(
        &self,
        reader: Reader,
        done: &Done,
        undamaged: &Done,
        before: &BTreeMap<String, Vec<u8>>,
        after: &BTreeMap<String, Vec<u8>>,
    ) -> Result<ReaderOutcome, String> {
        let lost: Vec<_> = names_of_both(before, after)
            .filter(|name| before.get(*name) != after.get(*name))
            .collect();
        if !lost.is_empty() {
            return Err(format!("changed files that existed before: {lost:?}"));
        }
        let is_same = (done.code, &done.stdout) == (undamaged.code, &undamaged.stdout);
        match self.is_named(done) {
            true if done.code != Some(0) => Ok(ReaderOutcome::Named),
            true if is_same => Ok(ReaderOutcome::Warned),
            // A command that reads results need not name a file that cannot change them.
            false if is_same && (reader != Reader::Verify || self.may_pass()) => {
                Ok(ReaderOutcome::Unharmed)
            }
            _ if done.code == Some(0) => Err("silently wrong".to_owned()),
            _ => Err(format!("not named: lines {:?}", self.damaged.lines)),
        }
    }

    /// Returns whether `verify` may find nothing: the content of a lock is not read, and a resume
    /// computes uncommitted parts of an interrupted run again.
    fn may_pass(&self) -> bool {
        self.name == ".lock" || self.state == RunState::Interrupted
    }

    /// Returns whether the output names the file, and the line if a line of a record was changed.
    fn is_named(&self, done: &Done) -> bool {
        let said = format!("{}{}", done.stdout, done.stderr);
        let file = Path::new(self.name).file_name().unwrap().to_str().unwrap();
        let is_record = ["rounds.jsonl", "barriers.jsonl"].contains(&file);
        let says = |line: &usize| {
            ["line", "lines"].iter().any(|word| says_number(&said, &format!("{word} {line}")))
        };
        let names_line = || self.damaged.lines.iter().any(says);
        said.contains(file) && (!is_record || self.damaged.lines.is_empty() || names_line())
    }
}

/// Returns whether a text has these words without a digit after them.
fn says_number(text: &str, words: &str) -> bool {
    text.match_indices(words)
        .any(|(at, _)| !text[at + words.len()..].starts_with(|next: char| next.is_ascii_digit()))
}

/// Returns every file of the run folder except its lock.
fn files(place: &Place) -> BTreeMap<String, Vec<u8>> {
    let mut files = place.files("run");
    files.remove(".lock");
    files
}

fn names_of_both<'a>(
    one: &'a BTreeMap<String, Vec<u8>>,
    other: &'a BTreeMap<String, Vec<u8>>,
) -> impl Iterator<Item = &'a String> {
    let only_other = other.keys().filter(|name| !one.contains_key(*name));
    one.keys().chain(only_other)
}
