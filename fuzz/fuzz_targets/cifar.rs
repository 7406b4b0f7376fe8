//! Fuzzes the decoder of CIFAR records, with ten and with a hundred classes.
#![no_main]

use fedlayer_data::{
    DecodeError,
    decode::{
        FileReader,
        cifar::{CifarRecords, Labels, PIXELS, append},
    },
};
use libfuzzer_sys::fuzz_target;

/// The number of records in a file. It is small, so that the fuzzer reaches the end of a file.
const COUNT: usize = 2;

fuzz_target!(|bytes: &[u8]| {
    for labels in [Labels::Ten, Labels::Hundred] {
        for at_most in 0..=COUNT {
            let _is_file = records(bytes, labels, at_most);
        }
    }
});

fn records(bytes: &[u8], labels: Labels, at_most: usize) -> Result<(), DecodeError> {
    let mut records = CifarRecords::default();
    let mut source = FileReader::new("records", bytes)?;
    let read = append(&mut source, labels, COUNT, at_most, &mut records);
    assert_eq!(records.bytes.len(), records.labels.len() * PIXELS);
    assert!(records.labels.iter().all(|&label| (label as usize) < labels.classes()));
    if read.is_ok() {
        assert_eq!(records.labels.len(), at_most);
    }
    read
}
