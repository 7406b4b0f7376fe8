//! What a command made of a damaged run folder, and whether that may be.

use std::{collections::BTreeMap, path::Path};

use super::{
    damage::Damaged,
    runs::{Runs, State, copy_of},
};
use crate::support::{Done, Place};

/// A command that reads a run folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reader {
    Verify,
    Compare,
    Analyze,
    Resume,
    /// Only where `resume` refused: it goes on from what is whole.
    Previous,
}

/// In the order in which they read the same copy: those that write come last.
pub(super) const READERS: [Reader; 5] =
    [Reader::Verify, Reader::Compare, Reader::Analyze, Reader::Resume, Reader::Previous];

/// What a command may make of a damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    /// It names the file, and the line where there is one, and leaves everything as it is.
    Named,
    /// It names the file, which stays as it is, and answers as it does for the undamaged run.
    Warned,
    /// It ends with the bytes of the undamaged run.
    Healed,
    /// It answers as it does for the undamaged run: it does not need the file.
    Unharmed,
}

impl Outcome {
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

    /// Reads the folder `run`.
    fn read(self, place: &Place, runs: &Runs) -> Done {
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

/// What every command answers where nothing is damaged.
#[derive(Debug)]
pub(super) struct Undamaged {
    answers: Vec<Done>,
    records: BTreeMap<String, Vec<u8>>,
}

impl Undamaged {
    pub(super) fn of(state: State, runs: &Runs) -> Self {
        let place = copy_of(&runs.of(state));
        let answers = READERS.map(|reader| reader.read(&place, runs)).into();
        Self { answers, records: copy_of(&runs.of(State::Finished)).records("run") }
    }
}

/// One file with one damage.
#[derive(Debug)]
pub(super) struct Try<'a> {
    pub(super) runs: &'a Runs,
    pub(super) state: State,
    pub(super) undamaged: &'a Undamaged,
    /// The file, below the run folder.
    pub(super) name: &'a str,
    pub(super) damaged: Damaged,
}

impl Try<'_> {
    /// Lets every command read a damaged copy; an error for an outcome that must not be.
    pub(super) fn judge(&self) -> Vec<Result<(Reader, Outcome), String>> {
        let place = copy_of(&self.runs.of(self.state));
        self.damaged.put(&place.path("run").join(self.name));
        let mut outcomes = Vec::new();
        for (&reader, undamaged) in READERS.iter().zip(&self.undamaged.answers) {
            let is_whole = |outcome: &Result<_, _>| !matches!(outcome, Ok((_, Outcome::Named)));
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

    /// A resume that ended well must have made the undamaged run whole.
    fn judge_resumed(&self, place: &Place, resumed: &Done) -> Result<Outcome, String> {
        let records = place.records("run");
        let different: Vec<_> = names_of_both(&records, &self.undamaged.records)
            .filter(|name| records.get(*name) != self.undamaged.records.get(*name))
            .collect();
        // A file that is not needed may stay as it is, where that is said.
        let is_left = different == [self.name] && self.is_named(resumed);
        if !different.is_empty() && !is_left {
            return Err(format!("silently wrong: {different:?} differ"));
        }
        let verified = Reader::Verify.read(place, self.runs);
        match (verified.code, self.is_named(resumed) && self.is_named(&verified)) {
            (Some(0), _) if !is_left => Ok(Outcome::Healed),
            // The text of a scenario may be another one with the same plans.
            (Some(0), _) => Ok(Outcome::Warned),
            (_, true) => Ok(Outcome::Warned),
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
    ) -> Result<Outcome, String> {
        let lost: Vec<_> = names_of_both(before, after)
            .filter(|name| before.get(*name) != after.get(*name))
            .collect();
        if !lost.is_empty() {
            return Err(format!("changed files that stood there: {lost:?}"));
        }
        let is_same = (done.code, &done.stdout) == (undamaged.code, &undamaged.stdout);
        match self.is_named(done) {
            true if done.code != Some(0) => Ok(Outcome::Named),
            true if is_same => Ok(Outcome::Warned),
            // What cannot change a result need not be known to whoever reads results.
            false if is_same && (reader != Reader::Verify || self.may_pass()) => {
                Ok(Outcome::Unharmed)
            }
            _ if done.code == Some(0) => Err("silently wrong".to_owned()),
            _ => Err(format!("not named: lines {:?}", self.damaged.lines)),
        }
    }

    /// Whether `verify` may have nothing to say: nobody reads what is in a lock, and what an interrupted run has not committed is made anew.
    fn may_pass(&self) -> bool {
        self.name == ".lock" || self.state == State::Interrupted
    }

    /// Whether the file is named, and the line where a line of a record was changed.
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

/// Whether a text has these words, and no digit behind them.
fn says_number(text: &str, words: &str) -> bool {
    text.match_indices(words)
        .any(|(at, _)| !text[at + words.len()..].starts_with(|next: char| next.is_ascii_digit()))
}

/// Every file of the run folder but its lock.
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
