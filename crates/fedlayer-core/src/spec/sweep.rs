//! `[sweep]`: the same scenario with other values of some of its keys; [`Variant`]: one choice of them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Other values of some keys of the scenario. Every choice of them is a variant, and each variant is run with every strategy and seed.
///
/// A key is the path of a key of the scenario, as `--set` has it: `"local.optimizer.sgd.lr"`, `"strategy.0.average"`. With both `grid` and
/// `list`, every entry of the list meets every combination of the grid.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SweepSpec {
    /// Values per key. Every combination is a variant; the first key changes slowest.
    #[serde(default)]
    pub grid: BTreeMap<String, Vec<Value>>,
    /// Tables of keys and values, each a variant.
    #[serde(default)]
    pub list: Vec<BTreeMap<String, Value>>,
}

/// One choice of a sweep's values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variant {
    /// The folder of its plans inside the run folder, unlike that of any other variant: `lr-0.1-keep_classes-2`.
    pub folder: String,
    /// What it sets, in the order of the scenario; at least one thing.
    pub settings: Vec<SweptValue>,
}

/// A key with one of its values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweptValue {
    /// The path of the key: `local.optimizer.sgd.lr`.
    pub key: String,
    /// As much of its end as tells it from the sweep's other keys: `lr`.
    pub name: String,
    /// The value as the scenario writes it, a text without its quotes: `0.1`.
    pub value: String,
}

impl Variant {
    /// The variant in words: `lr=0.1, keep_classes=2`.
    pub fn label(&self) -> String {
        let settings: Vec<String> = self
            .settings
            .iter()
            .map(|setting| format!("{}={}", setting.name, setting.value))
            .collect();
        settings.join(", ")
    }

    /// Its value of a key; nothing where it leaves the key as the scenario has it.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.settings.iter().find(|setting| setting.key == key).map(|setting| &*setting.value)
    }
}
