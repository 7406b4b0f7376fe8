//! `[model]`: the network that clients train.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Activation, LayerSpec, NormKind};

/// The network that clients train.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ModelSpec {
    /// Multinomial logistic regression: a single layer `out`.
    Linear,
    /// Linear layers with these hidden widths and without activations: `fc1`, `fc2`, …, `out`.
    DeepLinear(#[schemars(length(min = 1), inner(range(min = 1, max = 1_000_000)))] Vec<u32>),
    /// A product of this many diagonal layers `w1`, `w2`, …, each of shape `[classes, features]`:
    /// the output of class c is Σ_d x_d Π_l w_l[c, d].
    DiagonalLinear(#[schemars(range(min = 1, max = 10_000))] u32),
    /// Fully connected layers with activations: `fc1`, `fc2`, …, `out`.
    Mlp(MlpForm),
    /// LeNet-5 (LeCun et al. 1998) with ReLU and max-pooling: `conv1`, `conv2`, `fc1`, `fc2`,
    /// `fc3`. Images of 28 pixels are padded to 32.
    #[serde(rename = "lenet-5")]
    Lenet5,
    /// The CNN of McMahan et al. 2017: `conv1` (5×5, 32), `conv2` (5×5, 64), each with max-pooling,
    /// `fc1` (512), `fc2`.
    McmahanCnn,
    /// The CNN of pfl-research's CIFAR-10 benchmark: `conv1` (3×3, 32), `conv2` (3×3, 64),
    /// max-pooling, dropout ¼, `fc1` (128), dropout ½, `fc2`.
    PflCnn,
    /// VGG-11 (Simonyan & Zisserman 2015) without normalisation and with dropout, named as in
    /// torchvision.
    #[serde(rename = "vgg-11")]
    Vgg11(Vgg),
    /// ResNet-18 (He et al. 2016) for images of 32 × 32 pixels (first convolution 3×3, stride 1, no
    /// max-pooling), named as in torchvision.
    #[serde(rename = "resnet-18")]
    Resnet18(Residual),
    /// ResNet-20 (He et al. 2016) for CIFAR: three stages of three blocks, 16, 32 and 64 wide,
    /// shortcuts without parameters.
    #[serde(rename = "resnet-20")]
    Resnet20(Residual),
    /// A causal transformer over the tokens of a text: learned positions, normalisation before each
    /// block, GELU.
    Gpt(Gpt),
    /// A network that is spelled out, from input to output, with at most 10,000 layers.
    Layers(#[schemars(length(min = 1, max = 10_000))] Vec<LayerSpec>),
    /// A module saved by `torch.jit.save`: inputs `(B, …)`, outputs logits `(B, classes)`. Its
    /// layers are the layers of its parameters. The file is searched for beside the scenario, then
    /// in the data folders, then in the working directory.
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
    /// The side of the feature map after average pooling; 7 in torchvision.
    #[schemars(range(min = 1, max = 64))]
    pub pool: u32,
    /// The dropout probability of hidden units.
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
    /// The normalisation after each convolution.
    pub norm: NormKind,
    /// The number of groups of `norm = "group"`; the default is 32 for ResNet-18 and 8 for
    /// ResNet-20.
    #[schemars(range(min = 1))]
    pub groups: Option<u32>,
}

/// A causal transformer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Gpt {
    /// The number of blocks of attention and perceptron.
    #[schemars(range(min = 1, max = 1_000))]
    pub depth: u32,
    /// The width of an embedding; `heads` must divide it.
    #[schemars(range(min = 1, max = 100_000))]
    pub width: u32,
    /// The number of attention heads.
    #[schemars(range(min = 1, max = 10_000))]
    pub heads: u32,
    /// The dropout probability after the embedding, the attention and the perceptron.
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub dropout: f64,
    /// If true, the output layer shares its weight with the token embedding.
    pub tied: bool,
}

impl Default for Gpt {
    fn default() -> Self {
        Self { depth: 4, width: 128, heads: 4, dropout: 0.0, tied: true }
    }
}

/// A multilayer perceptron, in short form (`mlp = [128, 64]`) or in full (`mlp = { hidden = [128,
/// 64], activation = "tanh" }`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum MlpForm {
    /// The hidden widths; the activation is ReLU.
    Hidden(#[schemars(length(min = 1), inner(range(min = 1, max = 1_000_000)))] Vec<u32>),
    /// All keys.
    Full(Mlp),
}

/// A multilayer perceptron in full.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mlp {
    /// The widths of the hidden layers, from the input.
    #[schemars(length(min = 1), inner(range(min = 1, max = 1_000_000)))]
    pub hidden: Vec<u32>,
    /// The activation between two layers.
    #[serde(default)]
    pub activation: Activation,
}

/// Quadratic clients. The parameters θ have one value per feature, divided into layers of about
/// equal size. The loss of an example x is ½ Σ_l c_l ‖θ_l − x_l‖². The optimum of a client is the
/// mean of its examples, and the optimum of all clients the mean of all examples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Toy {
    /// The curvature c_l of each layer; there is one layer per value. The layers are called `q1`,
    /// `q2`, ….
    #[schemars(length(min = 1), extend("items" = { "type": "number", "exclusiveMinimum": 0 }))]
    pub curvature: Vec<f64>,
}

impl Default for Toy {
    fn default() -> Self {
        Self { curvature: vec![1.0, 0.5, 2.0] }
    }
}

impl ModelSpec {
    /// The default number of groups of a ResNet-18 with `norm = "group"`.
    pub const RESNET_18_GROUPS: u32 = 32;

    /// The default number of groups of a ResNet-20 with `norm = "group"`.
    pub const RESNET_20_GROUPS: u32 = 8;

    /// Returns the hidden widths of a fully connected network, from the input; empty for other
    /// networks.
    pub fn hidden(&self) -> &[u32] {
        match self {
            Self::DeepLinear(hidden) | Self::Mlp(MlpForm::Hidden(hidden)) => hidden,
            Self::Mlp(MlpForm::Full(mlp)) => &mlp.hidden,
            _ => &[],
        }
    }

    /// Returns the activation between the layers of a fully connected network.
    pub fn activation(&self) -> Activation {
        match self {
            Self::Mlp(MlpForm::Hidden(_)) => Activation::default(),
            Self::Mlp(MlpForm::Full(mlp)) => mlp.activation,
            _ => Activation::Identity,
        }
    }
}
