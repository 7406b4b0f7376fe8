//! `[model] layers`: a network spelt out, layer by layer.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One layer of a network that is spelt out: a [`Block`] without parts, or a residual of several.
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
    /// Everything of an example in one row.
    Flatten,
    /// The mean over all places of each channel.
    GlobalPool,
    /// A convolution; called `conv1`, `conv2`, … where it has no name.
    Conv(ConvSpec),
    /// A fully connected layer; called `fc1`, `fc2`, … where it has no name.
    Linear(LinearSpec),
    /// A normalisation; called `norm1`, `norm2`, … where it has no name.
    Norm(NormSpec),
    /// The largest value of each square of places.
    MaxPool(PoolSpec),
    /// The mean of each square of places.
    AvgPool(PoolSpec),
    /// The probability that a value is dropped.
    Dropout(#[schemars(range(min = 0), extend("exclusiveMaximum" = 1))] f64),
    /// x + f(x), f being these layers; where they change the number of channels or of places, x goes through a convolution of 1×1 without bias,
    /// called `shortcut1` in the first residual, `shortcut2` in the second, ….
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
    /// A convolution.
    Conv(ConvSpec),
    /// A fully connected layer.
    Linear(LinearSpec),
    /// A normalisation.
    Norm(NormSpec),
    /// The probability that a value is dropped.
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

/// A convolution over squares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConvSpec {
    /// The channels that come out.
    #[serde(rename = "out")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub out_channels: u32,
    /// The side of its square.
    #[schemars(range(min = 1, max = 1_000))]
    pub kernel: u32,
    /// Places between two neighbouring squares.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1_000))]
    pub stride: u32,
    /// Zeros around the image.
    #[serde(default)]
    #[schemars(range(max = 1_000))]
    pub padding: u32,
    /// Whether a bias is added to every channel.
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
    /// The values that come out.
    #[serde(rename = "out")]
    #[schemars(range(min = 1, max = 100_000_000))]
    pub out_features: u32,
    /// Whether a bias is added.
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
    /// Over the batch, or over groups of channels.
    pub kind: NormKind,
    /// The groups of `kind = "group"`, 1 where it is not given.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub groups: Option<u32>,
    /// The layer's name.
    #[serde(default)]
    #[schemars(length(min = 1, max = 100))]
    pub name: Option<String>,
}

/// Squares of places that become one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PoolSpec {
    /// The side of a square.
    #[schemars(range(min = 1, max = 1_000))]
    pub kernel: u32,
    /// Places between two neighbouring squares; the side of a square where it is not given.
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

/// What stands behind a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NormKind {
    /// Nothing.
    #[default]
    None,
    /// Batch normalisation (Ioffe & Szegedy 2015).
    Batch,
    /// Group normalisation (Wu & He 2018).
    Group,
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
    /// The Gaussian error linear unit, x·Φ(x).
    Gelu,
    /// Nothing: the network is linear.
    Identity,
}
