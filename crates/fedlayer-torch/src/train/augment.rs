//! [`augmented`]: batches of randomly cropped and mirrored images, put together on the host.

use fedlayer_core::{Generator, data::Examples, spec::Augment};
use rand::RngExt;
use tch::{Device, TchError};

use crate::examples::Batch;

/// Copies the examples at these indices to a device. Images are augmented as `augment` says, with
/// random numbers from `generator`.
pub(super) fn augmented(
    examples: &Examples,
    rows: &[u32],
    augment: Augment,
    generator: &mut Generator,
    device: Device,
) -> Result<Batch, TchError> {
    let rows = rows.iter().map(|&row| row as usize);
    let (&[_, height, width], true) = (&examples.shape[..], augment != Augment::default()) else {
        return Batch::new(examples, rows, device);
    };
    let mut values = Vec::with_capacity(rows.len() * examples.features());
    let mut labels = Vec::with_capacity(rows.len());
    let mut image = Vec::with_capacity(examples.features());
    for row in rows {
        image.clear();
        examples.read(row, &mut image);
        let view = ImageView::draw(augment, generator);
        for channel in image.chunks_exact(height * width) {
            view.append(channel, width, &mut values);
        }
        labels.extend(examples.labels_of(row).iter().copied().map(i64::from));
    }
    Batch::of_values(examples, &values, &labels, device)
}

/// A random view of an image: the image is shifted, and perhaps mirrored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ImageView {
    /// The shift in pixels.
    down: i64,
    right: i64,
    mirrored: bool,
}

impl ImageView {
    /// Draws a crop of the image's size from the image with a border of `crop` zeros, and mirrors
    /// it with probability ½.
    fn draw(augment: Augment, generator: &mut Generator) -> Self {
        let crop = i64::from(augment.crop);
        let mut offset = || if crop > 0 { generator.random_range(-crop..=crop) } else { 0 };
        let (down, right) = (offset(), offset());
        Self { down, right, mirrored: augment.flip && generator.random() }
    }

    /// Appends the view of one channel, row-major in rows of `width`.
    fn append(self, channel: &[f32], width: usize, values: &mut Vec<f32>) {
        let height = channel.len() / width;
        for row in 0..height as i64 {
            let start = values.len();
            values.resize(start + width, 0.0);
            let source = row + self.down;
            if (0..height as i64).contains(&source) {
                let pixels = &channel[source as usize * width..][..width];
                // The columns of the result that come from inside the image.
                let first = (-self.right).clamp(0, width as i64) as usize;
                let last = (width as i64 - self.right).clamp(0, width as i64) as usize;
                if first < last {
                    let from = (first as i64 + self.right) as usize;
                    let pixels = &pixels[from..from + last - first];
                    values[start + first..start + last].copy_from_slice(pixels);
                }
            }
            if self.mirrored {
                values[start..].reverse();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use fedlayer_core::{
        Seed,
        data::{Affine, ExampleValues},
    };

    use super::*;

    fn view_of(view: ImageView) -> Vec<f32> {
        let plane = [1., 2., 3., 4., 5., 6.];
        let mut values = Vec::new();
        view.append(&plane, 3, &mut values);
        values
    }

    #[test]
    fn a_view_is_a_crop_of_the_padded_image() {
        let view = |down, right, mirrored| ImageView { down, right, mirrored };
        assert_eq!(view_of(view(0, 0, false)), [1., 2., 3., 4., 5., 6.]);
        assert_eq!(view_of(view(1, 0, false)), [4., 5., 6., 0., 0., 0.]);
        assert_eq!(view_of(view(0, 1, false)), [2., 3., 0., 5., 6., 0.]);
        assert_eq!(view_of(view(-1, -2, false)), [0., 0., 0., 0., 0., 1.]);
        assert_eq!(view_of(view(0, 1, true)), [0., 3., 2., 0., 6., 5.]);
        assert_eq!(view_of(view(2, 3, false)), [0.; 6]);
    }

    /// torchvision's `RandomCrop` in front of `Normalize` has a black border instead: −mean / std.
    #[test]
    fn the_border_of_a_crop_is_the_zero_that_the_model_sees() {
        let white = Affine { factor: 1.0 / 255.0, offset: -0.5 };
        let examples = Examples {
            shape: vec![1, 2, 2],
            values: ExampleValues::Bytes { bytes: vec![255; 4], channels: vec![white] },
            ..Examples::new(vec![1], 2, vec![0.0], vec![1])
        };
        let augment = Augment { crop: 2, flip: false };
        let mut generator = Seed::new(3).generator();
        let rows = [0; 64];
        let batch = augmented(&examples, &rows, augment, &mut generator, Device::Cpu);
        let seen = Vec::<f32>::try_from(batch.unwrap().inputs.flatten(0, -1)).unwrap();
        let inside = white.of(255);
        assert!(seen.contains(&0.0) && seen.contains(&inside));
        assert!(seen.iter().all(|&value| value == 0.0 || value == inside), "{seen:?}");
    }

    #[test]
    fn every_shift_and_both_sides_are_drawn_only_where_the_plan_asks_for_it() {
        let mut generator = Seed::new(1).generator();
        let drawn = |augment, generator: &mut Generator| {
            (0..2000).map(|_| ImageView::draw(augment, generator)).collect::<Vec<_>>()
        };
        let views = drawn(Augment { crop: 2, flip: true }, &mut generator);
        for down in -2..=2 {
            for right in -2..=2 {
                for mirrored in [false, true] {
                    assert!(views.contains(&ImageView { down, right, mirrored }));
                }
            }
        }
        let still = ImageView { down: 0, right: 0, mirrored: false };
        assert!(drawn(Augment::default(), &mut generator).iter().all(|view| *view == still));
    }
}
