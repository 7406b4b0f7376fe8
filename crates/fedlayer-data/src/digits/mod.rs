//! UCI optical recognition of handwritten digits (Alpaydin and Kaynak 1998, CC BY 4.0): 1,797
//! images inside the binary. The README beside the data describes source, licence and format.

use std::io::{BufRead, BufReader, Read};

use fedlayer_core::data::Examples;
use flate2::read::GzDecoder;
use thiserror::Error;

/// The number of examples.
pub(crate) const EXAMPLES: usize = 1797;
/// The number of classes.
pub(crate) const CLASSES: usize = 10;
/// An image of 8 × 8 pixels, row by row, as one vector.
pub(crate) const SHAPE: [usize; 1] = [64];

const FEATURES: usize = SHAPE[0];
/// The largest pixel.
pub(crate) const WHITE: u8 = 16;
static CSV_GZ: &[u8] = include_bytes!("digits.csv.gz");

/// An error in the bytes of the digits.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DigitsError {
    /// The bytes are not gzip, or not text.
    #[error("line {line} cannot be read: {reason}")]
    Unreadable {
        /// The line, counted from 1.
        line: usize,
        /// The error of gzip or UTF-8.
        reason: String,
    },
    /// A line has too few or too many values.
    #[error("line {line} has {found} values; expected 64 pixels and a label")]
    Values {
        /// The line, counted from 1.
        line: usize,
        /// The number of its values.
        found: usize,
    },
    /// A value is not a pixel or not a label.
    #[error(
        "line {line}, value {value}: found `{found}`; expected a whole number from 0 to {most}"
    )]
    Value {
        /// The line, counted from 1.
        line: usize,
        /// The index of the value in its line, counted from 1.
        value: usize,
        /// The text that was found.
        found: String,
        /// The largest value that is allowed.
        most: u8,
    },
    /// There are too few or too many lines.
    #[error("found {found} examples; expected {EXAMPLES}")]
    Count {
        /// The number of lines.
        found: usize,
    },
}

/// Decodes all digits in the order of the file, pixels from 0 to 16: features `(1797, 64)`, labels
/// `(1797)`.
pub(crate) fn decode() -> Result<Examples, DigitsError> {
    let examples = parse(GzDecoder::new(CSV_GZ))?;
    match examples.len() {
        EXAMPLES => Ok(examples),
        found => Err(DigitsError::Count { found }),
    }
}

/// Reads lines of 64 pixels and a label.
fn parse(csv: impl Read) -> Result<Examples, DigitsError> {
    let mut features = Vec::with_capacity(EXAMPLES * FEATURES);
    let mut labels = Vec::with_capacity(EXAMPLES);
    for (index, text) in BufReader::new(csv).lines().enumerate() {
        let line = index + 1;
        let text = text.map_err(|e| DigitsError::Unreadable { line, reason: e.to_string() })?;
        let values: Vec<&str> = text.split(',').collect();
        if values.len() != FEATURES + 1 {
            return Err(DigitsError::Values { line, found: values.len() });
        }
        for (at, value) in values.into_iter().enumerate() {
            let is_label = at == FEATURES;
            let most = if is_label { CLASSES as u8 - 1 } else { WHITE };
            let number = value.trim().parse().ok().filter(|&number: &u8| number <= most);
            let number = number.ok_or_else(|| DigitsError::Value {
                line,
                value: at + 1,
                found: value.to_owned(),
                most,
            })?;
            if is_label {
                labels.push(number.into());
            } else {
                features.push(f32::from(number));
            }
        }
    }
    Ok(Examples::new(SHAPE.to_vec(), CLASSES, features, labels))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(pixel: &str, label: &str) -> String {
        format!("{}{label}\n", format!("{pixel},").repeat(64))
    }

    fn error(text: &str) -> String {
        parse(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn the_labels_are_counted_as_the_source_says() {
        let digits = decode().unwrap();
        let mut counts = [0; CLASSES];
        digits.labels.iter().for_each(|&label| counts[label as usize] += 1);
        assert_eq!(counts, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
        let pixels = digits.all_values();
        assert_eq!(pixels.len(), EXAMPLES * FEATURES);
        // The first line of the file is a zero.
        assert_eq!(pixels[..8], [0.0, 0.0, 5.0, 13.0, 9.0, 1.0, 0.0, 0.0]);
        assert_eq!(digits.labels[..3], [0, 1, 2]);
    }

    #[test]
    fn what_does_not_decode_is_an_error_with_its_line() {
        assert_eq!(parse(line("16", "9").as_bytes()).unwrap().all_values(), [16.0; 64]);
        let second = line("0", "1") + &line("0", "10");
        assert_eq!(
            error(&second),
            "line 2, value 65: found `10`; expected a whole number from 0 to 9"
        );
        assert_eq!(
            error(&line("17", "1")),
            "line 1, value 1: found `17`; expected a whole number from 0 to 16"
        );
        assert_eq!(error("1,2,3\n"), "line 1 has 3 values; expected 64 pixels and a label");
        let cut = parse(GzDecoder::new(&CSV_GZ[..1000])).unwrap_err();
        assert!(matches!(cut, DigitsError::Unreadable { line: 2.., .. }), "{cut}");
        let text = parse(GzDecoder::new(&b"label,pixel"[..])).unwrap_err();
        assert!(matches!(text, DigitsError::Unreadable { line: 1, .. }), "{text}");
    }
}
