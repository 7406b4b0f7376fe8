//! `[model] layers`: a network that is spelled out, layer by layer.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One layer of a network that is spelled out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LayerSpec {
    /// max(0, x).
    Relu,
    /// The Gaussian error linear unit.
    Gelu,
    /// The hyperbolic tangent.
    Tanh,
    /// 1 / (1 + exp(−x)).
    Sigmoid,
    /// Flattens an example into one row.
    Flatten,
    /// Global average pooling: the mean over all positions of each channel.
    GlobalPool,
    /// A 2D convolution; its default name is `conv1`, `conv2`, ….
    Conv(ConvSpec),
    /// A fully connected layer; its default name is `fc1`, `fc2`, ….
    Linear(LinearSpec),
    /// A normalisation; its default name is `norm1`, `norm2`, ….
    Norm(NormSpec),
    /// Max-pooling.
    MaxPool(PoolSpec),
    /// Average-pooling.
    AvgPool(PoolSpec),
    /// Dropout, with this probability.
    Dropout(#[schemars(range(min = 0), extend("exclusiveMaximum" = 1))] f64),
    /// x + f(x), where f are these layers. If they change the number of channels or the size of the
    /// image, x goes through a 1×1 convolution without bias, called `shortcut1` in the first
    /// residual, `shortcut2` in the second, ….
    Residual(#[schemars(length(min = 1, max = 10_000))] Vec<Block>),
}

/// One layer of a residual.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Block {
    /// max(0, x).
    Relu,
    /// The Gaussian error linear unit.
    Gelu,
    /// The hyperbolic tangent.
    Tanh,
    /// 1 / (1 + exp(−x)).
    Sigmoid,
    /// A 2D convolution.
    Conv(ConvSpec),
    /// A fully connected layer.
    Linear(LinearSpec),
    /// A normalisation.
    Norm(NormSpec),
    /// Dropout, with this probability.
    Dropout(#[schemars(range(min = 0), extend("exclusiveMaximum" = 1))] f64),
}

impl From<&Block> for LayerSpec {
    fn from(block: &Block) -> Self {
        match block.clone() {
            Block::Relu => Self::Relu,
            Block::Gelu => Self::Gelu,
            Block::Tanh => Self::Tanh,
            Block::Sigmoid => Self::Sigmoid,
            Block::Conv(conv) => Self::Conv(conv),
            Block::Linear(linear) => Self::Linear(linear),
            Block::Norm(norm) => Self::Norm(norm),
            Block::Dropout(share) => Self::Dropout(share),
        }
    }
}

/// A 2D convolution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConvSpec {
    /// The number of output channels.
    #[serde(rename = "out")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub out_channels: u32,
    /// The side of the kernel.
    #[schemars(range(min = 1, max = 1_000))]
    pub kernel: u32,
    /// The stride.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1_000))]
    pub stride: u32,
    /// The zero padding on every side of the image.
    #[serde(default)]
    #[schemars(range(max = 1_000))]
    pub padding: u32,
    /// If true, the layer has a bias.
    #[serde(default = "yes")]
    pub bias: bool,
    /// The layer's name.
    #[serde(default)]
    #[schemars(length(min = 1, max = 100))]
    pub name: Option<String>,
}

/// A fully connected layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinearSpec {
    /// The number of output features.
    #[serde(rename = "out")]
    #[schemars(range(min = 1, max = 100_000_000))]
    pub out_features: u32,
    /// If true, the layer has a bias.
    #[serde(default = "yes")]
    pub bias: bool,
    /// The layer's name.
    #[serde(default)]
    #[schemars(length(min = 1, max = 100))]
    pub name: Option<String>,
}

/// A normalisation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NormSpec {
    /// The kind: batch or group normalisation.
    pub kind: NormKind,
    /// The number of groups of `kind = "group"`; the default is 1.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub groups: Option<u32>,
    /// The layer's name.
    #[serde(default)]
    #[schemars(length(min = 1, max = 100))]
    pub name: Option<String>,
}

/// Pools each `kernel` × `kernel` window of every channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PoolSpec {
    /// The side of a window.
    #[schemars(range(min = 1, max = 1_000))]
    pub kernel: u32,
    /// The stride; the default is the side of a window.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1_000))]
    pub stride: Option<u32>,
}

fn one() -> u32 {
    1
}

fn yes() -> bool {
    true
}

/// The normalisation after a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NormKind {
    /// No normalisation.
    #[default]
    None,
    /// Batch normalisation (Ioffe & Szegedy 2015).
    Batch,
    /// Group normalisation (Wu & He 2018).
    Group,
}

/// The activation between two layers of a network.
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
    /// The Gaussian error linear unit, x·Φ(x).
    Gelu,
    /// No activation: the network is linear.
    Identity,
}
