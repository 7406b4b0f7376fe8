//! [`Dropout`]: dropout masks from the job's own generator.
//!
//! libtorch has one generator for all threads: workers would disturb one another.

use fedlayer_core::{Generator, Seed};
use rand::Rng;
use tch::{Device, TchError, Tensor};

/// Draws the masks of one training step, one after the other.
#[derive(Debug)]
pub(crate) struct Dropout {
    generator: Generator,
    device: Device,
}

impl Dropout {
    /// Creates the generator of the masks of one step.
    pub(crate) fn new(seed: Seed, device: Device) -> Self {
        Self { generator: seed.generator(), device }
    }

    /// Sets each value of `x` to 0 with probability p, and scales the others by 1/(1 − p), as
    /// `torch.nn.Dropout` does.
    ///
    /// Each value takes 16 random bits: p is rounded to a multiple of 1/65,536.
    pub(crate) fn drop(&mut self, p: f64, x: &Tensor) -> Result<Tensor, TchError> {
        let scale = (1.0 / (1.0 - p)) as f32;
        let limit = (p * 65_536.0).round() as u32;
        let mut bytes = vec![0; 2 * x.numel()];
        self.generator.fill_bytes(&mut bytes);
        let (pairs, _) = bytes.as_chunks::<2>();
        let is_kept = |pair: &[u8; 2]| u32::from(u16::from_le_bytes(*pair)) >= limit;
        let mask: Vec<f32> =
            pairs.iter().map(|pair| if is_kept(pair) { scale } else { 0.0 }).collect();
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
            let dropped = Dropout::new(Seed::new(seed), Device::Cpu).drop(share, &ones()).unwrap();
            Vec::<f32>::try_from(dropped.view(-1)).unwrap()
        };
        for share in [0.1, 0.25, 0.5] {
            let values = masked(1, share);
            let dropped = values.iter().filter(|&&value| value == 0.0).count() as f64 / 1e5;
            // Five standard deviations of the share in 100,000 draws.
            assert!((dropped - share).abs() < 5.0 * (share * (1.0 - share) / 1e5).sqrt());
            let scaled = (1.0 / (1.0 - share)) as f32;
            assert!(values.iter().all(|&value| value == 0.0 || value == scaled));
        }
        assert_eq!(masked(1, 0.5), masked(1, 0.5));
        assert_ne!(masked(1, 0.5), masked(2, 0.5));
    }
}
