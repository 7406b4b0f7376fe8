//! [`Interpreter`]: runs the instructions of a program on libtorch.

use fedlayer_core::{
    model::architecture::{Conv, Linear, Norm, Pool, PoolKind},
    spec::Activation,
};
use tch::{Kind, TchError, Tensor};

use crate::{
    TorchError,
    network::{activations::Activations, mode::Mode},
};

use super::{
    attention::{heads, mixed, side_by_side},
    program::Instruction,
};

/// The value that is added to variances, as in PyTorch's normalisations.
const EPSILON: f64 = 1e-5;

/// The share of a batch in the running statistics, as in PyTorch's batch normalisation.
const MOMENTUM: f64 = 0.1;

/// Runs instructions. They take their parameters in order.
pub(super) struct Interpreter<'a, 'm> {
    parameters: std::slice::Iter<'a, Tensor>,
    mode: &'a mut Mode<'m>,
}

impl<'a, 'm> Interpreter<'a, 'm> {
    /// An interpreter for instructions with these parameters.
    pub(super) fn new(parameters: &'a [Tensor], mode: &'a mut Mode<'m>) -> Self {
        Self { parameters: parameters.iter(), mode }
    }

    /// Runs the instructions in order.
    pub(super) fn run(
        &mut self,
        instructions: &[Instruction],
        mut activations: Activations,
    ) -> Result<Activations, TchError> {
        for instruction in instructions {
            self.step(instruction, &mut activations)?;
        }
        Ok(activations)
    }

    fn step(
        &mut self,
        instruction: &Instruction,
        activations: &mut Activations,
    ) -> Result<(), TchError> {
        let Activations { x, saved, embedding } = activations;
        *x = match instruction {
            Instruction::Conv(conv) => self.conv(conv, x)?,
            Instruction::Linear(linear) => self.linear(linear, x)?,
            Instruction::Norm(norm) => self.norm(norm, x)?,
            Instruction::Activation(activation) => activate(*activation, x)?,
            Instruction::Pool(pool) => pooled(pool, x)?,
            Instruction::Dropout(probability) => match &mut *self.mode {
                Mode::Train { dropout, .. } => dropout.drop(*probability, x)?,
                Mode::Evaluate | Mode::Differentiate | Mode::Recalibrate(_) => return Ok(()),
            },
            // In the order channel, row, column, as PyTorch flattens, in any memory format.
            Instruction::Flatten => x.f_flatten(1, -1)?,
            Instruction::Subsample { stride, channels } => {
                subsampled(*stride as i64, *channels as i64, x)?
            }
            Instruction::SaveInput => {
                saved.push(x.shallow_clone());
                return Ok(());
            }
            Instruction::SwapBranches => {
                std::mem::swap(x, saved.last_mut().ok_or_else(missing)?);
                return Ok(());
            }
            Instruction::AddBranches => x.f_add(&saved.pop().ok_or_else(missing)?)?,
            Instruction::TokenEmbedding => {
                let table = self.next()?; // (V, D)
                *embedding = Some(table.shallow_clone());
                Tensor::f_embedding(table, &x.f_to_kind(Kind::Int64)?, -1, false, false)? // (B, T, D)
            }
            Instruction::PositionEmbedding => x.f_add(self.next()?)?, // (B, T, D)
            Instruction::Attention { qkv, heads } => self.attention(qkv, *heads, x)?,
            Instruction::TiedHead => {
                self.product(x, embedding.as_ref().ok_or_else(missing)?, None)?
            }
        };
        Ok(())
    }

    fn next(&mut self) -> Result<&'a Tensor, TchError> {
        self.parameters.next().ok_or_else(missing)
    }

    fn bias(&mut self, has_bias: bool) -> Result<Option<&'a Tensor>, TchError> {
        has_bias.then(|| self.next()).transpose()
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

    /// Returns x Wᵀ + b, computed in the mode's number type.
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

    /// Normalises `x`, never in bf16.
    fn norm(&mut self, norm: &Norm, x: &Tensor) -> Result<Tensor, TchError> {
        let (weight, bias) = (self.next()?, self.next()?);
        let x = x.f_to_kind(self.mode.full_kind())?;
        match norm {
            Norm::Layer { width, .. } => {
                x.f_layer_norm([*width as i64], Some(weight), Some(bias), EPSILON, false)
            }
            Norm::Group { groups, .. } => {
                x.f_group_norm(*groups as i64, Some(weight), Some(bias), EPSILON, false)
            }
            Norm::Batch { name, channels, .. } => {
                self.batch_norm(name, *channels, [weight, bias], &x)
            }
        }
    }

    fn batch_norm(
        &mut self,
        name: &str,
        channels: usize,
        [weight, bias]: [&Tensor; 2],
        x: &Tensor,
    ) -> Result<Tensor, TchError> {
        let (mean, variance, batches) = (self.next()?, self.next()?, self.next()?);
        // The share of this batch in the running statistics; `None` if they are only read.
        let momentum = match self.mode {
            Mode::Train { .. } => Some(MOMENTUM),
            Mode::Recalibrate(share) => Some(*share),
            Mode::Evaluate | Mode::Differentiate => None,
        };
        if momentum.is_some() {
            if x.numel() == channels {
                let error = TorchError::OneValue { norm: name.to_owned() };
                return Err(TchError::Shape(error.to_string()));
            }
            let _ = batches.shallow_clone().f_add_scalar_(1.0)?;
        }
        x.f_batch_norm(
            Some(weight),
            Some(bias),
            Some(mean),
            Some(variance),
            momentum.is_some(),
            momentum.unwrap_or(0.0),
            EPSILON,
            false,
        )
    }

    /// Returns the outputs of the heads, side by side. `(B, T, D)`
    fn attention(&mut self, qkv: &Linear, number: usize, x: &Tensor) -> Result<Tensor, TchError> {
        let projected = self.linear(qkv, x)?; // (B, T, 3 D)
        let [query, key, value] = heads(&projected, number)?; // each (B, heads, T, D / heads)
        let fused = !matches!(self.mode, Mode::Differentiate);
        side_by_side(&mixed(&query, &key, &value, fused)?)
    }
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
    let (kernel, stride) = ([pool.kernel as i64; 2], [pool.stride as i64; 2]);
    match pool.kind {
        PoolKind::Max => x.f_max_pool2d(kernel, stride, [0, 0], [1, 1], false),
        PoolKind::Mean => x.f_avg_pool2d(kernel, stride, [0, 0], false, true, None),
        PoolKind::Adaptive => x.f_adaptive_avg_pool2d(kernel),
    }
}

/// Takes every `stride`-th pixel, and adds channels of zeros up to `channels`, half of them in
/// front.
fn subsampled(stride: i64, channels: i64, x: &Tensor) -> Result<Tensor, TchError> {
    let missing = channels - x.size()[1];
    let pixels = x.f_slice(2, None, None, stride)?.f_slice(3, None, None, stride)?;
    pixels.f_constant_pad_nd([0, 0, 0, 0, missing / 2, missing - missing / 2])
}

/// An internal error: the layout was checked against the operations, so each finds its tensors.
fn missing() -> TchError {
    TchError::Kind("an operation of the network lacks its tensors".to_owned())
}
