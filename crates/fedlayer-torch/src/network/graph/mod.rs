//! [`Graph`]: the forward pass of one network that is a list of operations, differentiated by autograd.

use fedlayer_core::{
    Architecture, Attention, Conv, Linear, Norm, Pool, PoolKind, spec::Activation,
};
use tch::{Kind, TchError, Tensor};

use crate::{
    TorchError,
    dropout::Dropout,
    program::{Program, Step},
};

/// Added to variances, as in PyTorch's normalisations.
const EPSILON: f64 = 1e-5;

/// The share of a batch in the running statistics, as in PyTorch's batch normalisation.
const MOMENTUM: f64 = 0.1;

/// A network that is a list of operations.
#[derive(Debug, Clone)]
pub(crate) struct Graph {
    architecture: Architecture,
    program: Program,
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
    /// An evaluation that is differentiated, twice if need be: all of it by operations whose derivative has a derivative.
    Differentiate,
    /// Running statistics are measured: as in training, but nothing is dropped, and a batch counts this share.
    Measure(f64),
}

impl Mode<'_> {
    /// The kind in which products of matrices are computed.
    fn kind(&self) -> Kind {
        match self {
            Self::Train { kind, .. } => *kind,
            Self::Evaluate | Self::Differentiate | Self::Measure(_) => Kind::Float,
        }
    }

    /// The kind in which everything else is computed: f32, also beside products in bf16, and f64 beside products in f64.
    fn whole_kind(&self) -> Kind {
        match self.kind() {
            Kind::Double => Kind::Double,
            _ => Kind::Float,
        }
    }
}

/// Where a forward pass stands between two steps.
#[derive(Debug)]
pub(crate) struct Standing {
    /// What has been computed so far. `(B, …)`
    pub(crate) x: Tensor,
    /// Of every residual that it stands in, and of what else a form of network keeps: the tensor that waits.
    pub(crate) aside: Vec<Tensor>,
    /// The token embedding, for a head that shares it.
    tokens: Option<Tensor>,
}

impl Standing {
    /// Before the first step.
    pub(crate) fn new(x: Tensor) -> Self {
        Self { x, aside: Vec::new(), tokens: None }
    }

    /// Another handle to the same tensors. No step changes a tensor in place that it did not make itself.
    pub(crate) fn share(&self) -> Self {
        Self {
            x: self.x.shallow_clone(),
            aside: self.aside.iter().map(Tensor::shallow_clone).collect(),
            tokens: self.tokens.as_ref().map(Tensor::shallow_clone),
        }
    }
}

/// Takes steps; the tensors come in the order of the steps.
struct Walk<'a, 'm> {
    rest: std::slice::Iter<'a, Tensor>,
    mode: &'a mut Mode<'m>,
}

impl Graph {
    pub(crate) fn new(architecture: Architecture, device: crate::Device) -> Self {
        let memory = match device {
            crate::Device::Cpu => Memory::ChannelsLast,
            crate::Device::Cuda(_) => Memory::Planes,
        };
        Self { program: Program::new(&architecture), architecture, memory }
    }

    pub(crate) fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    #[cfg(test)]
    pub(crate) fn without_dropout(&mut self) {
        self.program = self.program.without_dropout();
    }

    /// The logits of a batch: `(B, C)`, of texts `(B, T, C)`. `views` are the layout's tensors, `inputs` `(B, …)`.
    pub(crate) fn forward(
        &self,
        views: &[Tensor],
        inputs: &Tensor,
        mode: &mut Mode<'_>,
    ) -> Result<Tensor, TchError> {
        let kind = mode.whole_kind();
        let mut walk = Walk { rest: views.iter(), mode };
        walk.all(self.program.all(), Standing::new(self.laid(inputs)?))?.x.f_to_kind(kind)
    }

    /// What stands before the first layer, for a batch `(B, …)`.
    pub(crate) fn begin(&self, inputs: &Tensor, mode: &mut Mode<'_>) -> Result<Standing, TchError> {
        let mut walk = Walk { rest: [].iter(), mode };
        walk.all(self.program.lead(), Standing::new(self.laid(inputs)?))
    }

    /// Goes through a layer, whose tensors are `layer`, up to the next one.
    pub(crate) fn through(
        &self,
        index: usize,
        layer: &[Tensor],
        standing: Standing,
        mode: &mut Mode<'_>,
    ) -> Result<Standing, TchError> {
        Walk { rest: layer.iter(), mode }.all(self.program.of_layer(index), standing)
    }

    /// Images as they are to lie in memory; anything else as it is.
    fn laid(&self, inputs: &Tensor) -> Result<Tensor, TchError> {
        match (self.memory, inputs.dim()) {
            (Memory::ChannelsLast, 4) => channels_last(inputs),
            _ => Ok(inputs.shallow_clone()),
        }
    }
}

/// The same images, all channels of a place together in memory. `(B, C, H, W)`
fn channels_last(images: &Tensor) -> Result<Tensor, TchError> {
    images.f_permute([0, 2, 3, 1])?.f_contiguous()?.f_permute([0, 3, 1, 2])
}

impl<'a> Walk<'a, '_> {
    fn all(&mut self, steps: &[Step], mut standing: Standing) -> Result<Standing, TchError> {
        for step in steps {
            self.one(step, &mut standing)?;
        }
        Ok(standing)
    }

    fn one(&mut self, step: &Step, standing: &mut Standing) -> Result<(), TchError> {
        let Standing { x, aside, tokens } = standing;
        *x = match step {
            Step::Conv(conv) => self.conv(conv, x)?,
            Step::Linear(linear) => self.linear(linear, x)?,
            Step::Norm(norm) => self.norm(norm, x)?,
            Step::Activation(activation) => activate(*activation, x)?,
            Step::Pool(pool) => pooled(pool, x)?,
            Step::Dropout(share) => match &mut *self.mode {
                Mode::Train { dropout, .. } => dropout.drop(*share, x.shallow_clone())?,
                Mode::Evaluate | Mode::Differentiate | Mode::Measure(_) => return Ok(()),
            },
            // Channel after channel, as PyTorch flattens, however the image lies in memory.
            Step::Flatten => x.f_flatten(1, -1)?,
            Step::Subsample { stride, channels } => {
                subsampled(*stride as i64, *channels as i64, x)?
            }
            Step::Fork => {
                aside.push(x.shallow_clone());
                return Ok(());
            }
            Step::Turn => {
                std::mem::swap(x, aside.last_mut().ok_or_else(missing)?);
                return Ok(());
            }
            Step::Join => x.f_add(&aside.pop().ok_or_else(missing)?)?,
            Step::Tokens => {
                let table = self.next()?; // (V, D)
                *tokens = Some(table.shallow_clone());
                Tensor::f_embedding(table, &x.f_to_kind(Kind::Int64)?, -1, false, false)? // (B, T, D)
            }
            Step::Places => x.f_add(self.next()?)?, // (B, T, D)
            Step::Attend(attention) => self.attend(attention, x)?,
            Step::TiedHead => self.product(x, tokens.as_ref().ok_or_else(missing)?, None)?,
        };
        Ok(())
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

    /// Never in bf16.
    fn norm(&mut self, norm: &Norm, x: &Tensor) -> Result<Tensor, TchError> {
        let (weight, bias) = (Some(self.next()?), Some(self.next()?));
        let x = x.f_to_kind(self.mode.whole_kind())?;
        match norm {
            Norm::Layer { width, .. } => {
                x.f_layer_norm([*width as i64], weight, bias, EPSILON, false)
            }
            Norm::Group { groups, .. } => {
                x.f_group_norm(*groups as i64, weight, bias, EPSILON, false)
            }
            Norm::Batch { name, channels, .. } => {
                let (mean, variance, batches) = (self.next()?, self.next()?, self.next()?);
                let share = match self.mode {
                    Mode::Train { .. } => Some(MOMENTUM),
                    Mode::Measure(share) => Some(*share),
                    Mode::Evaluate | Mode::Differentiate => None,
                };
                if share.is_some() && x.numel() == *channels {
                    let error = TorchError::OneValue { norm: name.clone() };
                    return Err(TchError::Shape(error.to_string()));
                }
                if share.is_some() {
                    let _ = batches.shallow_clone().f_add_scalar_(1.0)?;
                }
                let (training, momentum) = (share.is_some(), share.unwrap_or(0.0));
                let (mean, variance) = (Some(mean), Some(variance));
                x.f_batch_norm(weight, bias, mean, variance, training, momentum, EPSILON, false)
            }
        }
    }

    /// The heads' outputs, side by side. `(B, T, D)`
    fn attend(&mut self, attention: &Attention, x: &Tensor) -> Result<Tensor, TchError> {
        let &[batch, context, width] = &x.size()[..] else { return Err(missing()) };
        let heads = attention.heads as i64;
        let projected = self.linear(&attention.qkv, x)?; // (B, T, 3 D)
        let part = |index| {
            let part = projected.f_narrow(2, index * width, width)?; // (B, T, D)
            part.f_view([batch, context, heads, width / heads])?.f_transpose(1, 2) // (B, heads, T, D / heads)
        };
        let (query, key, value) = (part(0)?, part(1)?, part(2)?);
        let mixed = match self.mode {
            Mode::Differentiate => spelt_out(&query, &key, &value)?,
            _ => Tensor::f_scaled_dot_product_attention(
                &query,
                &key,
                &value,
                None::<Tensor>,
                0.0,
                true,
                None,
                false,
            )?,
        }; // (B, heads, T, D / heads)
        mixed.f_transpose(1, 2)?.f_reshape([batch, context, width])
    }
}

/// Causal attention softmax(Q Kᵀ/√d) V by plain operations: the fused one cannot be differentiated twice. All `(B, heads, T, d)`.
fn spelt_out(query: &Tensor, key: &Tensor, value: &Tensor) -> Result<Tensor, TchError> {
    let &[.., context, width] = &query.size()[..] else { return Err(missing()) };
    let scores = query.f_matmul(&key.f_transpose(-2, -1)?)?; // (B, heads, T, T)
    let scores = scores.f_div_scalar((width as f64).sqrt())?;
    let later = Tensor::f_ones([context, context], (Kind::Bool, query.device()))?.f_triu(1)?; // (T, T)
    let weights = scores.f_masked_fill(&later, f64::NEG_INFINITY)?.f_softmax(-1, Kind::Float)?;
    weights.f_matmul(value) // (B, heads, T, d)
}

fn activate(activation: Activation, x: &Tensor) -> Result<Tensor, TchError> {
    match activation {
        Activation::Relu => x.f_relu(),
        Activation::Gelu => x.f_gelu("none"),
        Activation::Tanh => x.f_tanh(),
        Activation::Sigmoid => x.f_sigmoid(),
        Activation::Identity => Ok(x.shallow_clone()),
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
