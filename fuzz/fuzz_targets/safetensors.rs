//! Fuzzes the safetensors decoder: features, labels and owners.
#![no_main]

use fedlayer_data::{
    DecodeError,
    decode::{FileReader, safetensors},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _is_set = tensors(bytes);
});

fn tensors(bytes: &[u8]) -> Result<(), DecodeError> {
    let tensors = safetensors::tensors(&mut FileReader::new("tensors", bytes)?)?;
    let features = tensors.features.features()?;
    let count = tensors.features.shape[0];
    assert_eq!(features.len() % count, 0);
    assert_eq!(tensors.labels.labels(count)?.len(), count);
    if let Some(groups) = &tensors.groups {
        assert_eq!(groups.owners(count)?.len(), count);
    }
    Ok(())
}
