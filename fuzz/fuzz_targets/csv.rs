//! CSV: the last column as the label, or columns by name.
#![no_main]

use fedlayer_data::{
    DecodeError,
    decode::{
        Source,
        csv::{Columns, table},
    },
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _is_table = read(bytes, Columns::default());
    let _is_table = read(bytes, Columns { label: Some("y"), group: Some("who") });
});

fn read(bytes: &[u8], columns: Columns<'_>) -> Result<(), DecodeError> {
    let table = table(&mut Source::new("table", bytes)?, columns)?;
    assert_eq!(table.values.len(), table.labels.len() * table.features);
    assert!(table.values.iter().all(|value| value.is_finite()));
    assert!(table.labels.iter().all(|label| !label.is_empty()));
    if let Some(groups) = table.groups {
        assert_eq!(groups.len(), table.labels.len());
        assert_eq!(groups[0], 0);
    }
    Ok(())
}
