//! [`Measurement`]: the measurements of an analysis, each with its keys; [`Needs`]: what each
//! needs.
//!
//! This file has all that the other crates must know of a measurement without making it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{EnumIter, EnumMessage, EnumString, IntoEnumIterator, IntoStaticStr};
use thiserror::Error;

use super::{Baseline, Between, SetSpec};

/// A measurement on trained models.
#[derive(
    Debug,
    Clone,
    PartialEq,
    Serialize,
    Deserialize,
    JsonSchema,
    EnumIter,
    EnumMessage,
    EnumString,
    IntoStaticStr,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Measurement {
    /// Barriers of layer sets.
    Barriers(Barriers),
    /// Barriers of sets that grow by one layer at a time.
    Cumulative(Cumulative),
    /// Barriers of a fixed number of adjacent layers.
    Window(Window),
    /// Random directions around each model, and the direction to the other one, equally long.
    Robustness(Robustness),
    /// Noise in the subspace of training, in its complement, and towards the other model.
    Subspace(Subspace),
    /// Layers that are rewound to earlier rounds or drawn again.
    Criticality(Criticality),
    /// Relative flatness of each layer.
    Flatness(Flatness),
    /// Trace and largest eigenvalue of the Hessian of each layer.
    Hessian(Hessian),
    /// The loss on a segment or a plane.
    Surface(Surface),
    /// Predictions of barriers from distances, angles and derivatives, without evaluating a mix.
    Predict(Predict),
    /// Barriers before and after permuting the units of the second model to match the first one.
    Align(Align),
    /// Distances between models, layer by layer, and the angles between their values.
    Distance(Distance),
}

impl Measurement {
    /// Returns every measurement with its defaults, in the order of the documentation.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::iter()
    }

    /// Returns the word of the measurement in scenarios, commands and records.
    pub fn word(&self) -> &'static str {
        self.into()
    }

    /// Returns a sentence on the values of the measurement: its documentation, which is one line.
    pub fn about(&self) -> &'static str {
        self.get_documentation().unwrap_or_default()
    }

    /// Returns what the measurement needs of the models and of the run.
    pub fn needs(&self) -> Needs {
        let losses = Needs { examples: true, ..Needs::default() };
        let other_losses = Needs { other_model: true, ..losses };
        match self {
            Self::Barriers(_) | Self::Cumulative(_) | Self::Window(_) | Self::Robustness(_) => {
                other_losses
            }
            Self::Subspace(_) => Needs { states: EarlierStates::AtLeast(2), ..other_losses },
            Self::Criticality(_) => {
                Needs { initial: true, states: EarlierStates::IfKept, ..losses }
            }
            Self::Flatness(_) | Self::Hessian(_) => Needs { hessian: true, ..losses },
            Self::Surface(Surface { through: Through::Filters, .. }) => losses,
            Self::Surface(Surface { through: Through::Models, .. }) => {
                Needs { third_model: true, ..other_losses }
            }
            Self::Surface(_) => other_losses,
            Self::Predict(_) => Needs { hessian: true, ..other_losses },
            Self::Align(_) => Needs { operations: true, ..other_losses },
            Self::Distance(_) => Needs { other_model: true, ..Needs::default() },
        }
    }
}

/// What a measurement needs besides one model. By default, nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Needs {
    /// Examples: it measures losses or derivatives on the splits.
    pub examples: bool,
    /// Products with the Hessian of the loss.
    pub hessian: bool,
    /// Another model, because it compares models with each other.
    pub other_model: bool,
    /// A third model, or the common initial model in its stead.
    pub third_model: bool,
    /// The common initial model.
    pub initial: bool,
    /// The models' states after earlier rounds.
    pub states: EarlierStates,
    /// The network as a list of operations.
    pub operations: bool,
}

/// The models' states after earlier rounds that a measurement needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EarlierStates {
    /// None: they are not read.
    #[default]
    None,
    /// Those that are kept, even if there are none.
    IfKept,
    /// At least this number of states, the last one included.
    AtLeast(u32),
}

impl EarlierStates {
    /// Returns whether the measurement looks at earlier states.
    pub fn are_read(self) -> bool {
        self != Self::None
    }

    /// Returns the least number of states.
    pub fn least(self) -> u32 {
        match self {
            Self::None | Self::IfKept => 0,
            Self::AtLeast(least) => least,
        }
    }
}

/// A measurement needs the common initial model, and it is not known.
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
    /// The positions between base and other model, in (0, 1]; ½ is the average.
    #[schemars(length(min = 1), extend("items" = { "type": "number", "exclusiveMinimum": 0, "maximum": 1 }))]
    pub alpha: Vec<f64>,
    /// The baselines that the loss of a mix is compared with.
    #[schemars(length(min = 1))]
    pub baselines: Vec<Baseline>,
    /// The models that barriers are measured between.
    pub between: Between,
    /// The number of draws of the equal-norm twin.
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
    /// The orders in which layers are added.
    #[schemars(length(min = 1))]
    pub orders: Vec<Order>,
    /// The baselines that the loss of a mix is compared with.
    #[schemars(length(min = 1))]
    pub baselines: Vec<Baseline>,
}

impl Default for Cumulative {
    fn default() -> Self {
        Self { orders: vec![Order::Shallow, Order::Deep], baselines: Baseline::ALL.to_vec() }
    }
}

/// The order in which a cumulative sweep adds layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// From the input.
    Shallow,
    /// From the output.
    Deep,
    /// In an order that is drawn once.
    Random,
    /// The first five layers, the last five, then the middle layers from the input.
    Alternating,
}

/// Barriers of adjacent layers: a window of fixed size moves through the network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Window {
    /// The numbers of adjacent layers.
    #[schemars(length(min = 1), inner(range(min = 1)))]
    pub widths: Vec<u32>,
    /// The baselines that the loss of a mix is compared with.
    #[schemars(length(min = 1))]
    pub baselines: Vec<Baseline>,
}

impl Default for Window {
    fn default() -> Self {
        Self { widths: vec![2], baselines: Baseline::ALL.to_vec() }
    }
}

/// Random directions of norm ‖θ₁ˡ − θ₂ˡ‖ around each model, beside the direction to the other model
/// (Fig. 5).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Robustness {
    /// The number of random directions per layer and α.
    #[schemars(range(min = 1, max = 1000))]
    pub draws: u32,
    /// The fractions α of the distance: ½ is the half mix, 1 the full swap.
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
    /// The number of draws per subspace and layer.
    #[schemars(range(min = 1, max = 100_000))]
    pub draws: u32,
    /// The largest length σ of the noise; σ is uniform in [0.001, `sigma`].
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub sigma: f64,
    /// The largest σ of noise in a single layer.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub layer_sigma: f64,
    /// If true, noise in single layers is measured too.
    pub layers: bool,
    /// If true, the variant of the article's own notebook, which has four faults, is measured too.
    pub as_published: bool,
}

impl Default for Subspace {
    fn default() -> Self {
        Self { draws: 100, sigma: 10.0, layer_sigma: 5.0, layers: true, as_published: false }
    }
}

/// Layers that are rewound or drawn again (Zhang et al., JMLR 2022; Chatterji et al., ICLR 2020).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Criticality {
    /// The number of fresh draws of a layer.
    #[schemars(range(min = 1, max = 1000))]
    pub draws: u32,
    /// The tolerance ε of the module criticality of Chatterji et al.: the noisy loss may exceed the
    /// model's own loss by ε.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub epsilon: f64,
    /// The standard deviations σ of the module criticality, relative to the root mean square of the
    /// layer's values.
    #[schemars(length(min = 1), extend("items" = { "type": "number", "exclusiveMinimum": 0 }))]
    pub sigma: Vec<f64>,
    /// The positions α between the initial and the trained layer, for the module criticality.
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
    /// The number of random directions per layer. If so few directions give κ exactly, the exact
    /// ones are taken.
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
    /// The number of random directions per layer for the trace (Hutchinson 1990). If so few
    /// directions give the trace exactly, the exact ones are taken.
    #[schemars(range(min = 2, max = 1_000_000))]
    pub draws: u32,
    /// The largest number of steps of the power iteration.
    #[schemars(range(min = 1, max = 100_000))]
    pub steps: u32,
    /// The power iteration ends if the relative change of the eigenvalue is smaller than this.
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
    /// The segment or plane.
    pub through: Through,
    /// The number of points along each axis.
    #[schemars(range(min = 2, max = 1001))]
    pub points: u32,
    /// The extension past the models on either side, in units of their distance.
    #[schemars(range(min = 0.0))]
    pub beyond: f64,
}

impl Default for Surface {
    fn default() -> Self {
        Self { through: Through::Segment, points: 21, beyond: 0.25 }
    }
}

/// A segment or plane in parameter space.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Through {
    /// The segment from the first model to the second.
    Segment,
    /// The plane through three models: the first, the second, and the third or else the initial
    /// model.
    Models,
    /// The plane around the first model along two random directions, with filters that have the
    /// norms of the model's own filters (Li et al. 2018).
    Filters,
    /// The plane on which the layers that match the first names move to the second model along one
    /// axis, and the layers that match the second names along the other.
    Layers([Vec<String>; 2]),
}

/// Predictions of the barriers of single layers, without evaluating a mix: ‖Δ‖, the cosine, and the
/// expansion ½⟨g, Δ⟩ + ⅛ΔᵀHΔ, with their rank correlations with the measured barriers.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Predict {}

/// Barriers before and after the units of the second model are permuted to match the first model
/// (Git Re-Basin, Ainsworth et al., ICLR 2023).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Align {
    /// The layer sets of the compared barriers.
    #[schemars(length(min = 1))]
    pub sets: Vec<SetSpec>,
}

impl Default for Align {
    fn default() -> Self {
        Self { sets: vec![SetSpec::Full, SetSpec::Layers] }
    }
}

/// Distances between models, layer by layer, and the angles between their values. Nothing is
/// evaluated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Distance {
    /// The models that are compared: every pair once, or every model with the mean of all.
    pub between: Between,
}

impl Default for Distance {
    fn default() -> Self {
        Self { between: Between::Pairs }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_means_the_same_in_scenarios_and_commands() {
        for measure in Measurement::all() {
            let written = serde_json::json!({ measure.word(): {} });
            assert_eq!(serde_json::from_value::<Measurement>(written).ok(), Some(measure.clone()));
            assert_eq!(measure.word().parse(), Ok(measure));
        }
    }

    #[test]
    fn every_measurement_says_what_it_measures() {
        for measure in Measurement::all() {
            assert!(measure.about().ends_with('.'), "{}", measure.word());
        }
    }
}
