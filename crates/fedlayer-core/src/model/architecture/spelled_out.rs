//! Networks that a scenario spells out, layer by layer.

use super::{
    Architecture, ArchitectureError, PoolKind,
    builder::{Builder, ConvShape},
    zoo::one_label,
};
use crate::{
    data::DataFacts,
    spec::{Activation, Block, ConvSpec, LayerSpec, LinearSpec, NormSpec, PoolSpec},
};

pub(super) fn layers(
    layers: &[LayerSpec],
    data: &DataFacts,
) -> Result<Architecture, ArchitectureError> {
    one_label("layers", data)?;
    let mut net = Builder::new(&data.shape);
    let mut counts = LayerCounts::default();
    for layer in layers {
        put(&mut net, &mut counts, layer)?;
    }
    net.finish("layers", data.classes)
}

/// The number of layers so far, by kind.
#[derive(Debug, Default)]
struct LayerCounts {
    conv: usize,
    linear: usize,
    norm: usize,
    residual: usize,
}

/// Returns the given name, or the kind with the next number.
fn named(given: Option<&String>, kind: &str, count: &mut usize) -> String {
    *count += 1;
    given.cloned().unwrap_or_else(|| format!("{kind}{count}"))
}

fn put(
    net: &mut Builder,
    counts: &mut LayerCounts,
    layer: &LayerSpec,
) -> Result<(), ArchitectureError> {
    match layer {
        LayerSpec::Relu => net.activation(Activation::Relu),
        LayerSpec::Gelu => net.activation(Activation::Gelu),
        LayerSpec::Tanh => net.activation(Activation::Tanh),
        LayerSpec::Sigmoid => net.activation(Activation::Sigmoid),
        LayerSpec::Flatten => net.flatten(),
        LayerSpec::GlobalPool => net.pool(PoolKind::Adaptive, 1, 1)?,
        LayerSpec::Dropout(share) => net.dropout(*share),
        LayerSpec::MaxPool(pool) => put_pool(net, PoolKind::Max, pool)?,
        LayerSpec::AvgPool(pool) => put_pool(net, PoolKind::Mean, pool)?,
        LayerSpec::Conv(conv) => {
            let ConvSpec { out_channels, kernel, stride, padding, bias, name } = conv;
            let (stride, padding, bias) = (*stride as usize, *padding as usize, *bias);
            let name = named(name.as_ref(), "conv", &mut counts.conv);
            let shape = ConvShape { stride, padding, bias, ..ConvShape::of(*kernel as usize) };
            net.conv(name, *out_channels as usize, shape)?
        }
        LayerSpec::Linear(LinearSpec { out_features, bias, name }) => {
            let name = named(name.as_ref(), "fc", &mut counts.linear);
            net.linear(name, *out_features as usize, *bias)?
        }
        LayerSpec::Norm(NormSpec { kind, groups, name }) => {
            let name = named(name.as_ref(), "norm", &mut counts.norm);
            net.norm(name, *kind, groups.unwrap_or(1) as usize)?
        }
        LayerSpec::Residual(blocks) => return put_residual(net, counts, blocks),
    };
    Ok(())
}

fn put_residual(
    net: &mut Builder,
    counts: &mut LayerCounts,
    blocks: &[Block],
) -> Result<(), ArchitectureError> {
    let name = named(None, "shortcut", &mut counts.residual);
    let body =
        |net: &mut Builder| blocks.iter().try_for_each(|block| put(net, counts, &block.into()));
    net.residual(body, |net, shape| put_shortcut(net, name, shape))?;
    Ok(())
}

/// Adds a 1×1 convolution to the shortcut if the body changes the shape of an image.
fn put_shortcut(net: &mut Builder, name: String, shape: &[usize]) -> Result<(), ArchitectureError> {
    if let ([_, height, _], [channels, out, _]) = (&net.shape[..], shape)
        && net.shape != shape
    {
        let (channels, stride) = (*channels, height.div_ceil((*out).max(1)));
        net.conv(name, channels, ConvShape { stride, bias: false, ..ConvShape::of(1) })?;
    }
    Ok(())
}

fn put_pool<'a>(
    net: &'a mut Builder,
    kind: PoolKind,
    pool: &PoolSpec,
) -> Result<&'a mut Builder, ArchitectureError> {
    let kernel = pool.kernel as usize;
    net.pool(kind, kernel, pool.stride.map_or(kernel, |stride| stride as usize))
}
