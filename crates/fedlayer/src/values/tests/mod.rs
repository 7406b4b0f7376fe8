//! Files of values: the values that are read, and the errors about files without any.

#![allow(clippy::disallowed_methods, reason = "tests look at files as users do")]

mod addresses;
mod counters;
mod state_dicts;

use std::path::PathBuf;

use tempfile::TempDir;

use super::*;

fn fixture(name: &str) -> PathBuf {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/oracle/fixtures");
    PathBuf::from(folder).join(name)
}

fn read(path: PathBuf, layout: &Arc<Layout>) -> Result<ModelValues, ValuesError> {
    ValuesSource::File(path).read(layout)
}

/// Returns the message and the advice about a file of the fixture.
fn refused(path: PathBuf, layout: &Arc<Layout>) -> (String, String) {
    let error = read(path, layout).unwrap_err();
    (error.to_string(), error.help().unwrap_or_default())
}

/// A file that is removed when the test ends.
struct Written(TempDir);

impl Written {
    fn new(bytes: Vec<u8>) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        std::fs::write(place.path(), bytes).unwrap();
        place
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("model.safetensors")
    }
}

/// A tensor to write: name, type, shape, bytes.
type Tensor = (String, &'static str, Vec<usize>, Vec<u8>);

/// Writes a safetensors file byte by byte, with its tensors in the given order.
fn written(tensors: &[Tensor]) -> Vec<u8> {
    let mut entries = Vec::new();
    let mut data = Vec::new();
    for (name, kind, shape, bytes) in tensors {
        let (start, end) = (data.len(), data.len() + bytes.len());
        let name = serde_json::to_string(name).unwrap();
        entries.push(format!(
            r#"{name}:{{"dtype":"{kind}","shape":{shape:?},"data_offsets":[{start},{end}]}}"#
        ));
        data.extend(bytes);
    }
    let header = format!("{{{}}}", entries.join(","));
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &data].concat()
}
