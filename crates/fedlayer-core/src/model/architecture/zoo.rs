//! The networks that have a name.

use super::{
    Architecture, ArchitectureError, Init, Op, PoolKind,
    builder::{Builder, ConvShape},
};
use crate::{
    data::DataFacts,
    spec::{Activation, ModelSpec, Residual, Vgg},
};

/// Fully connected layers `fc1`, `fc2`, …, `out`.
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

/// The numbers in the names are the places in torchvision's lists, activations and pools counted.
pub(super) fn vgg_11(vgg: &Vgg, data: &DataFacts) -> Result<Architecture, ArchitectureError> {
    let mut net = images("vgg-11", data)?;
    let mut place = 0;
    for stage in [&[64][..], &[128], &[256, 256], &[512, 512], &[512, 512]] {
        for &channels in stage {
            // The plain product of eleven layers would vanish: He et al. 2015, as torchvision has it.
            let deviation = (2.0 / (9 * channels) as f64).sqrt();
            let square = ConvShape { init: Init::Normal(deviation), ..ConvShape::same(3) };
            net.conv(format!("features.{place}"), channels, square)?;
            net.activation(Activation::Relu);
            place += 2;
        }
        net.pool(PoolKind::Max, 2, 2)?;
        place += 1;
    }
    net.pool(PoolKind::Adaptive, vgg.pool as usize, 1)?.flatten();
    for name in ["classifier.0", "classifier.3"] {
        net.linear(name, vgg.hidden as usize, true)?;
        net.activation(Activation::Relu).dropout(vgg.dropout);
    }
    net.linear("classifier.6", data.classes, true)?;
    net.finish("vgg-11", data.classes)
}

pub(super) fn resnet_18(
    residual: &Residual,
    data: &DataFacts,
) -> Result<Architecture, ArchitectureError> {
    let form = ResidualForm {
        name: "resnet-18",
        stages: &[64, 128, 256, 512],
        blocks: 2,
        groups: ModelSpec::RESNET_18_GROUPS,
        around: Shortcut::Convolution,
    };
    form.network(residual, data)
}

pub(super) fn resnet_20(
    residual: &Residual,
    data: &DataFacts,
) -> Result<Architecture, ArchitectureError> {
    let form = ResidualForm {
        name: "resnet-20",
        stages: &[16, 32, 64],
        blocks: 3,
        groups: ModelSpec::RESNET_20_GROUPS,
        around: Shortcut::Subsample,
    };
    form.network(residual, data)
}

/// What tells one residual network from another (He et al. 2016).
struct ResidualForm {
    name: &'static str,
    /// The channels of each stage; all but the first begin by halving the image.
    stages: &'static [usize],
    /// Blocks of two convolutions a stage.
    blocks: usize,
    /// Groups of channels where a scenario does not say it.
    groups: u32,
    around: Shortcut,
}

/// The way around a block that changes the shape.
#[derive(Clone, Copy)]
enum Shortcut {
    /// A convolution of 1×1 (option B).
    Convolution,
    /// Every other place, zeros for the new channels (option A).
    Subsample,
}

impl ResidualForm {
    /// Names are torchvision's.
    fn network(
        &self,
        residual: &Residual,
        data: &DataFacts,
    ) -> Result<Architecture, ArchitectureError> {
        let mut net = images(self.name, data)?;
        let groups = residual.groups.unwrap_or(self.groups) as usize;
        let square = |stride| ConvShape { stride, bias: false, ..ConvShape::same(3) };
        net.conv("conv1", self.stages[0], square(1))?.norm("bn1", residual.norm, groups)?;
        net.activation(Activation::Relu);
        for (stage, &channels) in self.stages.iter().enumerate() {
            for block in 0..self.blocks {
                let stride = if stage > 0 && block == 0 { 2 } else { 1 };
                let name = |part: &str| format!("layer{}.{block}.{part}", stage + 1);
                let body = |net: &mut Builder| {
                    net.conv(name("conv1"), channels, square(stride))?;
                    net.norm(name("bn1"), residual.norm, groups)?.activation(Activation::Relu);
                    net.conv(name("conv2"), channels, square(1))?;
                    net.norm(name("bn2"), residual.norm, groups)?;
                    Ok(())
                };
                let around = |net: &mut Builder, shape: &[usize]| {
                    match self.around {
                        _ if stride == 1 => {}
                        Shortcut::Convolution => {
                            let one = ConvShape { stride, bias: false, ..ConvShape::of(1) };
                            net.conv(name("downsample.0"), channels, one)?;
                            net.norm(name("downsample.1"), residual.norm, groups)?;
                        }
                        Shortcut::Subsample => {
                            net.push(Op::Subsample { stride, channels });
                            net.shape = shape.to_vec();
                        }
                    }
                    Ok(())
                };
                net.residual(body, around)?.activation(Activation::Relu);
            }
        }
        net.pool(PoolKind::Adaptive, 1, 1)?.flatten().linear("fc", data.classes, true)?;
        net.finish(self.name, data.classes)
    }
}

/// A network that begins with an image, of one label each.
fn images(model: &'static str, data: &DataFacts) -> Result<Builder, ArchitectureError> {
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
        found => Err(ArchitectureError::Targets { model, gives: "one label", found }),
    }
}
