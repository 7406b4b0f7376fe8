//! The keys that a sweep sets, and their values in a row of its summary.

use fedlayer_core::{record::SummaryRow, spec::SweptValue};

/// Returns the swept keys in the order in which the variants first set them.
pub(crate) fn swept_keys(rows: &[SummaryRow]) -> Vec<&SweptValue> {
    fedlayer_core::spec::swept_keys(rows.iter().filter_map(|row| row.variant.as_ref()))
}

/// Returns a key's value in the row's variant; `None` if the variant does not set the key.
pub(crate) fn swept_value<'r>(row: &'r SummaryRow, key: &SweptValue) -> Option<&'r str> {
    row.variant.as_ref()?.value(&key.key)
}
