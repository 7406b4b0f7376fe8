//! Writers of every supported format, with which tests make their files.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Writes an IDX file with a header of `count` images and these pixels.
pub(crate) fn idx_images([count, height, width]: [u32; 3], pixels: &[u8]) -> Vec<u8> {
    let numbers = [2051, count, height, width].map(u32::to_be_bytes).concat();
    [&numbers, pixels].concat()
}

/// Writes an IDX file with a header of `count` labels and these labels.
pub(crate) fn idx_labels(count: u32, labels: &[u8]) -> Vec<u8> {
    let numbers = [2049, count].map(u32::to_be_bytes).concat();
    [&numbers, labels].concat()
}

/// Writes CIFAR records: the bytes before the pixels, and the byte that all pixels have.
pub(crate) fn cifar(records: &[(&[u8], u8)]) -> Vec<u8> {
    let record = |&(labels, pixel): &(&[u8], u8)| [labels, &[pixel; 3 * 32 * 32]].concat();
    records.iter().flat_map(record).collect()
}

/// Writes a `.npy` file as NumPy does.
pub(crate) fn npy(version: u8, descr: &str, shape: &[usize], data: &[u8]) -> Vec<u8> {
    let axes: Vec<String> = shape.iter().map(|axis| format!("{axis},")).collect();
    let shape = format!("({})", axes.join(" "));
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
    let length = header.len() as u32;
    let length = if version == 1 {
        (length as u16).to_le_bytes().to_vec()
    } else {
        length.to_le_bytes().to_vec()
    };
    [b"\x93NUMPY", [version, 0].as_slice(), &length, header.as_bytes(), data].concat()
}

pub(crate) fn f32s(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

pub(crate) fn i64s(values: &[i64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// Writes a safetensors file: name, type, shape and bytes of each tensor.
pub(crate) fn safetensors(tensors: &[(&str, &str, &[usize], Vec<u8>)]) -> Vec<u8> {
    let mut begin = 0;
    let entries: Vec<String> = tensors
        .iter()
        .map(|(name, dtype, shape, data)| {
            let end = begin + data.len();
            let entry = format!(
                "\"{name}\":{{\"dtype\":\"{dtype}\",\"shape\":{shape:?},\"data_offsets\":[{begin},{end}]}}"
            );
            begin = end;
            entry
        })
        .collect();
    let header = format!("{{{}}}", entries.join(","));
    let data: Vec<u8> = tensors.iter().flat_map(|(.., data)| data.clone()).collect();
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &data].concat()
}
