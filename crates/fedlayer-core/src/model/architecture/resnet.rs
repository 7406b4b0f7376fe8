//! Residual networks (He et al. 2016), with the layer names of torchvision.

use super::{
    Architecture, ArchitectureError, Op, PoolKind,
    builder::{Builder, ConvShape},
    zoo::images,
};
use crate::{
    data::DataFacts,
    spec::{Activation, ModelSpec, NormKind, Residual},
};

/// ResNet-18: four stages of two blocks.
pub(super) fn resnet_18(
    residual: &Residual,
    data: &DataFacts,
) -> Result<Architecture, ArchitectureError> {
    let family = Family {
        name: "resnet-18",
        stages: &[64, 128, 256, 512],
        blocks: 2,
        groups: ModelSpec::RESNET_18_GROUPS,
        shortcut: Shortcut::Convolution,
    };
    family.network(residual, data)
}

/// ResNet-20: three stages of three blocks.
pub(super) fn resnet_20(
    residual: &Residual,
    data: &DataFacts,
) -> Result<Architecture, ArchitectureError> {
    let family = Family {
        name: "resnet-20",
        stages: &[16, 32, 64],
        blocks: 3,
        groups: ModelSpec::RESNET_20_GROUPS,
        shortcut: Shortcut::Subsample,
    };
    family.network(residual, data)
}

/// The properties in which residual networks differ.
struct Family {
    name: &'static str,
    /// The channels of each stage. Every stage but the first begins with a stride of 2.
    stages: &'static [usize],
    /// The number of blocks of a stage; a block has two convolutions.
    blocks: usize,
    /// The default number of groups of a group normalisation.
    groups: u32,
    shortcut: Shortcut,
}

/// The shortcut of a block that changes the shape.
#[derive(Clone, Copy)]
enum Shortcut {
    /// A 1×1 convolution (option B of the paper).
    Convolution,
    /// Every other position, with zeros for the new channels (option A of the paper).
    Subsample,
}

/// One block of a residual network.
#[derive(Clone, Copy)]
struct ResidualBlock {
    /// The stage, counted from 1.
    stage: usize,
    /// The block in its stage, counted from 0.
    index: usize,
    channels: usize,
    stride: usize,
    norm: NormKind,
    groups: usize,
    shortcut: Shortcut,
}

impl Family {
    fn network(
        &self,
        residual: &Residual,
        data: &DataFacts,
    ) -> Result<Architecture, ArchitectureError> {
        let mut net = images(self.name, data)?;
        let groups = residual.groups.unwrap_or(self.groups) as usize;
        net.conv("conv1", self.stages[0], three_by_three(1))?;
        net.norm("bn1", residual.norm, groups)?.activation(Activation::Relu);
        for (stage, &channels) in self.stages.iter().enumerate() {
            for index in 0..self.blocks {
                let block = ResidualBlock {
                    stage: stage + 1,
                    index,
                    channels,
                    stride: if stage > 0 && index == 0 { 2 } else { 1 },
                    norm: residual.norm,
                    groups,
                    shortcut: self.shortcut,
                };
                block.add_to(&mut net)?;
            }
        }
        net.pool(PoolKind::Adaptive, 1, 1)?.flatten().linear("fc", data.classes, true)?;
        net.finish(self.name, data.classes)
    }
}

impl ResidualBlock {
    fn add_to(self, net: &mut Builder) -> Result<(), ArchitectureError> {
        let body = |net: &mut Builder| self.add_body(net);
        let shortcut = |net: &mut Builder, shape: &[usize]| self.add_shortcut(net, shape);
        net.residual(body, shortcut)?.activation(Activation::Relu);
        Ok(())
    }

    fn add_body(self, net: &mut Builder) -> Result<(), ArchitectureError> {
        net.conv(self.layer("conv1"), self.channels, three_by_three(self.stride))?;
        net.norm(self.layer("bn1"), self.norm, self.groups)?.activation(Activation::Relu);
        net.conv(self.layer("conv2"), self.channels, three_by_three(1))?;
        net.norm(self.layer("bn2"), self.norm, self.groups)?;
        Ok(())
    }

    fn add_shortcut(self, net: &mut Builder, shape: &[usize]) -> Result<(), ArchitectureError> {
        let Self { channels, stride, .. } = self;
        match self.shortcut {
            _ if stride == 1 => {}
            Shortcut::Convolution => {
                let one = ConvShape { stride, bias: false, ..ConvShape::of(1) };
                net.conv(self.layer("downsample.0"), channels, one)?;
                net.norm(self.layer("downsample.1"), self.norm, self.groups)?;
            }
            Shortcut::Subsample => {
                net.push(Op::Subsample { stride, channels });
                net.shape = shape.to_vec();
            }
        }
        Ok(())
    }

    /// Names a layer of the block as torchvision does.
    fn layer(self, name: &str) -> String {
        format!("layer{}.{}.{name}", self.stage, self.index)
    }
}

/// A 3×3 convolution without bias.
fn three_by_three(stride: usize) -> ConvShape {
    ConvShape { stride, bias: false, ..ConvShape::same(3) }
}
