//! `[model]`: the network that clients train. Its layers are known here, without libtorch.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Activation, LayerSpec, NormKind};

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
    /// LeNet-5 (LeCun et al. 1998) with ReLU and max-pooling: `conv1`, `conv2`, `fc1`, `fc2`, `fc3`. Images of 28 pixels are padded to 32.
    #[serde(rename = "lenet-5")]
    Lenet5,
    /// The network of McMahan et al. 2017: `conv1` (5×5, 32), `conv2` (5×5, 64), each with max-pooling, `fc1` (512), `fc2`.
    McmahanCnn,
    /// The network of pfl-research's CIFAR-10 benchmark: `conv1` (3×3, 32), `conv2` (3×3, 64), max-pooling, dropout ¼, `fc1` (128), dropout ½,
    /// `fc2`.
    PflCnn,
    /// VGG-11 (Simonyan & Zisserman 2015) without normalisation, dropout kept, named as in torchvision.
    #[serde(rename = "vgg-11")]
    Vgg11(Vgg),
    /// ResNet-18 (He et al. 2016) for images of 32 × 32 pixels (first convolution 3×3, stride 1, no max-pooling), named as in torchvision.
    #[serde(rename = "resnet-18")]
    Resnet18(Residual),
    /// ResNet-20 (He et al. 2016) for CIFAR: three stages of three blocks, 16, 32 and 64 wide, shortcuts without parameters.
    #[serde(rename = "resnet-20")]
    Resnet20(Residual),
    /// A causal transformer over the tokens of a text: learned positions, normalisation before each block, GELU.
    Gpt(Gpt),
    /// A network spelt out, from input to output: at most 10,000 layers.
    Layers(#[schemars(length(min = 1, max = 10_000))] Vec<LayerSpec>),
    /// A module that was saved by `torch.jit.save`: inputs `(B, …)` in, logits `(B, classes)` out. Its layers are those of its parameters.
    /// The file is looked for beside the scenario, in the data folders, then where the program was started.
    Torchscript(#[schemars(length(min = 1))] String),
    /// Quadratic clients with a known optimum, computed in closed form without libtorch.
    Toy(Toy),
}

/// VGG-11's classifier.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Vgg {
    /// The width of its two hidden layers; 4096 in torchvision.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub hidden: u32,
    /// The side of the map that the features are averaged to; 7 in torchvision.
    #[schemars(range(min = 1, max = 64))]
    pub pool: u32,
    /// The probability that a hidden unit is dropped.
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub dropout: f64,
}

impl Default for Vgg {
    fn default() -> Self {
        Self { hidden: 512, pool: 1, dropout: 0.5 }
    }
}

/// A residual network.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Residual {
    /// What stands behind each convolution.
    pub norm: NormKind,
    /// The groups of `norm = "group"`: 32 for ResNet-18 and 8 for ResNet-20 where it is not given.
    #[schemars(range(min = 1))]
    pub groups: Option<u32>,
}

/// A causal transformer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Gpt {
    /// Blocks of attention and a perceptron.
    #[schemars(range(min = 1, max = 1_000))]
    pub depth: u32,
    /// The width of a token; `heads` must divide it.
    #[schemars(range(min = 1, max = 100_000))]
    pub width: u32,
    /// Attention heads.
    #[schemars(range(min = 1, max = 10_000))]
    pub heads: u32,
    /// The probability that a value is dropped, behind the embedding, the attention and the perceptron.
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub dropout: f64,
    /// Whether the head's weight is the token embedding's.
    pub tied: bool,
}

impl Default for Gpt {
    fn default() -> Self {
        Self { depth: 4, width: 128, heads: 4, dropout: 0.0, tied: true }
    }
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
    /// The groups of a ResNet-18 with `norm = "group"` that does not say them.
    pub const RESNET_18_GROUPS: u32 = 32;

    /// The same of a ResNet-20.
    pub const RESNET_20_GROUPS: u32 = 8;

    /// The hidden widths of a fully connected network, from the input; none for the others.
    pub fn hidden(&self) -> &[u32] {
        match self {
            Self::DeepLinear(hidden) | Self::Mlp(MlpForm::Hidden(hidden)) => hidden,
            Self::Mlp(MlpForm::Full(mlp)) => &mlp.hidden,
            _ => &[],
        }
    }

    /// What stands between the layers of a fully connected network.
    pub fn activation(&self) -> Activation {
        match self {
            Self::Mlp(MlpForm::Hidden(_)) => Activation::default(),
            Self::Mlp(MlpForm::Full(mlp)) => mlp.activation,
            _ => Activation::Identity,
        }
    }
}
