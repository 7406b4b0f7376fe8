//! `[model]`: the network that clients train. Its layers are known here, without libtorch.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{DataFacts, Layout, LayoutError};

/// The network that clients train.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ModelSpec {
    /// Multinomial logistic regression: the one layer `out`.
    Linear,
    /// Linear layers of these hidden widths with nothing between them: `fc1`, `fc2`, …, `out`.
    DeepLinear(#[schemars(length(min = 1), inner(range(min = 1, max = 1_000_000)))] Vec<u32>),
    /// A product of this many diagonal layers `w1`, `w2`, …, each of shape `[classes, features]`:
    /// the output of class c is Σ_d x_d Π_l w_l[c, d].
    DiagonalLinear(#[schemars(range(min = 1, max = 10_000))] u32),
    /// Fully connected layers with an activation between them: `fc1`, `fc2`, …, `out`.
    Mlp(MlpForm),
    /// Quadratic clients with a known optimum, computed in closed form without libtorch.
    Toy(Toy),
}

/// A multilayer perceptron, in short (`mlp = [128, 64]`) or in full (`mlp = { hidden = [128, 64], activation = "tanh" }`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum MlpForm {
    /// The hidden widths alone; the activation is ReLU.
    Hidden(#[schemars(length(min = 1), inner(range(min = 1, max = 1_000_000)))] Vec<u32>),
    /// Everything.
    Full(Mlp),
}

/// A multilayer perceptron in full.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mlp {
    /// The widths of the hidden layers, from the input.
    #[schemars(length(min = 1), inner(range(min = 1, max = 1_000_000)))]
    pub hidden: Vec<u32>,
    /// What stands between two layers.
    #[serde(default)]
    pub activation: Activation,
}

/// What stands between two layers of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// max(0, x).
    #[default]
    Relu,
    /// The hyperbolic tangent.
    Tanh,
    /// 1 / (1 + exp(−x)).
    Sigmoid,
    /// Nothing: the network is linear.
    Identity,
}

/// Quadratic clients: the parameters θ have one value per feature, cut into layers of about equal size, and the loss of an example x is
/// ½ Σ_l c_l ‖θ_l − x_l‖². A client's optimum is the mean of its examples; that of all clients is the mean of all examples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Toy {
    /// The curvature c_l of each layer; as many layers as there are values. The layers are called `q1`, `q2`, ….
    #[schemars(length(min = 1), extend("items" = { "type": "number", "exclusiveMinimum": 0 }))]
    pub curvature: Vec<f64>,
}

impl Default for Toy {
    fn default() -> Self {
        Self { curvature: vec![1.0, 0.5, 2.0] }
    }
}

impl ModelSpec {
    /// The layers of the network on data of these facts, from input to output.
    ///
    /// # Errors
    /// When the network would have a layer without parameters (a toy of more layers than features).
    pub fn layout(&self, data: &DataFacts) -> Result<Layout, LayoutError> {
        let (features, classes) = (data.features(), data.classes);
        match self {
            Self::Toy(toy) => {
                let layers = toy.curvature.len();
                // Layer l takes the features from ⌊l·D/L⌋ up to ⌊(l+1)·D/L⌋.
                let cut = |layer: usize| layer * features / layers;
                Layout::new(
                    (0..layers).map(|l| (format!("q{}.center", l + 1), vec![cut(l + 1) - cut(l)])),
                )
            }
            Self::DiagonalLinear(depth) => Layout::new(
                (1..=*depth).map(|layer| (format!("w{layer}.weight"), vec![classes, features])),
            ),
            _ => {
                let mut tensors = Vec::new();
                let mut input = features;
                for (index, &width) in self.hidden().iter().enumerate() {
                    let width = width as usize;
                    tensors.push((format!("fc{}.weight", index + 1), vec![width, input]));
                    tensors.push((format!("fc{}.bias", index + 1), vec![width]));
                    input = width;
                }
                tensors.push(("out.weight".to_owned(), vec![classes, input]));
                tensors.push(("out.bias".to_owned(), vec![classes]));
                Layout::new(tensors)
            }
        }
    }

    /// The hidden widths of a fully connected network, from the input; none for the others.
    pub fn hidden(&self) -> &[u32] {
        match self {
            Self::DeepLinear(hidden) | Self::Mlp(MlpForm::Hidden(hidden)) => hidden,
            Self::Mlp(MlpForm::Full(mlp)) => &mlp.hidden,
            Self::Linear | Self::DiagonalLinear(_) | Self::Toy(_) => &[],
        }
    }

    /// What stands between the layers of a fully connected network.
    pub fn activation(&self) -> Activation {
        match self {
            Self::Mlp(MlpForm::Hidden(_)) => Activation::default(),
            Self::Mlp(MlpForm::Full(mlp)) => mlp.activation,
            Self::Linear | Self::DeepLinear(_) | Self::DiagonalLinear(_) | Self::Toy(_) => {
                Activation::Identity
            }
        }
    }
}
