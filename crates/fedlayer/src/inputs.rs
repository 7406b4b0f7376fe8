//! [`Inputs`]: the range, mean and standard deviation of the model inputs, with warnings about
//! unusual ones.

use fedlayer_core::{
    data::{ClientId, FederatedData, InputStats, USUAL_MAGNITUDE, USUAL_STD},
    spec::DataSpec,
    text::rounded_text,
};
use fedlayer_report::{ColumnAlign, text_table};
use serde::Serialize;

use crate::classes;

/// The number of clients that are examined if clients are drawn one by one.
const LOOKED_AT: u32 = 20;

/// The number of significant digits in a warning.
const SHOWN_DIGITS: usize = 4;

/// Statistics of the model inputs, in training and test.
#[derive(Debug, Serialize)]
pub(crate) struct Inputs {
    /// The formula that scales and normalises a number x of the set.
    becomes: Option<String>,
    /// Statistics of the training examples; `None` for texts.
    train: Option<InputStats>,
    /// Statistics of the common test set; `None` for texts.
    test: Option<InputStats>,
    /// Warnings about unusual inputs, with what to do.
    warnings: Vec<String>,
}

impl Inputs {
    /// Examines the training examples of all clients (of drawn clients, of the first ones) and the
    /// common test set.
    pub(crate) fn of(data: &FederatedData, spec: &DataSpec, becomes: Option<String>) -> Self {
        let train = match data.pool() {
            Some(pool) => InputStats::of(pool, &data.union_train()),
            None => drawn(data),
        };
        let rows: Vec<u32> = (0..data.test.len() as u32).collect();
        let test = InputStats::of(&data.test, &rows);
        let mut warnings = warnings(train.as_ref(), test.as_ref(), spec);
        warnings.extend(classes::untrained(data));
        warnings.extend(classes::alike(data));
        Self { becomes, train, test, warnings }
    }

    /// Adds warnings.
    pub(crate) fn with_warnings(mut self, more: &[String]) -> Self {
        self.warnings.extend_from_slice(more);
        self
    }

    /// Returns the warnings, a line each.
    pub(crate) fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Returns the table of `check`; `None` for texts.
    pub(crate) fn text(&self) -> Option<String> {
        let row = |part: &str, stats: &InputStats| {
            let number = |value: f64| match value.abs() {
                0.0..1e6 => format!("{value:.4}"),
                _ => format!("{value:.4e}"),
            };
            vec![
                part.to_owned(),
                stats.examples.to_string(),
                number(stats.min),
                number(stats.max),
                number(stats.mean),
                number(stats.std),
            ]
        };
        let rows: Vec<Vec<String>> = [("train", &self.train), ("test", &self.test)]
            .into_iter()
            .filter_map(|(part, stats)| Some(row(part, stats.as_ref()?)))
            .collect();
        if rows.is_empty() {
            return None;
        }
        let heading = [
            ("part", ColumnAlign::Left),
            ("examples", ColumnAlign::Right),
            ("min", ColumnAlign::Right),
            ("max", ColumnAlign::Right),
            ("mean", ColumnAlign::Right),
            ("std", ColumnAlign::Right),
        ];
        let warnings = self.warnings.iter().map(|warning| format!("warning: {warning}\n"));
        Some(text_table(&heading, &rows) + &warnings.collect::<String>())
    }

    /// Returns the title of the table.
    pub(crate) fn title(&self) -> String {
        match &self.becomes {
            Some(words) => {
                format!("inputs, as the model sees them (a number x of the set: {words})")
            }
            None => "inputs, as the model sees them".to_owned(),
        }
    }
}

/// Draws the first clients and returns the statistics of their training examples: the widest range,
/// and the means of their moments.
fn drawn(data: &FederatedData) -> Option<InputStats> {
    let clients = (data.clients() as u32).min(LOOKED_AT);
    let own = (0..clients).filter_map(|client| {
        let own = data.client(ClientId(client));
        InputStats::of(&own.examples, &own.train)
    });
    own.reduce(InputStats::and)
}

/// Warns of unusual inputs, with what to do.
fn warnings(train: Option<&InputStats>, test: Option<&InputStats>, spec: &DataSpec) -> Vec<String> {
    let mut warnings = Vec::new();
    let (Some(train), Some(test)) = (train, test) else { return warnings };
    let what_to_do = match spec.normalize {
        None => {
            "`data.normalize = \"set\"` takes their mean away and divides by their standard deviation, `data.scale` multiplies them"
        }
        Some(_) => "see `data.normalize` and `data.scale`",
    };
    for (part, stats) in [("training", train), ("test", test)] {
        let InputStats { min, max, std, .. } = stats;
        if stats.is_large() {
            let [min, max, std] = [min, max, std].map(|&value| rounded_text(value, SHOWN_DIGITS));
            warnings.push(format!(
                "{part} inputs are from {min} to {max} (standard deviation {std}): training may diverge beyond ±{USUAL_MAGNITUDE}; {what_to_do}"
            ));
        } else if stats.is_narrow() && train.is_narrow() {
            warnings.push(format!(
                "{part} inputs have the standard deviation {std:.2e}, below {}: they hardly differ; {what_to_do}",
                USUAL_STD.0
            ));
        }
    }
    if test.is_far_from(train) {
        let [mean, std, train_mean, train_std] = [test.mean, test.std, train.mean, train.std]
            .map(|value| rounded_text(value, SHOWN_DIGITS));
        warnings.push(format!(
            "test inputs are scaled differently from training inputs: mean {mean} and standard deviation {std}, in training {train_mean} and {train_std}; bring both files to one scale"
        ));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use fedlayer_core::spec::DataSet;

    use super::*;

    fn stats(min: f64, max: f64, mean: f64, std: f64) -> InputStats {
        InputStats { examples: 10, min, max, mean, std }
    }

    #[test]
    fn unusual_inputs_are_named_with_the_key_to_write() {
        let spec = DataSpec::new(DataSet::Digits);
        let said = |train: InputStats, test: InputStats| warnings(Some(&train), Some(&test), &spec);
        let usual = stats(-0.42, 2.8, 0.0, 1.0);
        assert!(said(usual, usual).is_empty());
        let raw = stats(0.0, 255.0, 127.5, 73.9);
        let two = said(raw, raw);
        assert_eq!(two.len(), 2);
        assert!(two[0].starts_with("training inputs are from 0 to 255 (standard deviation 73.9)"));
        assert!(two[0].contains("`data.normalize = \"set\"`"));
        let far = said(usual, raw);
        assert!(far[1].starts_with("test inputs are scaled differently"), "{far:?}");
        let narrow = stats(0.0, 0.004, 0.002, 0.001);
        assert!(said(narrow, narrow)[0].contains("below 0.01"));
        // A single test value has no deviation.
        let one = InputStats { examples: 1, ..stats(0.3, 0.3, 0.3, 0.0) };
        assert!(said(usual, one).is_empty());
        let times = stats(1_700_000_007.0, 1_700_000_693.0, 1_700_000_350.0, 202.0);
        assert!(said(times, times)[0].contains("are from 1.7e9 to 1.7e9"));
    }
}
