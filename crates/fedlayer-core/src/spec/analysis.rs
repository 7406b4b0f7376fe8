//! `[[analysis]]`: measurements on the models of a run, after its rounds or by `fedlayer analyze`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Measurement, SplitSpec};

/// One analysis: a measurement, and the models that it is made on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnalysisSpec {
    /// The name of its files in the run folder; by default the word of the measurement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100))]
    pub name: Option<String>,
    /// The measurement.
    pub measure: Measurement,
    /// The strategy of the models; by default the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<String>,
    /// The seed of the models; by default the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// The clients of the models, at least two; by default the first two clients that have taken
    /// part in a round.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2))]
    pub clients: Option<Vec<u32>>,
    /// Given models instead of the clients' models.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<GivenModels>,
    /// The rounds of the analysis.
    #[serde(default)]
    pub rounds: RoundChoice,
    /// The splits on which losses are measured.
    #[serde(default = "both")]
    #[schemars(length(min = 1))]
    pub splits: Vec<SplitSpec>,
}

/// Models that do not come from the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GivenModels {
    /// Safetensors files with the model's names and shapes, or addresses of models of runs
    /// (`RUN:STRATEGY:SEED:ROUND:CLIENT`). They are searched for like `initial`.
    Files(#[schemars(length(min = 2))] Vec<String>),
    /// All values of each model, in the order of its tensors. This is for models with few
    /// parameters.
    Values(#[schemars(length(min = 2))] Vec<Vec<f64>>),
}

/// The rounds of an analysis. Each of them needs its checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RoundChoice {
    /// A list of rounds, counted from 1.
    Listed(#[schemars(length(min = 1), inner(range(min = 1)))] Vec<u32>),
    /// A word.
    Word(RoundWord),
}

/// A word for rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RoundWord {
    /// The last round with a checkpoint.
    Last,
    /// All rounds with a checkpoint.
    All,
}

impl Default for RoundChoice {
    fn default() -> Self {
        Self::Word(RoundWord::Last)
    }
}

impl RoundChoice {
    /// Returns the chosen rounds among those with a checkpoint, ascending as they are.
    pub fn among(&self, kept: &[u32]) -> Vec<u32> {
        match self {
            Self::Word(RoundWord::Last) => kept.last().copied().into_iter().collect(),
            Self::Word(RoundWord::All) => kept.to_vec(),
            Self::Listed(listed) => {
                kept.iter().copied().filter(|round| listed.contains(round)).collect()
            }
        }
    }
}

fn both() -> Vec<SplitSpec> {
    vec![SplitSpec::Train, SplitSpec::Test]
}

impl AnalysisSpec {
    /// Makes an analysis with this measurement and the defaults of all other keys.
    pub fn new(measure: Measurement) -> Self {
        Self {
            name: None,
            measure,
            strategy: None,
            seed: None,
            clients: None,
            models: None,
            rounds: RoundChoice::default(),
            splits: both(),
        }
    }

    /// Returns the name of its files.
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_else(|| self.measure.word())
    }
}
