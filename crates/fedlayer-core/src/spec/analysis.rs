//! `[[analysis]]`: what is measured on the models of a run once its rounds are over, or by `fedlayer analyze`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Baseline, Between, SetSpec, SplitSpec};

/// One analysis: what is measured, on which models.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnalysisSpec {
    /// The name of its files in the run folder; the word of the measurement where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100))]
    pub name: Option<String>,
    /// What is measured.
    pub measure: Measurement,
    /// The strategy whose models they are; the first one where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<String>,
    /// The seed whose models they are; the first one where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// The clients whose models they are, at least two; the first two that have taken part in a round where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2))]
    pub clients: Option<Vec<u32>>,
    /// Models of one's own instead of the clients'.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<GivenModels>,
    /// The rounds after which it is made.
    #[serde(default)]
    pub rounds: RoundChoice,
    /// Where losses are measured.
    #[serde(default = "both")]
    #[schemars(length(min = 1))]
    pub splits: Vec<SplitSpec>,
}

/// Models of one's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GivenModels {
    /// Safetensors files with the model's names and shapes, or models of runs (`RUN:STRATEGY:SEED:ROUND:CLIENT`), looked for as `initial` is.
    Files(#[schemars(length(min = 2))] Vec<String>),
    /// All values of each model, in the order of its tensors: for models of a few parameters.
    Values(#[schemars(length(min = 2))] Vec<Vec<f64>>),
}

/// The rounds after which an analysis is made. Each needs its checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RoundChoice {
    /// These, counted from 1.
    Listed(#[schemars(length(min = 1), inner(range(min = 1)))] Vec<u32>),
    /// By a word.
    Word(RoundWord),
}

/// Rounds by a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RoundWord {
    /// The last one that is kept.
    Last,
    /// Every one that is kept.
    All,
}

impl Default for RoundChoice {
    fn default() -> Self {
        Self::Word(RoundWord::Last)
    }
}

fn both() -> Vec<SplitSpec> {
    vec![SplitSpec::Train, SplitSpec::Test]
}

impl AnalysisSpec {
    /// A measurement; everything else as it is where a scenario does not say it.
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

    /// The name of its files.
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_else(|| self.measure.word())
    }
}

/// What is measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Measurement {
    /// Barriers of layer sets.
    Barriers(Barriers),
    /// Barriers of sets that grow by one layer at a time.
    Cumulative(Cumulative),
    /// Barriers of neighbouring layers of a fixed number.
    Window(Window),
    /// Random directions of the length of the way to the other model, beside that way.
    Robustness(Robustness),
    /// Noise in the subspace of training, in its complement, and along the way to the other model.
    Subspace(Subspace),
    /// Layers put back to where they were, or drawn anew.
    Criticality(Criticality),
    /// Relative flatness of each layer.
    Flatness(Flatness),
    /// Trace and largest eigenvalue of the Hessian of each layer.
    Hessian(Hessian),
    /// The loss on a segment or a plane.
    Surface(Surface),
    /// What is told about barriers by lengths, angles and derivatives, without evaluating a mix.
    Predict(Predict),
    /// Barriers before and after the second model's units are permuted to fit the first's.
    Align(Align),
}

impl Measurement {
    /// The words of all measurements, in the order of the documentation.
    pub const WORDS: [&str; 11] = [
        "barriers",
        "cumulative",
        "window",
        "robustness",
        "subspace",
        "criticality",
        "flatness",
        "hessian",
        "surface",
        "predict",
        "align",
    ];

    /// Its word in scenarios, commands and records.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Barriers(_) => "barriers",
            Self::Cumulative(_) => "cumulative",
            Self::Window(_) => "window",
            Self::Robustness(_) => "robustness",
            Self::Subspace(_) => "subspace",
            Self::Criticality(_) => "criticality",
            Self::Flatness(_) => "flatness",
            Self::Hessian(_) => "hessian",
            Self::Surface(_) => "surface",
            Self::Predict(_) => "predict",
            Self::Align(_) => "align",
        }
    }
}

/// The model that all others started from is not known, and the measurement needs it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{measure}` needs the initial model: analyse a run, or name its file with `--initial`")]
pub struct NoInitialModel {
    /// The word of the measurement.
    pub measure: &'static str,
}

/// Barriers of layer sets (Fig. 2 of Adilova et al., ICLR 2024).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Barriers {
    /// The layer sets.
    #[schemars(length(min = 1))]
    pub sets: Vec<SetSpec>,
    /// How far the base goes towards the other models, in (0, 1]; ½ is the average.
    #[schemars(length(min = 1), extend("items" = { "type": "number", "exclusiveMinimum": 0, "maximum": 1 }))]
    pub alpha: Vec<f64>,
    /// What the loss of a mix is compared with.
    #[schemars(length(min = 1))]
    pub baselines: Vec<Baseline>,
    /// Between which models.
    pub between: Between,
    /// Draws of the equal-norm twin.
    #[schemars(range(max = 1000))]
    pub twins: u32,
}

impl Default for Barriers {
    fn default() -> Self {
        Self {
            sets: vec![SetSpec::Full, SetSpec::Layers],
            alpha: vec![0.5],
            baselines: Baseline::ALL.to_vec(),
            between: Between::Pairs,
            twins: 0,
        }
    }
}

/// Barriers of sets that grow by one layer at a time (Fig. 3).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Cumulative {
    /// In which orders the layers are taken.
    #[schemars(length(min = 1))]
    pub orders: Vec<Order>,
    /// What the loss of a mix is compared with.
    #[schemars(length(min = 1))]
    pub baselines: Vec<Baseline>,
}

impl Default for Cumulative {
    fn default() -> Self {
        Self { orders: vec![Order::Shallow, Order::Deep], baselines: Baseline::ALL.to_vec() }
    }
}

/// In which order a cumulative sweep takes the layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// From the input.
    Shallow,
    /// From the output.
    Deep,
    /// In an order that is drawn once.
    Random,
    /// The first five layers, the last five, then the middle from the input on.
    Alternating,
}

/// Barriers of neighbouring layers: the size of the group stays the same while it moves through the network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Window {
    /// The numbers of neighbouring layers.
    #[schemars(length(min = 1), inner(range(min = 1)))]
    pub widths: Vec<u32>,
    /// What the loss of a mix is compared with.
    #[schemars(length(min = 1))]
    pub baselines: Vec<Baseline>,
}

impl Default for Window {
    fn default() -> Self {
        Self { widths: vec![2], baselines: Baseline::ALL.to_vec() }
    }
}

/// Random directions of norm ‖θ₁ˡ − θ₂ˡ‖ around each model, beside the way to the other model (Fig. 5).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Robustness {
    /// Random directions a layer and a share of the way.
    #[schemars(range(min = 1, max = 1000))]
    pub draws: u32,
    /// The shares of the way: ½ is where the half mix is, 1 where the full swap is.
    #[schemars(length(min = 1), extend("items" = { "type": "number", "exclusiveMinimum": 0 }))]
    pub alpha: Vec<f64>,
}

impl Default for Robustness {
    fn default() -> Self {
        Self { draws: 5, alpha: vec![0.5, 1.0] }
    }
}

/// Noise in three subspaces (Fig. 6).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Subspace {
    /// Draws a subspace (and layer).
    #[schemars(range(min = 1, max = 100_000))]
    pub draws: u32,
    /// The largest length σ of the noise; σ is drawn uniformly from [0.001, this].
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub sigma: f64,
    /// The largest σ where the noise is in one layer alone.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub layer_sigma: f64,
    /// Whether it is measured layer by layer too.
    pub layers: bool,
    /// Whether the variant of the article's own notebook, with its four faults, stands beside the right one.
    pub as_published: bool,
}

impl Default for Subspace {
    fn default() -> Self {
        Self { draws: 100, sigma: 10.0, layer_sigma: 5.0, layers: true, as_published: false }
    }
}

/// Layers put back or drawn anew (Zhang et al., JMLR 2022; Chatterji et al., ICLR 2020).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Criticality {
    /// Fresh draws of a layer.
    #[schemars(range(min = 1, max = 1000))]
    pub draws: u32,
    /// By how much the noisy loss may exceed the model's own, for the module criticality of Chatterji et al.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub epsilon: f64,
    /// The standard deviations σ that are tried for it, relative to the root mean square of the layer's values.
    #[schemars(length(min = 1), extend("items" = { "type": "number", "exclusiveMinimum": 0 }))]
    pub sigma: Vec<f64>,
    /// The shares α of the way from the initial layer to the trained one that are tried for it.
    #[schemars(length(min = 1), extend("items" = { "type": "number", "minimum": 0, "maximum": 1 }))]
    pub alpha: Vec<f64>,
}

impl Default for Criticality {
    fn default() -> Self {
        Self {
            draws: 3,
            epsilon: 0.1,
            sigma: vec![0.01, 0.03, 0.1, 0.3, 1.0],
            alpha: vec![0.0, 0.25, 0.5, 0.75, 1.0],
        }
    }
}

/// Relative flatness κ = Σ ⟨w_s, w_s'⟩ Tr(H_{s,s'}) of each layer (Petzka et al., NeurIPS 2021).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Flatness {
    /// Random directions a layer; where as many directions give κ exactly, those are taken.
    #[schemars(range(min = 2, max = 1_000_000))]
    pub draws: u32,
}

impl Default for Flatness {
    fn default() -> Self {
        Self { draws: 100 }
    }
}

/// Trace and largest eigenvalue of the Hessian, of each layer and of the whole model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Hessian {
    /// Random directions a layer for the trace (Hutchinson 1990); where as many directions give it exactly, those are taken.
    #[schemars(range(min = 2, max = 1_000_000))]
    pub draws: u32,
    /// The most steps of the power iteration.
    #[schemars(range(min = 1, max = 100_000))]
    pub steps: u32,
    /// The relative change of the eigenvalue below which the power iteration ends.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub tolerance: f64,
}

impl Default for Hessian {
    fn default() -> Self {
        Self { draws: 50, steps: 100, tolerance: 1e-4 }
    }
}

/// The loss on a segment or a plane.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Surface {
    /// Which segment or plane.
    pub through: Through,
    /// Points along each axis.
    #[schemars(range(min = 2, max = 1001))]
    pub points: u32,
    /// How far it goes past the models on either side, in units of the way between them.
    #[schemars(range(min = 0.0))]
    pub beyond: f64,
}

impl Default for Surface {
    fn default() -> Self {
        Self { through: Through::Segment, points: 21, beyond: 0.25 }
    }
}

/// Which segment or plane.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Through {
    /// The segment from the first model to the second.
    Segment,
    /// The plane through three models: the first, the second, and a third one or else the initial model.
    Models,
    /// The plane around the first model spanned by two random directions whose filters have the norms of the model's own (Li et al. 2018).
    Filters,
    /// The plane on which the layers that match the first names go to the second model along one axis, and those of the second names along the other.
    Layers([Vec<String>; 2]),
}

/// What is told about the barriers of single layers without evaluating a mix: ‖Δ‖, the cosine, and the expansion ½⟨g, Δ⟩ + ⅛ΔᵀHΔ; with their
/// rank correlations to the measured barriers.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Predict {}

/// Barriers before and after the second model's units are permuted to fit the first's (Git Re-Basin, Ainsworth et al., ICLR 2023).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Align {
    /// The layer sets whose barriers are compared.
    #[schemars(length(min = 1))]
    pub sets: Vec<SetSpec>,
}

impl Default for Align {
    fn default() -> Self {
        Self { sets: vec![SetSpec::Full, SetSpec::Layers] }
    }
}
