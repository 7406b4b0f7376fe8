//! The arguments of `fedlayer analyze`.

use std::{ops::RangeInclusive, path::PathBuf};

use clap::{Args, builder::PossibleValuesParser};
use fedlayer_core::{slug, spec::Measurement};
use fedlayer_scenario::{Setting, SettingError};

use super::{DataArgs, Means, folder};
use crate::numbers::{whole, within};

/// `fedlayer analyze`.
#[derive(Debug, Args)]
pub(crate) struct AnalyzeArgs {
    /// What is measured.
    #[arg(value_parser = PossibleValuesParser::new(Measurement::WORDS))]
    pub(crate) measure: String,
    /// A run folder; or two or more models: safetensors files with the names and shapes of one network (PyTorch's among them), or models of runs, as
    /// RUN:STRATEGY:SEED:ROUND:CLIENT.
    #[arg(required = true, value_name = "RUN|FILE")]
    pub(crate) models: Vec<PathBuf>,
    /// The scenario that says what network the files are for, and on what data.
    #[arg(long)]
    pub(crate) scenario: Option<PathBuf>,
    /// The file or the model of a run that both models started from.
    #[arg(long, value_name = "FILE")]
    pub(crate) initial: Option<PathBuf>,
    /// The strategy whose models they are; the first one that leaves clients models of their own where it is not given.
    #[arg(long)]
    pub(crate) strategy: Option<String>,
    /// The folder of the sweep's variant whose models they are, such as `lr-0.1`; needed where the scenario has a sweep.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) variant: Option<String>,
    /// The seed whose models they are; the first one where it is not given.
    #[arg(long, allow_negative_numbers = true, value_parser = within(0..=u64::MAX))]
    pub(crate) seed: Option<u64>,
    /// The clients whose models they are, such as `0-3` or `0,2,5`; the first two that have taken part in a round where it is not given.
    #[arg(long, value_delimiter = ',', allow_hyphen_values = true, value_parser = clients)]
    pub(crate) clients: Vec<RangeInclusive<u32>>,
    /// The rounds after which: `last`, `all`, or numbers with commas.
    #[arg(long, allow_hyphen_values = true, value_parser = rounds)]
    pub(crate) rounds: Option<String>,
    /// Where losses are measured: `train`, `test`, or both with a comma, which is the default.
    #[arg(long, value_delimiter = ',')]
    pub(crate) splits: Vec<String>,
    /// Change a value of the measurement: `--set draws=20`. May be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = setting)]
    pub(crate) settings: Vec<String>,
    /// What its files are called; the word of the measurement where it is not given.
    #[arg(long, value_parser = file_name)]
    pub(crate) name: Option<String>,
    /// The folder for its files; `analyses` in the run folder where it is not given, or `analyses` here for files.
    #[arg(long, value_name = "FOLDER", value_parser = folder())]
    pub(crate) out: Option<PathBuf>,
    /// The means.
    #[command(flatten)]
    pub(crate) means: Means,
    /// Where data is; where it is not given, where it was for the run.
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Print every value as JSON on stdout.
    #[arg(long)]
    pub(crate) json: bool,
}

/// A name of files, which is no path.
fn file_name(text: &str) -> Result<String, String> {
    if text.contains(['/', '\\']) {
        return Err("a name has no `/` and no `\\`; `--out` names the folder".to_owned());
    }
    match slug(text).is_empty() {
        true => Err("a name has a letter or a digit".to_owned()),
        false => Ok(text.to_owned()),
    }
}

/// The most clients that one analysis is made on.
const MOST_CLIENTS: u32 = 10_000;

/// A client, or the clients from one to another.
fn clients(text: &str) -> Result<RangeInclusive<u32>, String> {
    let allowed = || "clients are written `0,2,5` or `0-3`, counted from 0".to_owned();
    let number = |text: &str| whole::<u32>(text.trim()).ok_or_else(allowed);
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (number(first)?, number(last)?);
    match last.checked_sub(first) {
        None => Err("the first client of a range must not be above the last".to_owned()),
        Some(more) if more >= MOST_CLIENTS => {
            Err(format!("an analysis takes at most {MOST_CLIENTS} clients"))
        }
        Some(_) => Ok(first..=last),
    }
}

/// The rounds of an analysis, as its key in a scenario has them but for the brackets. Which words there are is for who reads that.
fn rounds(text: &str) -> Result<String, String> {
    let is_word = text.starts_with(|first: char| first.is_ascii_alphabetic());
    let numbers = || text.split(',').all(|number| whole::<u32>(number.trim()).is_some());
    match is_word || numbers() {
        true => Ok(text.to_owned()),
        false => Err("rounds are `last`, `all`, or numbers with commas, such as `1,5`".to_owned()),
    }
}

/// A setting, checked and as it is written.
fn setting(text: &str) -> Result<String, SettingError> {
    text.parse::<Setting>().map(|_| text.to_owned())
}
