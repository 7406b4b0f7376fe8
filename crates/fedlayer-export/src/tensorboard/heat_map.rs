//! [`HeatPixels`]: barriers by layer and round, as a PNG picture.

use png::{BitDepth, ColorType, Encoder};

use crate::ExportError;

/// Returns the colour (red, green, blue) of a value in a heat map that ends at a magnitude.
pub type Colour = fn(f64, f64) -> [u8; 3];

/// The side of a cell, in pixels.
const CELL: usize = 12;

/// The most columns with cells of their own; of more rounds, evenly spread ones are shown.
const MOST_COLUMNS: usize = 1024;

/// The colour of cells that were not measured.
const ABSENT: [u8; 3] = [0xdd; 3];

/// Barriers: a row per layer, a column per measured round.
#[derive(Debug, Default)]
pub(super) struct HeatPixels {
    columns: Vec<Vec<Option<f64>>>,
}

/// A picture.
#[derive(Debug)]
pub(super) struct HeatPicture {
    /// Width and height in pixels.
    pub(super) size: (u32, u32),
    /// The bytes of the PNG file.
    pub(super) png: Vec<u8>,
}

impl HeatPixels {
    /// Adds a measured round: a barrier per layer, starting at the input.
    pub(super) fn add(&mut self, barriers: Vec<Option<f64>>) {
        self.columns.push(barriers);
    }

    /// Draws the picture; `None` if no round was measured. The colours end at the largest
    /// magnitude.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub(super) fn draw(&self, colour: Colour) -> Result<Option<HeatPicture>, ExportError> {
        let columns = self.shown();
        let rows = columns.iter().map(|column| column.len()).max().unwrap_or(0);
        if rows == 0 {
            return Ok(None);
        }
        let values = columns.iter().copied().flatten().flatten();
        let limit = values.fold(0.0, |most: f64, value| most.max(value.abs()));
        let limit = if limit > 0.0 { limit } else { 1.0 };
        let (width, height) = (columns.len() * CELL, rows * CELL);
        let mut pixels = Vec::with_capacity(3 * width * height);
        for y in 0..height {
            for column in &columns {
                let value = column.get(y / CELL).copied().flatten();
                let colour = value.map_or(ABSENT, |value| colour(value, limit));
                (0..CELL).for_each(|_| pixels.extend(colour));
            }
        }
        let size = (width as u32, height as u32);
        Ok(Some(HeatPicture { size, png: encode(size, &pixels)? }))
    }

    /// Returns the columns of the picture, the first and the last among them.
    fn shown(&self) -> Vec<&Vec<Option<f64>>> {
        let count = self.columns.len();
        if count <= MOST_COLUMNS {
            return self.columns.iter().collect();
        }
        let index = |shown: usize| shown * (count - 1) / (MOST_COLUMNS - 1);
        (0..MOST_COLUMNS).map(|shown| &self.columns[index(shown)]).collect()
    }
}

fn encode((width, height): (u32, u32), pixels: &[u8]) -> Result<Vec<u8>, ExportError> {
    let mut png = Vec::new();
    let mut encoder = Encoder::new(&mut png, width, height);
    encoder.set_color(ColorType::Rgb);
    encoder.set_depth(BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(png)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Colours that say the value: red is a per cent of the limit.
    fn per_cent(value: f64, limit: f64) -> [u8; 3] {
        [(100.0 * value / limit) as u8, 0, 0]
    }

    fn decoded(picture: &HeatPicture) -> Vec<u8> {
        let decoder = png::Decoder::new(std::io::Cursor::new(&picture.png));
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        pixels
    }

    #[test]
    fn a_cell_has_the_colour_of_its_layer_and_round() {
        let mut heat = HeatPixels::default();
        assert!(heat.draw(per_cent).unwrap().is_none());
        heat.add(vec![Some(1.0), None]);
        heat.add(vec![Some(2.0), Some(4.0)]);
        let picture = heat.draw(per_cent).unwrap().unwrap();
        assert_eq!(picture.size, (24, 24));
        let pixels = decoded(&picture);
        let at = |x: usize, y: usize| &pixels[3 * (y * 24 + x)..][..3];
        assert_eq!(at(0, 0), [25, 0, 0]);
        assert_eq!(at(23, 11), [50, 0, 0]);
        assert_eq!(at(11, 12), ABSENT);
        assert_eq!(at(12, 23), [100, 0, 0]);
    }

    #[test]
    fn of_many_rounds_the_first_the_last_and_some_between_are_shown() {
        let mut heat = HeatPixels::default();
        (0..10_000).for_each(|round| heat.add(vec![Some(f64::from(round))]));
        let shown = heat.shown();
        assert_eq!(shown.len(), MOST_COLUMNS);
        assert_eq!((shown[0][0], shown[MOST_COLUMNS - 1][0]), (Some(0.0), Some(9999.0)));
    }
}
