//! [`Graph`]: the forward pass of one network that is a list of operations, differentiated by autograd.

use fedlayer_core::{
    Architecture, Attention, Conv, Linear, Norm, Op, Pool, PoolKind, spec::Activation,
};
use tch::{Kind, TchError, Tensor};

use crate::dropout::Dropout;

/// Added to variances, as in PyTorch's normalisations.
const EPSILON: f64 = 1e-5;

/// The share of a batch in the running statistics, as in PyTorch's batch normalisation.
const MOMENTUM: f64 = 0.1;

/// A network that is a list of operations.
#[derive(Debug, Clone)]
pub(crate) struct Graph {
    architecture: Architecture,
    memory: Memory,
}

/// How images lie in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Memory {
    /// Channel after channel.
    Planes,
    /// Place after place, all channels of one together: convolutions on the processor are faster so.
    ChannelsLast,
}

/// What a forward pass is for.
#[derive(Debug)]
pub(crate) enum Mode<'a> {
    /// A training step: values are dropped, and batch normalisation uses and records the batch.
    Train {
        /// Which values are dropped.
        dropout: &'a mut Dropout,
        /// What convolutions, linear layers and attention compute in.
        kind: Kind,
    },
    /// An evaluation.
    Evaluate,
    /// Running statistics are measured: as in training, but nothing is dropped, and a batch counts this share.
    Measure(f64),
}

impl Mode<'_> {
    /// The kind in which products of matrices are computed.
    fn kind(&self) -> Kind {
        match self {
            Self::Train { kind, .. } => *kind,
            Self::Evaluate | Self::Measure(_) => Kind::Float,
        }
    }
}

/// The tensors of the network, taken in the order of its operations.
struct Walk<'a, 'm> {
    rest: std::slice::Iter<'a, Tensor>,
    /// The token embedding, for a head that shares it.
    tokens: Option<&'a Tensor>,
    mode: &'a mut Mode<'m>,
}

impl Graph {
    pub(crate) fn new(architecture: Architecture, device: crate::Device) -> Self {
        let memory = match device {
            crate::Device::Cpu => Memory::ChannelsLast,
            crate::Device::Cuda(_) => Memory::Planes,
        };
        Self { architecture, memory }
    }

    pub(crate) fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    #[cfg(test)]
    pub(crate) fn without_dropout(&mut self) {
        self.architecture.ops.retain(|op| !matches!(op, Op::Dropout(_)));
    }

    /// The logits of a batch: `(B, C)`, of texts `(B, T, C)`. `views` are the layout's tensors, `inputs` `(B, …)`.
    pub(crate) fn forward(
        &self,
        views: &[Tensor],
        inputs: &Tensor,
        mode: &mut Mode<'_>,
    ) -> Result<Tensor, TchError> {
        let inputs = match (self.memory, inputs.dim()) {
            (Memory::ChannelsLast, 4) => channels_last(inputs)?,
            _ => inputs.shallow_clone(),
        };
        let mut walk = Walk { rest: views.iter(), tokens: None, mode };
        walk.all(&self.architecture.ops, inputs)?.f_to_kind(Kind::Float)
    }
}

/// The same images, all channels of a place together in memory. `(B, C, H, W)`
fn channels_last(images: &Tensor) -> Result<Tensor, TchError> {
    images.f_permute([0, 2, 3, 1])?.f_contiguous()?.f_permute([0, 3, 1, 2])
}

impl<'a> Walk<'a, '_> {
    fn all(&mut self, ops: &[Op], mut x: Tensor) -> Result<Tensor, TchError> {
        for op in ops {
            x = self.one(op, x)?;
        }
        Ok(x)
    }

    fn one(&mut self, op: &Op, x: Tensor) -> Result<Tensor, TchError> {
        match op {
            Op::Conv(conv) => self.conv(conv, &x),
            Op::Linear(linear) => self.linear(linear, &x),
            Op::Norm(norm) => self.norm(norm, &x),
            Op::Activation(activation) => activate(*activation, x),
            Op::Pool(pool) => pooled(pool, &x),
            Op::Dropout(share) => match &mut *self.mode {
                Mode::Train { dropout, .. } => dropout.drop(*share, x),
                Mode::Evaluate | Mode::Measure(_) => Ok(x),
            },
            // Channel after channel, as PyTorch flattens, however the image lies in memory.
            Op::Flatten => x.f_flatten(1, -1),
            Op::Residual { body, shortcut } => {
                let through = self.all(body, x.shallow_clone())?;
                self.all(shortcut, x)?.f_add(&through)
            }
            Op::Subsample { stride, channels } => subsampled(*stride as i64, *channels as i64, &x),
            Op::Embedding(_) => {
                let (tokens, places) = (self.next()?, self.next()?); // (V, D), (T, D)
                self.tokens = Some(tokens);
                let x = x.f_to_kind(Kind::Int64)?; // (B, T)
                Tensor::f_embedding(tokens, &x, -1, false, false)?.f_add(places) // (B, T, D)
            }
            Op::Attention(attention) => self.attention(attention, &x),
            Op::TiedHead => {
                let tokens = self.tokens.ok_or_else(missing)?;
                self.product(&x, tokens, None)
            }
        }
    }

    fn next(&mut self) -> Result<&'a Tensor, TchError> {
        self.rest.next().ok_or_else(missing)
    }

    fn bias(&mut self, there_is: bool) -> Result<Option<&'a Tensor>, TchError> {
        there_is.then(|| self.next()).transpose()
    }

    fn conv(&mut self, conv: &Conv, x: &Tensor) -> Result<Tensor, TchError> {
        let (weight, bias) = (self.next()?, self.bias(conv.bias)?);
        let (stride, padding) = ([conv.stride as i64; 2], [conv.padding as i64; 2]);
        let kind = self.mode.kind();
        let bias = bias.map(|bias| bias.f_to_kind(kind)).transpose()?;
        x.f_to_kind(kind)?.f_conv2d(&weight.f_to_kind(kind)?, bias, stride, padding, [1, 1], 1)
    }

    fn linear(&mut self, linear: &Linear, x: &Tensor) -> Result<Tensor, TchError> {
        let (weight, bias) = (self.next()?, self.bias(linear.bias)?);
        self.product(x, weight, bias)
    }

    /// x Wᵀ + b in the mode's kind.
    fn product(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: Option<&Tensor>,
    ) -> Result<Tensor, TchError> {
        let kind = self.mode.kind();
        let bias = bias.map(|bias| bias.f_to_kind(kind)).transpose()?;
        x.f_to_kind(kind)?.f_linear(&weight.f_to_kind(kind)?, bias)
    }

    /// Always in f32.
    fn norm(&mut self, norm: &Norm, x: &Tensor) -> Result<Tensor, TchError> {
        let (weight, bias) = (Some(self.next()?), Some(self.next()?));
        let x = x.f_to_kind(Kind::Float)?;
        match norm {
            Norm::Layer { width, .. } => {
                x.f_layer_norm([*width as i64], weight, bias, EPSILON, false)
            }
            Norm::Group { groups, .. } => {
                x.f_group_norm(*groups as i64, weight, bias, EPSILON, false)
            }
            Norm::Batch { .. } => {
                let (mean, variance, batches) = (self.next()?, self.next()?, self.next()?);
                let share = match self.mode {
                    Mode::Train { .. } => Some(MOMENTUM),
                    Mode::Measure(share) => Some(*share),
                    Mode::Evaluate => None,
                };
                if share.is_some() {
                    let _ = batches.shallow_clone().f_add_scalar_(1.0)?;
                }
                let (training, momentum) = (share.is_some(), share.unwrap_or(0.0));
                let (mean, variance) = (Some(mean), Some(variance));
                x.f_batch_norm(weight, bias, mean, variance, training, momentum, EPSILON, false)
            }
        }
    }

    fn attention(&mut self, attention: &Attention, x: &Tensor) -> Result<Tensor, TchError> {
        let &[batch, context, width] = &x.size()[..] else { return Err(missing()) };
        let heads = attention.heads as i64;
        let projected = self.linear(&attention.qkv, x)?; // (B, T, 3 D)
        let part = |index| {
            let part = projected.f_narrow(2, index * width, width)?; // (B, T, D)
            part.f_view([batch, context, heads, width / heads])?.f_transpose(1, 2) // (B, heads, T, D / heads)
        };
        let (query, key, value) = (part(0)?, part(1)?, part(2)?);
        let mixed = Tensor::f_scaled_dot_product_attention(
            &query,
            &key,
            &value,
            None::<Tensor>,
            0.0,
            true,
            None,
            false,
        )?; // (B, heads, T, D / heads)
        let together = mixed.f_transpose(1, 2)?.f_reshape([batch, context, width])?; // (B, T, D)
        self.linear(&attention.out, &together)
    }
}

fn activate(activation: Activation, x: Tensor) -> Result<Tensor, TchError> {
    match activation {
        Activation::Relu => x.f_relu(),
        Activation::Gelu => x.f_gelu("none"),
        Activation::Tanh => x.f_tanh(),
        Activation::Sigmoid => x.f_sigmoid(),
        Activation::Identity => Ok(x),
    }
}

fn pooled(pool: &Pool, x: &Tensor) -> Result<Tensor, TchError> {
    let (side, stride) = ([pool.kernel as i64; 2], [pool.stride as i64; 2]);
    match pool.kind {
        PoolKind::Max => x.f_max_pool2d(side, stride, [0, 0], [1, 1], false),
        PoolKind::Mean => x.f_avg_pool2d(side, stride, [0, 0], false, true, None),
        PoolKind::Adaptive => x.f_adaptive_avg_pool2d(side),
    }
}

/// Every `stride`-th place, and zeros for the channels that are missing, half of them in front.
fn subsampled(stride: i64, channels: i64, x: &Tensor) -> Result<Tensor, TchError> {
    let missing = channels - x.size()[1];
    let places = x.f_slice(2, None, None, stride)?.f_slice(3, None, None, stride)?;
    places.f_constant_pad_nd([0, 0, 0, 0, missing / 2, missing - missing / 2])
}

/// The layout was checked against the operations, so that every operation finds its tensors.
fn missing() -> TchError {
    TchError::Kind("an operation of the network lacks its tensors".to_owned())
}
