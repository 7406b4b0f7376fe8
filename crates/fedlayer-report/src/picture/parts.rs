//! [`parts`]: layers apart from the whole model, whose values are so much larger that they need an axis of their own.

use crate::rows::Rows;

/// The rows of single layers (and other sets) and those of the whole model, each with what is added to its panels' titles; those that are there.
pub(crate) fn parts<'a>(rows: &Rows<'a>) -> Vec<(&'static str, Rows<'a>)> {
    let is_whole = |set: &str| set == "all";
    let parts = [
        ("", rows.only(|row| !is_whole(&row.set))),
        (", all layers", rows.only(|row| is_whole(&row.set))),
    ];
    parts.into_iter().filter(|(_, rows)| !rows.is_empty()).collect()
}
