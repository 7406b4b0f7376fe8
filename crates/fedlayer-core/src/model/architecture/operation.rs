//! [`Op`]: one operation of a network, with its tensors.

use crate::{model::Role, spec::Activation};

/// One operation. Shapes are those of one example; a batch has an axis B in front.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// A convolution over squares: `(C, H, W)` to `(out, H′, W′)`.
    Conv(Conv),
    /// A fully connected layer over the last axis.
    Linear(Linear),
    /// A normalisation.
    Norm(Norm),
    /// A function of each value.
    Activation(Activation),
    /// Squares of places that become one.
    Pool(Pool),
    /// Each value is dropped with this probability, and the others are scaled by 1/(1 − p); in training alone.
    Dropout(f64),
    /// All axes become one.
    Flatten,
    /// What the body makes of x, plus what the shortcut makes of it; an empty shortcut is x itself.
    Residual {
        /// The body.
        body: Vec<Op>,
        /// The shortcut.
        shortcut: Vec<Op>,
    },
    /// Every `stride`-th place, and zeros for the channels that are missing up to `channels`, half of them in front (He et al. 2016, option A).
    Subsample {
        /// Places between two that stay.
        stride: usize,
        /// The channels that come out.
        channels: usize,
    },
    /// Tokens and their places: `(T)` whole numbers to `(T, width)`.
    Embedding(Embedding),
    /// Causal attention: `(T, width)` to the same.
    Attention(Attention),
    /// The logits of a head whose weight is the token embedding's: `(T, width)` to `(T, vocabulary)`.
    TiedHead,
}

/// A convolution over squares.
#[derive(Debug, Clone, PartialEq)]
pub struct Conv {
    /// The layer's name.
    pub name: String,
    /// Channels in.
    pub in_channels: usize,
    /// Channels out.
    pub out_channels: usize,
    /// The side of the square.
    pub kernel: usize,
    /// Places between two squares.
    pub stride: usize,
    /// Zeros around the image.
    pub padding: usize,
    /// Whether it has a bias.
    pub bias: bool,
    /// Where its initial weights come from.
    pub init: Init,
}

/// A fully connected layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Linear {
    /// The layer's name.
    pub name: String,
    /// Values in.
    pub in_features: usize,
    /// Values out.
    pub out_features: usize,
    /// Whether it has a bias.
    pub bias: bool,
    /// Where its initial weights come from.
    pub init: Init,
}

/// Where the initial weights of a layer come from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Init {
    /// PyTorch's default: U(−1/√in, 1/√in) for weight and bias.
    Uniform,
    /// The normal distribution of this standard deviation; a bias is 0 (GPT-2, Radford et al. 2019).
    Normal(f64),
}

/// A normalisation, its statistics taken per example over the last axis (layer), over groups of channels and all places (group), or per channel over
/// batch and places (batch). All have a trained scale and shift.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Norm {
    /// Batch normalisation, with running statistics.
    Batch {
        /// The layer's name.
        name: String,
        /// Channels.
        channels: usize,
        /// Values of a channel in one example: 1 behind a linear layer, height × width in an image.
        positions: usize,
    },
    /// Group normalisation.
    Group {
        /// The layer's name.
        name: String,
        /// Channels.
        channels: usize,
        /// Groups of them.
        groups: usize,
    },
    /// Layer normalisation.
    Layer {
        /// The layer's name.
        name: String,
        /// The width of the last axis.
        width: usize,
    },
}

/// Squares of places that become one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// What becomes of a square.
    pub kind: PoolKind,
    /// The side of a square; for [`PoolKind::Adaptive`] the side of what comes out.
    pub kernel: usize,
    /// Places between two squares.
    pub stride: usize,
}

/// What becomes of a square.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolKind {
    /// Its largest value.
    Max,
    /// Its mean.
    Mean,
    /// The mean of squares of such a size that an image of side `kernel` comes out, of whatever went in.
    Adaptive,
}

/// Tokens and their places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Embedding {
    /// The layer of the tokens.
    pub tokens: String,
    /// The layer of the places.
    pub positions: String,
    /// Different tokens.
    pub vocabulary: usize,
    /// Tokens of an example.
    pub context: usize,
    /// The width of a token.
    pub width: usize,
}

/// Causal attention with several heads.
#[derive(Debug, Clone, PartialEq)]
pub struct Attention {
    /// Makes query, key and value, in this order.
    pub qkv: Linear,
    /// What is made of the heads' outputs.
    pub out_proj: Linear,
    /// Heads.
    pub heads: usize,
}

/// A tensor's name, shape and role.
type NamedTensor = (String, Vec<usize>, Role);

impl Op {
    /// The tensors that the operation uses, in the order in which it takes them.
    pub(super) fn tensors(&self, into: &mut Vec<NamedTensor>) {
        match self {
            Self::Conv(conv) => {
                let Conv { name, in_channels, out_channels, kernel, bias, .. } = conv;
                let shape = vec![*out_channels, *in_channels, *kernel, *kernel];
                weights(name, shape, bias.then_some(*out_channels), into);
            }
            Self::Linear(linear) => linear.tensors(into),
            Self::Norm(norm) => norm.tensors(into),
            Self::Residual { body, shortcut } => {
                body.iter().chain(shortcut).for_each(|op| op.tensors(into));
            }
            Self::Embedding(embedding) => {
                let Embedding { tokens, positions, vocabulary, context, width } = embedding;
                weights(tokens, vec![*vocabulary, *width], None, into);
                weights(positions, vec![*context, *width], None, into);
            }
            Self::Attention(attention) => {
                attention.qkv.tensors(into);
                attention.out_proj.tensors(into);
            }
            Self::Activation(_)
            | Self::Pool(_)
            | Self::Dropout(_)
            | Self::Flatten
            | Self::Subsample { .. }
            | Self::TiedHead => {}
        }
    }

    pub(super) fn needs_two_examples(&self) -> Option<&str> {
        match self {
            Self::Norm(Norm::Batch { name, positions: 1, .. }) => Some(name),
            Self::Residual { body, shortcut } => {
                body.iter().chain(shortcut).find_map(Op::needs_two_examples)
            }
            _ => None,
        }
    }

    pub(super) fn has_statistics(&self) -> bool {
        match self {
            Self::Norm(Norm::Batch { .. }) => true,
            Self::Residual { body, shortcut } => {
                body.iter().chain(shortcut).any(Op::has_statistics)
            }
            _ => false,
        }
    }
}

impl Linear {
    fn tensors(&self, into: &mut Vec<NamedTensor>) {
        let Self { name, in_features, out_features, bias, .. } = self;
        weights(name, vec![*out_features, *in_features], bias.then_some(*out_features), into);
    }
}

impl Norm {
    /// Weight and bias; of a batch normalisation also its running statistics, as PyTorch names them.
    fn tensors(&self, into: &mut Vec<NamedTensor>) {
        let (name, width) = match self {
            Self::Batch { name, channels, .. } | Self::Group { name, channels, .. } => {
                (name, *channels)
            }
            Self::Layer { name, width } => (name, *width),
        };
        weights(name, vec![width], Some(width), into);
        if matches!(self, Self::Batch { .. }) {
            into.push((format!("{name}.running_mean"), vec![width], Role::Statistic));
            into.push((format!("{name}.running_var"), vec![width], Role::Statistic));
            into.push((format!("{name}.num_batches_tracked"), vec![], Role::Statistic));
        }
    }
}

fn weights(name: &str, shape: Vec<usize>, bias: Option<usize>, into: &mut Vec<NamedTensor>) {
    into.push((format!("{name}.weight"), shape, Role::Trained));
    if let Some(bias) = bias {
        into.push((format!("{name}.bias"), vec![bias], Role::Trained));
    }
}
