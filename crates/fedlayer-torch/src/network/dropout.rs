//! [`Dropout`]: which values are dropped, drawn by the job's own generator and not by libtorch's, so that workers cannot disturb one another.

use fedlayer_core::{Generator, Seed};
use rand::Rng;
use tch::{Device, TchError, Tensor};

/// Draws masks, one after the other.
#[derive(Debug)]
pub(crate) struct Dropout {
    generator: Generator,
    device: Device,
}

impl Dropout {
    /// The masks of one step.
    pub(crate) fn new(seed: Seed, device: Device) -> Self {
        Self { generator: seed.generator(), device }
    }

    /// `x` with every value dropped with probability `share`, the others scaled by 1/(1 − share), as `torch.nn.Dropout` does.
    ///
    /// A value draws 16 bits, so that the probability is met to 1/65,536.
    pub(crate) fn drop(&mut self, share: f64, x: Tensor) -> Result<Tensor, TchError> {
        let kept = (1.0 / (1.0 - share)) as f32;
        let limit = (share * 65_536.0).round() as u32;
        let mut bytes = vec![0; 2 * x.numel()];
        self.generator.fill_bytes(&mut bytes);
        let (pairs, _) = bytes.as_chunks::<2>();
        let stays = |pair: &[u8; 2]| u32::from(u16::from_le_bytes(*pair)) >= limit;
        let mask: Vec<f32> =
            pairs.iter().map(|pair| if stays(pair) { kept } else { 0.0 }).collect();
        let mask = Tensor::f_from_slice(&mask)?.f_view(x.size().as_slice())?;
        x.f_mul(&mask.f_to_device(self.device)?.f_to_kind(x.kind())?)
    }
}

#[cfg(test)]
mod tests {
    use tch::Kind;

    use super::*;

    #[test]
    fn a_mask_drops_its_share_and_keeps_the_mean() {
        let ones = || Tensor::ones([200, 500], (Kind::Float, Device::Cpu));
        let masked = |seed, share| {
            let dropped = Dropout::new(Seed::new(seed), Device::Cpu).drop(share, ones()).unwrap();
            Vec::<f32>::try_from(dropped.view(-1)).unwrap()
        };
        for share in [0.1, 0.25, 0.5] {
            let values = masked(1, share);
            let dropped = values.iter().filter(|&&value| value == 0.0).count() as f64 / 1e5;
            // Five standard deviations of a share of 100,000 draws.
            assert!((dropped - share).abs() < 5.0 * (share * (1.0 - share) / 1e5).sqrt());
            let scaled = (1.0 / (1.0 - share)) as f32;
            assert!(values.iter().all(|&value| value == 0.0 || value == scaled));
        }
        assert_eq!(masked(1, 0.5), masked(1, 0.5));
        assert_ne!(masked(1, 0.5), masked(2, 0.5));
    }
}
