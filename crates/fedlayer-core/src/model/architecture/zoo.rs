//! Networks with a name.

use super::{
    Architecture, ArchitectureError, Init, PoolKind,
    builder::{Builder, ConvShape},
};
use crate::{
    data::DataFacts,
    spec::{Activation, ModelSpec, Vgg},
};

/// Builds a fully connected network with the layers `fc1`, `fc2`, …, `out`.
pub(super) fn dense(
    model: &ModelSpec,
    data: &DataFacts,
) -> Result<Architecture, ArchitectureError> {
    one_label("mlp", data)?;
    let mut net = Builder::new(&data.shape);
    if data.shape.len() > 1 {
        net.flatten();
    }
    for (index, &width) in model.hidden().iter().enumerate() {
        net.linear(format!("fc{}", index + 1), width as usize, true)?;
        net.activation(model.activation());
    }
    net.linear("out", data.classes, true)?;
    net.finish("mlp", data.classes)
}

pub(super) fn lenet_5(data: &DataFacts) -> Result<Architecture, ArchitectureError> {
    let mut net = images("lenet-5", data)?;
    let first = if data.shape[1] == 28 { ConvShape::same(5) } else { ConvShape::of(5) };
    net.conv("conv1", 6, first)?.activation(Activation::Relu).pool(PoolKind::Max, 2, 2)?;
    net.conv("conv2", 16, ConvShape::of(5))?.activation(Activation::Relu).pool(
        PoolKind::Max,
        2,
        2,
    )?;
    net.flatten().linear("fc1", 120, true)?.activation(Activation::Relu);
    net.linear("fc2", 84, true)?.activation(Activation::Relu);
    net.linear("fc3", data.classes, true)?;
    net.finish("lenet-5", data.classes)
}

pub(super) fn mcmahan_cnn(data: &DataFacts) -> Result<Architecture, ArchitectureError> {
    let mut net = images("mcmahan-cnn", data)?;
    for (name, channels) in [("conv1", 32), ("conv2", 64)] {
        net.conv(name, channels, ConvShape::same(5))?.activation(Activation::Relu);
        net.pool(PoolKind::Max, 2, 2)?;
    }
    net.flatten().linear("fc1", 512, true)?.activation(Activation::Relu);
    net.linear("fc2", data.classes, true)?;
    net.finish("mcmahan-cnn", data.classes)
}

pub(super) fn pfl_cnn(data: &DataFacts) -> Result<Architecture, ArchitectureError> {
    let mut net = images("pfl-cnn", data)?;
    for (name, channels) in [("conv1", 32), ("conv2", 64)] {
        net.conv(name, channels, ConvShape::of(3))?.activation(Activation::Relu);
    }
    net.pool(PoolKind::Max, 2, 2)?.dropout(0.25).flatten();
    net.linear("fc1", 128, true)?.activation(Activation::Relu).dropout(0.5);
    net.linear("fc2", data.classes, true)?;
    net.finish("pfl-cnn", data.classes)
}

/// Builds VGG-11. The numbers in its names are indices of torchvision's lists, which also count
/// activations and pools.
pub(super) fn vgg_11(vgg: &Vgg, data: &DataFacts) -> Result<Architecture, ArchitectureError> {
    let mut net = images("vgg-11", data)?;
    let mut index = 0;
    for stage in [&[64][..], &[128], &[256, 256], &[512, 512], &[512, 512]] {
        for &channels in stage {
            // He's initialisation (He et al. 2015), as in torchvision: with smaller weights, the
            // product of eleven layers would vanish.
            let deviation = (2.0 / (9 * channels) as f64).sqrt();
            let conv = ConvShape { init: Init::Normal(deviation), ..ConvShape::same(3) };
            net.conv(format!("features.{index}"), channels, conv)?;
            net.activation(Activation::Relu);
            index += 2;
        }
        net.pool(PoolKind::Max, 2, 2)?;
        index += 1;
    }
    net.pool(PoolKind::Adaptive, vgg.pool as usize, 1)?.flatten();
    for name in ["classifier.0", "classifier.3"] {
        net.linear(name, vgg.hidden as usize, true)?;
        net.activation(Activation::Relu).dropout(vgg.dropout);
    }
    net.linear("classifier.6", data.classes, true)?;
    net.finish("vgg-11", data.classes)
}

/// Starts a network on images with one label each.
pub(super) fn images(model: &'static str, data: &DataFacts) -> Result<Builder, ArchitectureError> {
    let takes = "images of shape `[channels, height, width]`";
    if data.shape.len() != 3 {
        return Err(ArchitectureError::Input { model, takes, found: data.shape.clone() });
    }
    one_label(model, data)?;
    Ok(Builder::new(&data.shape))
}

/// Checks that examples have one label each.
pub(super) fn one_label(model: &'static str, data: &DataFacts) -> Result<(), ArchitectureError> {
    match data.targets {
        1 => Ok(()),
        found => {
            Err(ArchitectureError::Targets { model, predicts: "one label per example", found })
        }
    }
}
