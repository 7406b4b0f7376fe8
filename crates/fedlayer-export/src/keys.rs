//! [`PlanKeys`]: the columns that say where a row comes from; [`RunOrigin`]: the same for a file.

use fedlayer_core::spec::Variant;
use serde::Serialize;

use crate::cell::{Cell, CellType};

/// The run, strategy, seed and variant that rows belong to: the first columns of every table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanKeys {
    /// The name of the run folder.
    pub run: String,
    /// The scenario's name.
    pub scenario: String,
    /// The strategy's name.
    pub strategy: String,
    /// The seed.
    pub seed: u64,
    /// The variant, if the scenario has a sweep.
    pub variant: Option<Variant>,
}

/// The origin of an export: a run, written into the metadata of files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunOrigin {
    /// The name of the run folder.
    pub run: String,
    /// The scenario's name.
    pub scenario: String,
    /// The BLAKE3 hash of the text of `scenario.toml` when the run began; empty in a run of an
    /// earlier version.
    pub blake3: String,
    /// The version of fedlayer that wrote the run.
    pub fedlayer: String,
}

/// The columns of a plan's keys, before those of the swept keys.
const KEY_COLUMNS: [(&str, CellType); 4] = [
    ("run", CellType::Text),
    ("scenario", CellType::Text),
    ("strategy", CellType::Text),
    ("seed", CellType::Count),
];

impl PlanKeys {
    /// Returns names and types of the columns. Swept keys are called `variant.KEY`.
    pub(crate) fn columns(swept: &[String]) -> Vec<(String, CellType)> {
        let fixed = KEY_COLUMNS.iter().map(|(name, holds)| ((*name).to_owned(), *holds));
        let swept = swept.iter().map(|key| (format!("variant.{key}"), CellType::Text));
        fixed.chain(swept).collect()
    }

    /// Returns the cells of these columns. A key that the variant does not set is null.
    pub(crate) fn cells<'k>(&'k self, swept: &'k [String]) -> impl Iterator<Item = Cell<'k>> {
        let fixed = [
            Cell::text(&self.run),
            Cell::text(&self.scenario),
            Cell::text(&self.strategy),
            Cell::Count(self.seed),
        ];
        let value = |key| self.variant.as_ref().and_then(|variant| variant.value(key));
        fixed.into_iter().chain(swept.iter().map(move |key| Cell::text_if_any(value(key))))
    }
}
