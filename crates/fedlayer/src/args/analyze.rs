//! The arguments of `fedlayer analyze`.

use std::{ops::RangeInclusive, path::PathBuf};

use clap::{
    Args,
    builder::{PossibleValue, PossibleValuesParser, TypedValueParser},
};
use fedlayer_core::{spec::Measurement, text::slug};
use fedlayer_scenario::{Setting, SettingError};

use super::{ComputeArgs, DataArgs, values::folder};
use crate::numbers::{whole, within};

/// `fedlayer analyze`.
#[derive(Debug, Args)]
pub(crate) struct AnalyzeArgs {
    /// The measurement.
    #[arg(value_parser = measurement())]
    pub(crate) measure: Measurement,
    /// A run folder; or at least two models. A model is a safetensors file with the tensor names
    /// and shapes of the network (PyTorch's are accepted), or a model of a run, written
    /// RUN:STRATEGY:SEED:ROUND:CLIENT.
    #[arg(required = true, value_name = "RUN|FILE")]
    pub(crate) models: Vec<PathBuf>,
    /// The scenario that describes the network and the data of the files.
    #[arg(long)]
    pub(crate) scenario: Option<PathBuf>,
    /// The initial model of all given models: a file, or a model of a run.
    #[arg(long, value_name = "FILE")]
    pub(crate) initial: Option<PathBuf>,
    /// The strategy of the models; the default is the first that leaves clients models of their
    /// own.
    #[arg(long)]
    pub(crate) strategy: Option<String>,
    /// The variant of the models, by its folder such as `lr-0.1`; required if the scenario has a
    /// sweep.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) variant: Option<String>,
    /// The seed of the models; the default is the first seed.
    #[arg(long, allow_negative_numbers = true, value_parser = within(0..=u64::MAX))]
    pub(crate) seed: Option<u64>,
    /// The clients of the models, such as `0-3` or `0,2,5`; the default is the first two that have
    /// taken part in a round.
    #[arg(long, value_delimiter = ',', allow_hyphen_values = true, value_parser = clients)]
    pub(crate) clients: Vec<RangeInclusive<u32>>,
    /// The rounds of the models: `last`, `all`, or numbers with commas.
    #[arg(long, allow_hyphen_values = true, value_parser = rounds)]
    pub(crate) rounds: Option<String>,
    /// The examples on which losses are measured: `train`, `test`, or `train,test`, the default.
    #[arg(long, value_delimiter = ',')]
    pub(crate) splits: Vec<String>,
    /// Change a value of the measurement: `--set draws=20`. May be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = setting)]
    pub(crate) settings: Vec<String>,
    /// The name of the files that are written; the default is the measurement.
    #[arg(long, value_parser = file_name)]
    pub(crate) name: Option<String>,
    /// The folder of the files that are written; the default is `analyses` in the run folder, or in
    /// the current folder if no run is given.
    #[arg(long, value_name = "FOLDER", value_parser = folder())]
    pub(crate) out: Option<PathBuf>,
    /// The device and the threads.
    #[command(flatten)]
    pub(crate) compute: ComputeArgs,
    /// The data folders; by default those of the run.
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Print all values as JSON on stdout.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Reads the word of a measurement.
fn measurement() -> impl TypedValueParser<Value = Measurement> {
    let word = |measure: Measurement| PossibleValue::new(measure.word()).help(measure.about());
    let words = PossibleValuesParser::new(Measurement::all().map(word));
    words.try_map(|word| word.parse::<Measurement>())
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

/// The most clients of one analysis.
const MOST_CLIENTS: u32 = 10_000;

/// Reads a client, or a range of clients.
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

/// Reads the rounds of an analysis, written as the key of a scenario without its brackets. The
/// words are checked when the scenario is read.
fn rounds(text: &str) -> Result<String, String> {
    let is_word = text.starts_with(|first: char| first.is_ascii_alphabetic());
    let numbers = || text.split(',').all(|number| whole::<u32>(number.trim()).is_some());
    match is_word || numbers() {
        true => Ok(text.to_owned()),
        false => Err("rounds are `last`, `all`, or numbers with commas, such as `1,5`".to_owned()),
    }
}

/// Checks a setting, and returns it as it is written.
fn setting(text: &str) -> Result<String, SettingError> {
    text.parse::<Setting>().map(|_| text.to_owned())
}
