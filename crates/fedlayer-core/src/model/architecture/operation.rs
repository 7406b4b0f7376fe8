//! [`Op`]: one operation of a network, and its tensors.

use crate::{model::Role, spec::Activation};

/// One operation. Shapes are those of one example; a batch has a leading axis B.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// A 2D convolution: `(C, H, W)` to `(out, H′, W′)`.
    Conv(Conv),
    /// A fully connected layer over the last axis.
    Linear(Linear),
    /// A normalisation.
    Norm(Norm),
    /// A function that is applied to every value.
    Activation(Activation),
    /// Pools windows of every channel.
    Pool(Pool),
    /// Dropout: in training, each value is set to 0 with this probability, and the others are
    /// scaled by 1/(1 − p).
    Dropout(f64),
    /// Flattens all axes into one.
    Flatten,
    /// Adds the outputs of the body and of the shortcut; an empty shortcut is the identity.
    Residual {
        /// The body.
        body: Vec<Op>,
        /// The shortcut.
        shortcut: Vec<Op>,
    },
    /// Takes every `stride`-th row and column, and pads the channels with zeros up to `channels`,
    /// half of them in front (He et al. 2016, option A).
    Subsample {
        /// Stride.
        stride: usize,
        /// Output channels.
        channels: usize,
    },
    /// Adds token and position embeddings: `(T)` whole numbers to `(T, width)`.
    Embedding(Embedding),
    /// Causal self-attention: `(T, width)` to `(T, width)`.
    Attention(Attention),
    /// The output layer of a language model that shares its weight with the token embedding: `(T,
    /// width)` to `(T, vocabulary)`.
    TiedHead,
}

/// A 2D convolution.
#[derive(Debug, Clone, PartialEq)]
pub struct Conv {
    /// The layer's name.
    pub name: String,
    /// Input channels.
    pub in_channels: usize,
    /// Output channels.
    pub out_channels: usize,
    /// The side of the kernel.
    pub kernel: usize,
    /// Stride.
    pub stride: usize,
    /// Zero padding on every side of the image.
    pub padding: usize,
    /// If true, the layer has a bias.
    pub bias: bool,
    /// The distribution of the initial weights.
    pub init: Init,
}

/// A fully connected layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Linear {
    /// The layer's name.
    pub name: String,
    /// Input features.
    pub in_features: usize,
    /// Output features.
    pub out_features: usize,
    /// If true, the layer has a bias.
    pub bias: bool,
    /// The distribution of the initial weights.
    pub init: Init,
}

/// The distribution of the initial weights of a layer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Init {
    /// PyTorch's default: U(−1/√in, 1/√in) for weight and bias.
    Uniform,
    /// A normal distribution with this standard deviation; biases start at 0 (GPT-2, Radford et al.
    /// 2019).
    Normal(f64),
}

/// A normalisation with a trained scale and shift. Statistics are taken over the last axis of an
/// example (layer), over groups of channels and all positions of an example (group), or per channel
/// over a batch and all positions (batch).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Norm {
    /// Batch normalisation, with running statistics.
    Batch {
        /// The layer's name.
        name: String,
        /// Channels.
        channels: usize,
        /// The values of a channel in one example: 1 behind a linear layer, height × width in an
        /// image.
        positions: usize,
    },
    /// Group normalisation.
    Group {
        /// The layer's name.
        name: String,
        /// Channels.
        channels: usize,
        /// The number of groups.
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

/// Pools each `kernel` × `kernel` window of every channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// How a window is reduced: to its maximum or its mean.
    pub kind: PoolKind,
    /// The side of a window; for [`PoolKind::Adaptive`], the side of the output.
    pub kernel: usize,
    /// Stride.
    pub stride: usize,
}

/// How a window is reduced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolKind {
    /// To its maximum.
    Max,
    /// To its mean.
    Mean,
    /// To its mean, with windows sized for an output of side `kernel`, whatever the size of the
    /// input.
    Adaptive,
}

/// Token and position embeddings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Embedding {
    /// The name of the token embedding.
    pub tokens: String,
    /// The name of the position embedding.
    pub positions: String,
    /// The number of different tokens.
    pub vocabulary: usize,
    /// The number of tokens of an example.
    pub context: usize,
    /// The width of an embedding.
    pub width: usize,
}

/// Causal self-attention with several heads.
#[derive(Debug, Clone, PartialEq)]
pub struct Attention {
    /// Projects to queries, keys and values, in this order.
    pub qkv: Linear,
    /// Projects the concatenated heads.
    pub out_proj: Linear,
    /// The number of heads.
    pub heads: usize,
}

/// A tensor's name, shape and role.
type NamedTensor = (String, Vec<usize>, Role);

impl Op {
    /// Appends the tensors of the operation, in the order of use.
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
    /// Appends weight and bias, and the running statistics of a batch normalisation, with PyTorch's
    /// names.
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
