//! [`Batch`]: examples put together on the host, images cut and mirrored where the plan says so.

use fedlayer_core::{Examples, Generator, spec::Augment};
use rand::RngExt;
use tch::{Device, TchError, Tensor};

/// Some examples on a device.
#[derive(Debug)]
pub(crate) struct Batch {
    /// `(B, …shape)`
    pub(crate) inputs: Tensor,
    /// `(B·targets)`
    pub(crate) labels: Tensor,
}

impl Batch {
    /// The examples at these indices as they are.
    pub(crate) fn plain(
        examples: &Examples,
        rows: impl ExactSizeIterator<Item = usize>,
        device: Device,
    ) -> Result<Self, TchError> {
        let mut values = Vec::with_capacity(rows.len() * examples.features());
        let mut labels = Vec::with_capacity(rows.len() * examples.targets);
        for row in rows {
            examples.read(row, &mut values);
            labels.extend(examples.labels_of(row).iter().copied().map(i64::from));
        }
        Self::place(examples, &values, &labels, device)
    }

    /// The images at these indices, changed as `augment` says by what `generator` draws.
    pub(crate) fn augmented(
        examples: &Examples,
        rows: &[u32],
        augment: Augment,
        generator: &mut Generator,
        device: Device,
    ) -> Result<Self, TchError> {
        let plain = |row: &u32| *row as usize;
        let (&[_, height, width], true) = (&examples.shape[..], augment != Augment::default())
        else {
            return Self::plain(examples, rows.iter().map(plain), device);
        };
        let mut values = Vec::with_capacity(rows.len() * examples.features());
        let mut labels = Vec::with_capacity(rows.len());
        let mut image = Vec::with_capacity(examples.features());
        for row in rows.iter().map(plain) {
            image.clear();
            examples.read(row, &mut image);
            let view = View::draw(augment, generator);
            for plane in image.chunks_exact(height * width) {
                view.append(plane, width, &mut values);
            }
            labels.extend(examples.labels_of(row).iter().copied().map(i64::from));
        }
        Self::place(examples, &values, &labels, device)
    }

    fn place(
        examples: &Examples,
        values: &[f32],
        labels: &[i64],
        device: Device,
    ) -> Result<Self, TchError> {
        let shape: Vec<i64> =
            [-1].into_iter().chain(examples.shape.iter().map(|&length| length as i64)).collect();
        Ok(Self {
            inputs: Tensor::f_from_slice(values)?.f_view(shape.as_slice())?.f_to_device(device)?,
            labels: Tensor::f_from_slice(labels)?.f_to_device(device)?,
        })
    }
}

/// What is seen of an image: moved by so many pixels, and perhaps mirrored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct View {
    down: i64,
    right: i64,
    mirrored: bool,
}

impl View {
    /// A cut of the image's size out of the image with `crop` zeros around it, then a mirror in half of the cases.
    fn draw(augment: Augment, generator: &mut Generator) -> Self {
        let crop = i64::from(augment.crop);
        let mut offset = || if crop > 0 { generator.random_range(-crop..=crop) } else { 0 };
        let (down, right) = (offset(), offset());
        Self { down, right, mirrored: augment.flip && generator.random() }
    }

    /// Appends what is seen of one channel, row-major, of rows of `width`.
    fn append(self, plane: &[f32], width: usize, values: &mut Vec<f32>) {
        let height = plane.len() / width;
        for row in 0..height as i64 {
            let start = values.len();
            values.resize(start + width, 0.0);
            let source = row + self.down;
            if (0..height as i64).contains(&source) {
                let pixels = &plane[source as usize * width..][..width];
                // Columns of the result whose source column lies inside the image.
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
    use fedlayer_core::{Affine, ExampleValues, Seed};

    use super::*;

    fn seen(view: View) -> Vec<f32> {
        let plane = [1., 2., 3., 4., 5., 6.];
        let mut values = Vec::new();
        view.append(&plane, 3, &mut values);
        values
    }

    #[test]
    fn a_view_is_a_cut_out_of_the_padded_image() {
        let view = |down, right, mirrored| View { down, right, mirrored };
        assert_eq!(seen(view(0, 0, false)), [1., 2., 3., 4., 5., 6.]);
        assert_eq!(seen(view(1, 0, false)), [4., 5., 6., 0., 0., 0.]);
        assert_eq!(seen(view(0, 1, false)), [2., 3., 0., 5., 6., 0.]);
        assert_eq!(seen(view(-1, -2, false)), [0., 0., 0., 0., 0., 1.]);
        assert_eq!(seen(view(0, 1, true)), [0., 3., 2., 0., 6., 5.]);
        assert_eq!(seen(view(2, 3, false)), [0.; 6]);
    }

    /// torchvision's `RandomCrop` in front of `Normalize` has black there, which is −mean / std.
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
        let batch = Batch::augmented(&examples, &rows, augment, &mut generator, Device::Cpu);
        let seen = Vec::<f32>::try_from(batch.unwrap().inputs.flatten(0, -1)).unwrap();
        let inside = white.of(255);
        assert!(seen.contains(&0.0) && seen.contains(&inside));
        assert!(seen.iter().all(|&value| value == 0.0 || value == inside), "{seen:?}");
    }

    #[test]
    fn every_place_and_both_sides_are_drawn_and_nothing_without_being_asked() {
        let mut generator = Seed::new(1).generator();
        let drawn = |augment, generator: &mut Generator| {
            (0..2000).map(|_| View::draw(augment, generator)).collect::<Vec<_>>()
        };
        let views = drawn(Augment { crop: 2, flip: true }, &mut generator);
        for down in -2..=2 {
            for right in -2..=2 {
                for mirrored in [false, true] {
                    assert!(views.contains(&View { down, right, mirrored }));
                }
            }
        }
        let still = View { down: 0, right: 0, mirrored: false };
        assert!(drawn(Augment::default(), &mut generator).iter().all(|view| *view == still));
    }
}
