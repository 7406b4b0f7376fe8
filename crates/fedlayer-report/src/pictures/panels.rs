//! [`panels`]: one panel per row and column of a page's grid.

use fedlayer_core::record::AnalysisRow;

use crate::plot::page::{Panel, Panels};

/// Draws a panel for each row and column of a page's grid, row by row. A cell stays empty if `draw`
/// returns `None`.
pub(crate) fn panels<R, C, P: Panel + 'static>(
    rows: impl IntoIterator<Item = R>,
    columns: &[C],
    mut draw: impl FnMut(&R, &C) -> Option<P>,
) -> Panels {
    let mut panels = Panels::new();
    for row in rows {
        panels.extend(columns.iter().map(|column| boxed(draw(&row, column))));
    }
    panels
}

/// Puts a panel into a cell of the grid.
pub(crate) fn boxed<P: Panel + 'static>(panel: Option<P>) -> Option<Box<dyn Panel>> {
    panel.map(|panel| Box::new(panel) as Box<dyn Panel>)
}

/// Returns half the length of a row's error bar: two standard errors.
pub(crate) fn error_bar(row: &AnalysisRow) -> Option<f64> {
    row.std_error.map(|error| 2.0 * error)
}

/// Returns the ends of a row's error bar; NaN if the value is not finite.
pub(crate) fn error_bar_ends(row: &AnalysisRow) -> [f64; 2] {
    let (value, error) = (row.value.unwrap_or(f64::NAN), error_bar(row).unwrap_or(0.0));
    [value - error, value + error]
}
