//! Fuzzes the `.npy` decoder: an array as features, labels and owners.
#![no_main]

use fedlayer_data::{
    DecodeError,
    decode::{FileReader, npy},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _is_array = array(bytes);
});

fn array(bytes: &[u8]) -> Result<(), DecodeError> {
    let array = npy::array(&mut FileReader::new("array", bytes)?)?;
    assert_eq!(array.numbers().len(), array.shape.iter().product::<usize>());
    if let Ok(features) = array.features() {
        assert!(features.iter().all(|value| value.is_finite()));
    }
    let count = array.shape.first().copied().unwrap_or(0);
    if let Ok(owners) = array.owners(count) {
        assert!(owners.iter().all(|&owner| (owner as usize) < count));
    }
    array.labels(count).map(drop)
}
