//! Fuzzes the CSV decoder, with the default columns and with named ones.
#![no_main]

use fedlayer_data::{
    DecodeError,
    decode::{
        FileReader,
        csv::{Columns, table},
    },
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _is_table = read(bytes, Columns::default());
    let named = Columns { label: Some("y"), group: Some("who"), ..Columns::default() };
    let _is_table = read(bytes, named);
});

fn read(bytes: &[u8], columns: Columns<'_>) -> Result<(), DecodeError> {
    let table = table(&mut FileReader::new("table", bytes)?, columns, None)?;
    assert_eq!(table.values.len(), table.labels.len() * table.heading.features.len());
    assert!(table.values.iter().all(|value| value.is_finite()));
    if let Some(groups) = table.groups {
        assert_eq!(groups.len(), table.labels.len());
        assert_eq!(groups[0], 0);
    }
    Ok(())
}
