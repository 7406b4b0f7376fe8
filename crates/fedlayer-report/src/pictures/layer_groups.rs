//! [`layers_and_whole`]: single layers and the whole model, in panels of their own.

use crate::analysis_rows::AnalysisRows;

/// Returns the rows of single layers (and other layer sets), then those of the whole model, each
/// with the suffix of its panels' titles; groups without rows are left out.
///
/// The values of the whole model are so much larger than those of a layer that they need an axis of
/// their own.
pub(crate) fn layers_and_whole<'a>(
    rows: &AnalysisRows<'a>,
) -> Vec<(&'static str, AnalysisRows<'a>)> {
    let is_whole = |set: &str| set == "all";
    let groups = [
        ("", rows.only(|row| !is_whole(&row.set))),
        (", all layers", rows.only(|row| is_whole(&row.set))),
    ];
    groups.into_iter().filter(|(_, rows)| !rows.is_empty()).collect()
}
