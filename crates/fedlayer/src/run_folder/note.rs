//! [`RunNote`]: `run.json`, the description and the state of a run; [`Provenance`]: the scenario
//! and the plans that it began with.

use std::{collections::BTreeMap, path::PathBuf};

use fedlayer_core::Plan;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{checkpoint::PlanHash, format::FolderFormat};
use crate::{exit::Failure, files::Content};

/// `run.json`: the description and the state of a run. It may depend on time and machine. Its last
/// key is its checksum.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RunNote {
    /// The format of the folder; the first format has no number.
    #[serde(default, skip_serializing_if = "FolderFormat::is_first")]
    pub(crate) format: FolderFormat,
    /// The version of the program that wrote the folder.
    pub(crate) fedlayer: String,
    /// The scenario's name.
    pub(crate) scenario: String,
    /// The device that clients trained on.
    pub(crate) device: String,
    /// The version of libtorch.
    pub(crate) libtorch: String,
    /// The folder that `--data` named, if it was given.
    #[serde(default)]
    pub(crate) data: Option<PathBuf>,
    /// The formula that scales and normalises a number x of the data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) inputs: Option<String>,
    /// The number of workers.
    pub(crate) workers: usize,
    /// The scenario's seeds.
    pub(crate) seeds: Vec<u64>,
    /// The state of the run.
    pub(crate) state: RunState,
    /// The time at which the last process began, in seconds since 1970 (UTC).
    pub(crate) started: u64,
    /// The seconds that the last process took, including analyses.
    pub(crate) seconds: f64,
    /// The part of these seconds for the rounds.
    #[serde(default)]
    pub(crate) training_seconds: f64,
    /// The part of these seconds for the analyses.
    #[serde(default)]
    pub(crate) analysis_seconds: f64,
    /// The scenario and the plans that the run began with; a run of an earlier version has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) provenance: Option<Provenance>,
    /// Every file that the program wrote, by its path in the run folder: filled in when the last
    /// process ended.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) files: BTreeMap<String, Content>,
}

impl RunNote {
    /// Returns the provenance; for a run of an earlier version, that of the current scenario.
    pub(crate) fn provenance_or(&self, text: &str, plans: &[Plan]) -> Result<Provenance, Failure> {
        let of_now = || Provenance::of(text, plans, self.format);
        self.provenance.clone().map_or_else(of_now, Ok)
    }
}

/// The state of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RunState {
    /// A process is working on it, or was killed.
    Running,
    /// Every plan is finished.
    Finished,
    /// It was stopped early.
    Interrupted,
    /// At least one plan could not be finished.
    Failed,
}

/// The scenario and the plans that a run began with. The folder's `scenario.toml` must agree with
/// it from then on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Provenance {
    /// The length and hash of `scenario.toml`.
    pub(crate) scenario_file: Content,
    /// The scenario as JSON, with every default written out and without its analyses, which may be
    /// changed later.
    pub(crate) scenario_says: Value,
    /// The plans, in their order.
    pub(crate) plans: Vec<PlanNote>,
}

/// A plan of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PlanNote {
    /// Its folder in the run folder.
    pub(crate) folder: String,
    /// Its strategy's name.
    pub(crate) strategy: String,
    /// Its seed.
    pub(crate) seed: u64,
    /// Its hash, which is also in its checkpoints.
    pub(crate) blake3: PlanHash,
}

impl Provenance {
    /// Returns a hash that tells runs of different scenarios apart.
    pub(crate) fn blake3(&self) -> Result<String, Failure> {
        Ok(blake3::hash(&serde_json::to_vec(self)?).to_hex().to_string())
    }

    /// Returns the provenance of a scenario's text, with `--set` applied, and its plans, in a
    /// folder of this format.
    pub(crate) fn of<'p>(
        text: &str,
        plans: impl IntoIterator<Item = &'p Plan>,
        format: FolderFormat,
    ) -> Result<Self, Failure> {
        let plan = |plan: &Plan| -> Result<PlanNote, Failure> {
            Ok(PlanNote {
                folder: plan.folder(),
                strategy: plan.strategy.name.clone(),
                seed: plan.seed,
                blake3: PlanHash::of(plan, format)?,
            })
        };
        Ok(Self {
            scenario_file: Content::of_bytes(text.as_bytes()),
            scenario_says: says(text).map_err(Failure::Scenario)?,
            plans: plans.into_iter().map(plan).collect::<Result<_, _>>()?,
        })
    }
}

/// Returns a scenario's text as JSON, with every default written out and without its analyses.
///
/// # Errors
/// The report on a text that is not a scenario.
pub(crate) fn says(text: &str) -> Result<Value, String> {
    let said = fedlayer_scenario::read_without_data("scenario.toml", text, &[])
        .map_err(|report| report.render(fedlayer_scenario::Color::Plain))?;
    let mut said = serde_json::to_value(said).map_err(|error| error.to_string())?;
    if let Some(keys) = said.as_object_mut() {
        keys.remove("analysis");
    }
    Ok(said)
}
