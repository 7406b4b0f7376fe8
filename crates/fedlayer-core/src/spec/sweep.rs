//! `[sweep]`: the scenario with other values of some keys; [`Variant`]: one choice of the values;
//! [`swept_keys`]: the keys of several choices.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Other values of some keys of the scenario. Every choice of values is a variant; each variant is
/// run with every strategy and seed.
///
/// A key is the path of a key of the scenario, as in `--set`: `"local.optimizer.sgd.lr"`,
/// `"strategy.0.average"`. With both `grid` and `list`, every entry of the list is combined with
/// every point of the grid.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SweepSpec {
    /// Lists of values by key. Every combination is a variant; the first key changes slowest.
    #[serde(default)]
    pub grid: BTreeMap<String, Vec<Value>>,
    /// Tables of keys and values, one per variant.
    #[serde(default)]
    pub list: Vec<BTreeMap<String, Value>>,
}

/// One choice of the values of a sweep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variant {
    /// The folder of its plans inside the run folder, unique among the variants:
    /// `lr-0.1-keep_classes-2`.
    pub folder: String,
    /// The settings, in the order of the scenario; at least one.
    pub settings: Vec<SweptValue>,
}

/// A key with one of its values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweptValue {
    /// The path of the key: `local.optimizer.sgd.lr`.
    pub key: String,
    /// The end of the path, as long as needed to be unique in the sweep: `lr`.
    pub name: String,
    /// The value as the scenario writes it, without the quotes of a text: `0.1`.
    pub value: String,
}

impl Variant {
    /// Returns the settings as text: `lr=0.1, keep_classes=2`.
    pub fn label(&self) -> String {
        let settings: Vec<String> = self
            .settings
            .iter()
            .map(|setting| format!("{}={}", setting.name, setting.value))
            .collect();
        settings.join(", ")
    }

    /// Returns the value of a key, or `None` if the variant does not change it.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.settings.iter().find(|setting| setting.key == key).map(|setting| &*setting.value)
    }
}

/// Returns the swept keys in the order in which the variants first set them.
pub fn swept_keys<'v>(variants: impl IntoIterator<Item = &'v Variant>) -> Vec<&'v SweptValue> {
    let mut keys: Vec<&SweptValue> = Vec::new();
    for setting in variants.into_iter().flat_map(|variant| &variant.settings) {
        if keys.iter().all(|known| known.key != setting.key) {
            keys.push(setting);
        }
    }
    keys
}
