//! [`Builder`]: appends operations to a network and tracks the shape of an example through them.

use super::{Architecture, ArchitectureError, Conv, Init, Linear, Norm, Op, Pool, PoolKind};
use crate::spec::{Activation, NormKind};

/// The operations so far, and their output shape.
#[derive(Debug, Clone)]
pub(super) struct Builder {
    pub(super) shape: Vec<usize>,
    ops: Vec<Op>,
    flops: u64,
}

/// Kernel, stride, padding, bias and initial weights of a convolution.
#[derive(Debug, Clone, Copy)]
pub(super) struct ConvShape {
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) padding: usize,
    pub(super) bias: bool,
    pub(super) init: Init,
}

impl ConvShape {
    /// Makes a convolution with stride 1, no padding, and a bias.
    pub(super) fn of(kernel: usize) -> Self {
        Self { kernel, stride: 1, padding: 0, bias: true, init: Init::Uniform }
    }

    /// Makes a convolution that keeps the size of an image; the kernel must be odd.
    pub(super) fn same(kernel: usize) -> Self {
        Self { padding: kernel / 2, ..Self::of(kernel) }
    }
}

impl Builder {
    /// Starts with an example of this shape.
    pub(super) fn new(shape: &[usize]) -> Self {
        Self { shape: shape.to_vec(), ops: Vec::new(), flops: 0 }
    }

    /// Finishes the network, if its output is `(classes)` logits.
    pub(super) fn finish(
        self,
        model: &'static str,
        classes: usize,
    ) -> Result<Architecture, ArchitectureError> {
        if self.shape != [classes] {
            let reason = format!(
                "the network must end with {classes} values, one for each class; end it with `\"flatten\"` and `{{ linear = {{ out = {classes} }} }}`"
            );
            return Err(ArchitectureError::Layer {
                layer: format!("the end of `{model}`"),
                shape: self.shape,
                reason,
            });
        }
        Ok(self.finish_unchecked())
    }

    /// Finishes the network without checking its output.
    pub(super) fn finish_unchecked(self) -> Architecture {
        Architecture { ops: self.ops, flops: self.flops }
    }

    fn misfit(&self, layer: impl Into<String>, reason: impl Into<String>) -> ArchitectureError {
        ArchitectureError::Layer {
            layer: layer.into(),
            shape: self.shape.clone(),
            reason: reason.into(),
        }
    }

    /// Returns channels, height and width of the output so far.
    fn image(&self, layer: &str) -> Result<(usize, usize, usize), ArchitectureError> {
        match self.shape[..] {
            [channels, height, width] => Ok((channels, height, width)),
            _ => Err(self.misfit(format!("`{layer}`"), "it needs `[channels, height, width]`")),
        }
    }

    pub(super) fn conv(
        &mut self,
        name: impl Into<String>,
        out_channels: usize,
        conv: ConvShape,
    ) -> Result<&mut Self, ArchitectureError> {
        let name = name.into();
        let (in_channels, height, width) = self.image(&name)?;
        let ConvShape { kernel, stride, padding, bias, init } = conv;
        let (height, width) = (height + 2 * padding, width + 2 * padding);
        if kernel > height || kernel > width {
            let reason = format!("its kernel of {kernel} is larger than the padded image");
            return Err(self.misfit(format!("`{name}`"), reason));
        }
        let side = |length: usize| (length - kernel) / stride + 1;
        self.shape = vec![out_channels, side(height), side(width)];
        let per_value = 2 * in_channels * kernel * kernel;
        self.flops += per_value as u64 * self.shape.iter().product::<usize>() as u64;
        self.ops.push(Op::Conv(Conv {
            name,
            in_channels,
            out_channels,
            kernel,
            stride,
            padding,
            bias,
            init,
        }));
        Ok(self)
    }

    pub(super) fn linear(
        &mut self,
        name: impl Into<String>,
        out_features: usize,
        bias: bool,
    ) -> Result<&mut Self, ArchitectureError> {
        let name = name.into();
        if self.shape.len() > 1 {
            return Err(self.misfit(format!("`{name}`"), "put `\"flatten\"` in front of it"));
        }
        let linear = self.dense(name, out_features, bias, Init::Uniform);
        Ok(self.push(Op::Linear(linear)))
    }

    /// Makes a fully connected layer over the last axis, and updates shape and cost. The caller
    /// appends it.
    pub(super) fn dense(
        &mut self,
        name: impl Into<String>,
        out_features: usize,
        bias: bool,
        init: Init,
    ) -> Linear {
        let rows: usize = self.shape.iter().rev().skip(1).product();
        let in_features = self.shape.last().copied().unwrap_or(1);
        if let Some(last) = self.shape.last_mut() {
            *last = out_features;
        }
        self.flops += 2 * (rows * in_features) as u64 * out_features as u64;
        Linear { name: name.into(), in_features, out_features, bias, init }
    }

    /// Appends an operation; shape and cost are not updated.
    pub(super) fn push(&mut self, op: Op) -> &mut Self {
        self.ops.push(op);
        self
    }

    pub(super) fn count(&mut self, flops: u64) {
        self.flops += flops;
    }

    pub(super) fn activation(&mut self, activation: Activation) -> &mut Self {
        match activation {
            Activation::Identity => self,
            activation => self.push(Op::Activation(activation)),
        }
    }

    pub(super) fn dropout(&mut self, share: f64) -> &mut Self {
        if share > 0.0 { self.push(Op::Dropout(share)) } else { self }
    }

    pub(super) fn flatten(&mut self) -> &mut Self {
        self.shape = vec![self.shape.iter().product()];
        self.push(Op::Flatten)
    }

    pub(super) fn norm(
        &mut self,
        name: impl Into<String>,
        kind: NormKind,
        groups: usize,
    ) -> Result<&mut Self, ArchitectureError> {
        let name = name.into();
        let channels = self.shape.first().copied().unwrap_or(1);
        Ok(match kind {
            NormKind::None => self,
            NormKind::Batch => {
                let positions = self.shape.iter().skip(1).product();
                self.push(Op::Norm(Norm::Batch { name, channels, positions }))
            }
            NormKind::Group if channels.is_multiple_of(groups) => {
                self.push(Op::Norm(Norm::Group { name, channels, groups }))
            }
            NormKind::Group => {
                let what = "the number of channels";
                return Err(ArchitectureError::Divide {
                    divisor: "groups",
                    by: groups,
                    what,
                    value: channels,
                });
            }
        })
    }

    pub(super) fn pool(
        &mut self,
        kind: PoolKind,
        kernel: usize,
        stride: usize,
    ) -> Result<&mut Self, ArchitectureError> {
        let (channels, height, width) = self.image("pool")?;
        self.shape = match kind {
            PoolKind::Adaptive => vec![channels, kernel, kernel],
            _ if kernel > height || kernel > width => {
                let reason = format!("its window of {kernel} is larger than the image");
                return Err(self.misfit("`pool`", reason));
            }
            _ => vec![channels, (height - kernel) / stride + 1, (width - kernel) / stride + 1],
        };
        Ok(self.push(Op::Pool(Pool { kind, kernel, stride })))
    }

    /// Appends x → body(x) + shortcut(x). Both parts start from the shape so far, and must have the
    /// same output shape.
    pub(super) fn residual(
        &mut self,
        body: impl FnOnce(&mut Self) -> Result<(), ArchitectureError>,
        shortcut: impl FnOnce(&mut Self, &[usize]) -> Result<(), ArchitectureError>,
    ) -> Result<&mut Self, ArchitectureError> {
        let mut inner = Self::new(&self.shape);
        body(&mut inner)?;
        let mut other = Self::new(&self.shape);
        shortcut(&mut other, &inner.shape)?;
        if inner.shape != other.shape {
            let reason = format!("the output of its layers has shape {:?}", inner.shape);
            return Err(self.misfit("`residual`", reason));
        }
        self.shape = inner.shape;
        self.flops += inner.flops + other.flops;
        Ok(self.push(Op::Residual { body: inner.ops, shortcut: other.ops }))
    }
}
