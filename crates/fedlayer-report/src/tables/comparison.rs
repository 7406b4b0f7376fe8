//! [`comparison_table`]: strategies side by side.

use fedlayer_core::compare::{ComparedStrategy, ReadAt};

use super::{
    columns::{ShownQuantity, SortBy, TableColumn},
    comparison_cells::{cell, value},
    comparison_notes::notes,
    text_table::{ColumnAlign, wrapped_table},
};

/// The largest number of characters of a line of the table.
const WIDTH: usize = 100;

/// The choice of columns and rows of a comparison.
#[derive(Debug, Clone)]
pub struct ComparisonView {
    /// The columns to the right of the strategy; `None` for the usual ones.
    pub columns: Option<Vec<TableColumn>>,
    /// The order of the rows; that of the strategies if absent.
    pub sort: Option<SortBy>,
    /// The point at which the values were read.
    pub at: ReadAt,
    /// The test accuracy that runs had to reach, as a fraction.
    pub target: Option<f64>,
}

impl Default for ComparisonView {
    fn default() -> Self {
        Self { columns: None, sort: None, at: ReadAt::Last, target: None }
    }
}

impl ComparisonView {
    /// Returns the columns. Without a choice the usual ones have the round that was read and the
    /// way to the target, if these were asked for.
    pub(crate) fn columns(&self) -> Vec<TableColumn> {
        if let Some(columns) = &self.columns {
            return columns.clone();
        }
        let mut columns = TableColumn::defaults();
        if matches!(self.at, ReadAt::Best(_) | ReadAt::Bytes(_)) {
            columns.splice(1..1, TableColumn::named("at_round"));
        }
        if self.target.is_some() {
            columns.extend(
                ["rounds_to_target", "bytes_to_target"]
                    .iter()
                    .filter_map(|name| TableColumn::named(name)),
            );
        }
        columns
    }

    /// Returns the strategies in the order of the rows.
    pub(crate) fn sorted<'s>(
        &self,
        strategies: &'s [ComparedStrategy],
    ) -> Vec<&'s ComparedStrategy> {
        let mut sorted: Vec<&ComparedStrategy> = strategies.iter().collect();
        if let Some(sort) = &self.sort {
            sort.sort(&mut sorted);
        }
        sorted
    }

    /// Returns the titles and the cells of the rows, each with the strategy first.
    pub(crate) fn grid(
        &self,
        strategies: &[ComparedStrategy],
    ) -> (Vec<(String, ColumnAlign)>, Vec<Vec<String>>) {
        let columns = self.columns();
        let heading = columns.iter().map(|column| {
            let align = match column {
                TableColumn::MaxLayer => ColumnAlign::Left,
                _ => ColumnAlign::Right,
            };
            (column.title(), align)
        });
        let row = |strategy: &&ComparedStrategy| {
            let cells = columns.iter().map(|column| cell(strategy, column));
            std::iter::once(strategy.strategy.clone()).chain(cells).collect()
        };
        let first = ("strategy".to_owned(), ColumnAlign::Left);
        let rows = self.sorted(strategies).iter().map(row).collect();
        (std::iter::once(first).chain(heading).collect(), rows)
    }
}

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
