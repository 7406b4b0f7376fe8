//! [`comparison_table`]: strategies side by side.

use fedlayer_core::compare::ComparedStrategy;

use super::{
    columns::ShownQuantity,
    comparison_cells::value,
    comparison_notes::notes,
    comparison_view::ComparisonView,
    text_table::{ColumnAlign, wrapped_table},
};

/// The largest number of characters of a line of the table.
const WIDTH: usize = 100;

/// Returns a table of strategies: means ± sample standard deviations over the seeds, and
/// differences from the reference, each with its 95 % confidence interval in brackets. A table that
/// is wider than 100 characters is wrapped into blocks of columns.
///
/// Barriers are those of the test loss with the baseline `mean` at α = ½.
pub fn comparison_table(strategies: &[ComparedStrategy], view: &ComparisonView) -> String {
    let (heading, rows) = view.grid(strategies);
    let heading: Vec<(&str, ColumnAlign)> =
        heading.iter().map(|(title, align)| (title.as_str(), *align)).collect();
    wrapped_table(&heading, &rows, WIDTH) + "\n" + &notes(strategies, view)
}

/// Returns the titles of the columns of these quantities.
pub(crate) fn titles(quantities: &[&str]) -> Vec<String> {
    let known = quantities.iter().filter_map(|name| ShownQuantity::named(name));
    known.map(ShownQuantity::title_with_unit).collect()
}

/// Returns the cells of these quantities; a misleading barrier is flagged.
pub(crate) fn cells(strategy: &ComparedStrategy, quantities: &[&str]) -> Vec<String> {
    let known = quantities.iter().filter_map(|name| ShownQuantity::named(name));
    known.map(|quantity| value(strategy, quantity)).collect()
}

#[cfg(test)]
mod tests;
