//! A network that a scenario spells out.

use super::{
    Architecture, ArchitectureError, PoolKind,
    build::{Builder, Square},
    zoo::one_label,
};
use crate::{
    DataFacts,
    spec::{Activation, ConvSpec, LayerSpec, LinearSpec, NormSpec, PoolSpec},
};

pub(super) fn layers(
    layers: &[LayerSpec],
    data: &DataFacts,
) -> Result<Architecture, ArchitectureError> {
    one_label("layers", data)?;
    let mut net = Builder::new(&data.shape);
    let mut names = Names::default();
    for layer in layers {
        put(&mut net, &mut names, layer)?;
    }
    net.finish("layers", data.classes)
}

/// How many layers of each kind there are so far.
#[derive(Debug, Default)]
struct Names {
    conv: usize,
    linear: usize,
    norm: usize,
    residual: usize,
}

/// The name that was given, or the kind's own with the next number.
fn named(given: Option<&String>, kind: &str, count: &mut usize) -> String {
    *count += 1;
    given.cloned().unwrap_or_else(|| format!("{kind}{count}"))
}

fn put(net: &mut Builder, names: &mut Names, layer: &LayerSpec) -> Result<(), ArchitectureError> {
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
            let name = named(name.as_ref(), "conv", &mut names.conv);
            let square = Square { stride, padding, bias, ..Square::of(*kernel as usize) };
            net.conv(name, *out_channels as usize, square)?
        }
        LayerSpec::Linear(LinearSpec { out_features, bias, name }) => {
            let name = named(name.as_ref(), "fc", &mut names.linear);
            net.linear(name, *out_features as usize, *bias)?
        }
        LayerSpec::Norm(NormSpec { kind, groups, name }) => {
            let name = named(name.as_ref(), "norm", &mut names.norm);
            net.norm(name, *kind, groups.unwrap_or(1) as usize)?
        }
        LayerSpec::Residual(blocks) => {
            let shortcut_name = named(None, "shortcut", &mut names.residual);
            let body = |net: &mut Builder| {
                blocks.iter().try_for_each(|block| put(net, names, &block.into()))
            };
            let shortcut = |net: &mut Builder, shape: &[usize]| {
                if let ([_, height, _], [channels, out, _]) = (&net.shape[..], shape)
                    && net.shape != shape
                {
                    let (channels, stride) = (*channels, height.div_ceil((*out).max(1)));
                    net.conv(
                        shortcut_name,
                        channels,
                        Square { stride, bias: false, ..Square::of(1) },
                    )?;
                }
                Ok(())
            };
            net.residual(body, shortcut)?
        }
    };
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
