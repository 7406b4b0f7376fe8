//! [`TableColumn`]: the columns that a comparison can have.

use std::cmp::Ordering;

use fedlayer_core::compare::ComparedStrategy;

/// A column of a comparison, to the right of the strategy's name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TableColumn {
    /// The number of committed rounds.
    Rounds,
    /// The number of seeds.
    Seeds,
    /// The layer with the largest barrier.
    MaxLayer,
    /// The mean of a quantity, and its sample standard deviation over the seeds.
    Value(&'static ShownQuantity),
    /// The difference of a quantity from the reference.
    Delta(&'static ShownQuantity),
    /// The corrected p-value of that difference.
    PValue(&'static ShownQuantity),
}

/// A quantity as tables show it.
#[derive(Debug, PartialEq)]
pub struct ShownQuantity {
    /// The name, as in the records.
    pub(crate) name: &'static str,
    /// The title without the unit.
    pub(crate) title: &'static str,
    pub(crate) form: NumberForm,
    /// Whether more is better.
    pub(crate) is_gain: bool,
}

/// The form of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NumberForm {
    /// A fraction, shown in percent.
    Percent,
    /// The square of a fraction, shown in squared percentage points.
    SquaredPercent,
    /// A loss or a barrier.
    Loss,
    /// Bytes.
    Bytes,
    /// A number of rounds.
    Rounds,
}

const fn gain(name: &'static str, title: &'static str, form: NumberForm) -> ShownQuantity {
    ShownQuantity { name, title, form, is_gain: true }
}

const fn cost(name: &'static str, title: &'static str, form: NumberForm) -> ShownQuantity {
    ShownQuantity { name, title, form, is_gain: false }
}

/// All quantities of a comparison.
static QUANTITIES: [ShownQuantity; 22] = [
    gain("test_accuracy", "test acc", NumberForm::Percent),
    cost("test_loss", "test loss", NumberForm::Loss),
    gain("client_accuracy_mean", "client acc", NumberForm::Percent),
    cost("client_accuracy_std", "client std", NumberForm::Percent),
    cost("full_barrier", "full barrier", NumberForm::Loss),
    cost("max_layer_barrier", "layer barrier", NumberForm::Loss),
    cost("end_loss_spread", "end spread", NumberForm::Loss),
    cost("bytes_up", "up", NumberForm::Bytes),
    cost("bytes_down", "down", NumberForm::Bytes),
    cost("best_round", "best at", NumberForm::Rounds),
    cost("best_value", "validation", NumberForm::Loss),
    gain("best_test_accuracy", "best acc", NumberForm::Percent),
    cost("best_test_loss", "best loss", NumberForm::Loss),
    gain("best_client_accuracy_mean", "best client acc", NumberForm::Percent),
    cost("at_round", "at round", NumberForm::Rounds),
    cost("bytes", "up + down", NumberForm::Bytes),
    gain("macro_f1", "macro-F1", NumberForm::Percent),
    cost("fairness", "fairness", NumberForm::SquaredPercent),
    gain("worst_decile", "worst decile", NumberForm::Percent),
    gain("incentive", "incentive", NumberForm::Percent),
    cost("rounds_to_target", "rounds to target", NumberForm::Rounds),
    cost("bytes_to_target", "bytes to target", NumberForm::Bytes),
];

/// The columns of a table if none are chosen. Results and their differences come first, so that
/// they share a block of a wrapped table.
const DEFAULT: [&str; 11] = [
    "rounds",
    "test_accuracy",
    "delta_test_accuracy",
    "client_accuracy_mean",
    "delta_client_accuracy_mean",
    "test_loss",
    "full_barrier",
    "max_layer_barrier",
    "max_layer",
    "bytes_up",
    "bytes_down",
];

impl TableColumn {
    /// Returns the column with this name: `rounds`, `seeds`, `max_layer`, the name of a quantity,
    /// or such a name after `delta_` or `p_`.
    pub fn named(name: &str) -> Option<Self> {
        let quantity = |name: &str| QUANTITIES.iter().find(|known| known.name == name);
        match name {
            "rounds" => Some(Self::Rounds),
            "seeds" => Some(Self::Seeds),
            "max_layer" => Some(Self::MaxLayer),
            name => quantity(name)
                .map(Self::Value)
                .or_else(|| quantity(name.strip_prefix("delta_")?).map(Self::Delta))
                .or_else(|| quantity(name.strip_prefix("p_")?).map(Self::PValue)),
        }
    }

    /// Returns the names of the columns, without the prefixed ones.
    pub fn names() -> impl Iterator<Item = &'static str> {
        let words = ["rounds", "seeds", "max_layer"];
        words.into_iter().chain(QUANTITIES.iter().map(|quantity| quantity.name))
    }

    /// Returns the columns of a table if none are chosen.
    pub(crate) fn defaults() -> Vec<Self> {
        DEFAULT.iter().filter_map(|name| Self::named(name)).collect()
    }

    /// Returns the title, with the unit.
    pub(crate) fn title(&self) -> String {
        match self {
            Self::Rounds => "rounds".to_owned(),
            Self::Seeds => "seeds".to_owned(),
            Self::MaxLayer => "at".to_owned(),
            Self::Value(quantity) => quantity.title_with_unit(),
            Self::Delta(quantity) => format!("Δ {}", quantity.title),
            Self::PValue(quantity) => format!("p {}", quantity.title),
        }
    }

    /// Returns whether the column shows a quantity or its difference.
    pub fn is_about(&self, names: &[&str]) -> bool {
        match self {
            Self::MaxLayer => names.contains(&"max_layer"),
            Self::Rounds | Self::Seeds => false,
            Self::Value(of) | Self::Delta(of) | Self::PValue(of) => names.contains(&of.name),
        }
    }

    /// Returns whether the largest number is the best.
    fn is_gain(&self) -> bool {
        matches!(self, Self::Value(quantity) | Self::Delta(quantity) if quantity.is_gain)
    }

    /// Returns the number that rows are sorted by; `None` for a text.
    fn number(&self, strategy: &ComparedStrategy) -> Option<f64> {
        match self {
            Self::Rounds => Some(strategy.rounds.1.into()),
            Self::Seeds => Some(strategy.seeds as f64),
            Self::MaxLayer => None,
            Self::Value(quantity) => strategy.spread(quantity.name).map(|spread| spread.mean),
            // The reference is at distance 0 from itself.
            Self::Delta(_) if strategy.is_reference => Some(0.0),
            Self::Delta(of) => strategy.difference(of.name).map(|difference| difference.mean),
            Self::PValue(of) => strategy.difference(of.name)?.adjusted_p,
        }
    }
}

impl ShownQuantity {
    /// Returns the title with the unit.
    pub(crate) fn title_with_unit(&self) -> String {
        let unit = match self.form {
            NumberForm::Percent => " %",
            NumberForm::SquaredPercent => " pp²",
            NumberForm::Loss | NumberForm::Bytes | NumberForm::Rounds => "",
        };
        format!("{}{unit}", self.title)
    }

    /// Returns the quantity with this name.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        QUANTITIES.iter().find(|known| known.name == name)
    }
}

/// The order of rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SortBy {
    /// The column; `None` sorts by the strategy's name.
    pub column: Option<TableColumn>,
    /// The direction; by default the best row comes first, and a text is ascending.
    pub direction: Option<SortDirection>,
}

/// The direction of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortDirection {
    /// The smallest first.
    Ascending,
    /// The largest first.
    Descending,
}

impl SortBy {
    /// Sorts strategies. Equal ones keep their order; those without a value come last.
    pub(crate) fn sort(&self, strategies: &mut [&ComparedStrategy]) {
        let default = match self.column.is_some_and(|column| column.is_gain()) {
            true => SortDirection::Descending,
            false => SortDirection::Ascending,
        };
        let direction = self.direction.unwrap_or(default);
        let turn = |order: Ordering| match direction {
            SortDirection::Ascending => order,
            SortDirection::Descending => order.reverse(),
        };
        strategies.sort_by(|a, b| match self.column {
            None => turn(a.strategy.cmp(&b.strategy)),
            Some(TableColumn::MaxLayer) => {
                with_value(a.max_layers.first(), b.max_layers.first(), |a, b| turn(a.cmp(b)))
            }
            Some(column) => {
                with_value(column.number(a), column.number(b), |a, b| turn(a.total_cmp(&b)))
            }
        });
    }
}

/// Orders two values; an absent one comes last, whatever the direction.
fn with_value<T>(a: Option<T>, b: Option<T>, order: impl Fn(T, T) -> Ordering) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => order(a, b),
        (a, b) => a.is_none().cmp(&b.is_none()),
    }
}

#[cfg(test)]
mod tests {
    use fedlayer_core::compare::quantity_names;

    use super::*;

    #[test]
    fn every_quantity_has_a_column_and_every_column_a_name() {
        let mut named: Vec<&str> = QUANTITIES.iter().map(|quantity| quantity.name).collect();
        let mut all: Vec<&str> = quantity_names().collect();
        named.sort_unstable();
        all.sort_unstable();
        assert_eq!(named, all);
        for name in TableColumn::names() {
            assert!(TableColumn::named(name).is_some(), "{name}");
        }
        assert_eq!(TableColumn::defaults().len(), DEFAULT.len());
        for odd in ["", "delta_", "delta_rounds", "p_max_layer", "Test_accuracy"] {
            assert_eq!(TableColumn::named(odd), None, "{odd}");
        }
    }
}
