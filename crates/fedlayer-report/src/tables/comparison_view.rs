//! [`ComparisonView`]: the choice of columns and rows of a comparison.

use fedlayer_core::compare::{ComparedStrategy, ReadAt};

use super::{
    columns::{SortBy, TableColumn},
    comparison_cells::{cell, has_best},
    text_table::ColumnAlign,
};

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
    /// Returns the columns. Without a choice the usual ones have the round that was read, the best
    /// round and the way to the target, if these were asked for.
    pub(crate) fn columns(&self, strategies: &[ComparedStrategy]) -> Vec<TableColumn> {
        if let Some(columns) = &self.columns {
            return columns.clone();
        }
        let mut columns = TableColumn::defaults();
        if matches!(self.at, ReadAt::Best(_) | ReadAt::Bytes(_)) {
            columns.splice(1..1, TableColumn::named("at_round"));
        }
        if strategies.iter().any(has_best) {
            let best = ["best_round", "best_value", "best_test_accuracy", "best_test_loss"];
            columns.extend(best.iter().filter_map(|name| TableColumn::named(name)));
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
        let columns = self.columns(strategies);
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
