//! Fuzzes the IDX decoder, with images and with labels.
#![no_main]

use fedlayer_data::{
    DecodeError,
    decode::{FileReader, idx},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _is_images = images(bytes);
    let _is_labels = labels(bytes);
});

fn images(bytes: &[u8]) -> Result<(), DecodeError> {
    let mut source = FileReader::new("images", bytes)?;
    let header = idx::ImageHeader::read(&mut source)?;
    let pixels = header.pixels(&mut source, u32::MAX)?;
    let size = u64::from(header.count) * u64::from(header.height) * u64::from(header.width);
    assert_eq!(pixels.len() as u64, size);
    Ok(())
}

fn labels(bytes: &[u8]) -> Result<(), DecodeError> {
    let mut source = FileReader::new("labels", bytes)?;
    let wanted = idx::ExpectedLabels { classes: 10, count: None, first: u32::MAX };
    let labels = idx::labels(&mut source, wanted)?;
    assert!(labels.iter().all(|&label| label < 10));
    Ok(())
}
