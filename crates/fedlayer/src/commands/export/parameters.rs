//! [`parameters`]: a plan's settings by name, as programs that compare runs want them.

use fedlayer_export::PlanKeys;
use serde_json::Value;

/// Tables of a scenario that belong to several plans, or to none.
const OF_OTHERS: [&str; 4] = ["seeds", "strategy", "sweep", "analysis"];

/// Returns a plan's settings: its strategy, its seed, the keys of the scenario with every default,
/// and those of the strategy. `says` is the scenario as JSON. The values of a sweep's variant
/// replace those of the scenario.
pub(super) fn parameters(says: &Value, keys: &PlanKeys) -> Vec<(String, String)> {
    let mut all = vec![
        ("strategy".to_owned(), keys.strategy.clone()),
        ("seed".to_owned(), keys.seed.to_string()),
    ];
    let tables = says.as_object().into_iter().flatten();
    for (key, value) in tables.filter(|(key, _)| !OF_OTHERS.contains(&key.as_str())) {
        flatten(key, value, &mut all);
    }
    let strategies = says["strategy"].as_array().into_iter().flatten();
    for own in strategies.filter(|table| table["name"] == *keys.strategy) {
        let own = own.as_object().into_iter().flatten().filter(|(key, _)| *key != "name");
        own.for_each(|(key, value)| flatten(&format!("strategy.{key}"), value, &mut all));
    }
    for setting in keys.variant.iter().flat_map(|variant| &variant.settings) {
        all.retain(|(key, _)| key != &setting.key);
        all.push((setting.key.clone(), setting.value.clone()));
    }
    all
}

/// Adds the keys of a table; a list is a value.
fn flatten(path: &str, value: &Value, found: &mut Vec<(String, String)>) {
    match value {
        Value::Null => {}
        Value::Object(table) => {
            table.iter().for_each(|(key, value)| flatten(&format!("{path}.{key}"), value, found));
        }
        Value::String(text) => found.push((path.to_owned(), text.clone())),
        value => found.push((path.to_owned(), value.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use fedlayer_core::spec::{SweptValue, Variant};

    use super::*;

    #[test]
    fn a_plan_has_its_own_strategy_and_the_values_of_its_variant() {
        let says = serde_json::json!({
            "seeds": [1, 2],
            "rounds": 3,
            "local": { "optimizer": { "sgd": { "lr": 0.1, "momentum": null } } },
            "model": { "mlp": [16, 8] },
            "strategy": [{ "name": "a", "average": "all" }, { "name": "b", "average": "none" }],
        });
        let lr = SweptValue {
            key: "local.optimizer.sgd.lr".to_owned(),
            name: "lr".to_owned(),
            value: "0.5".to_owned(),
        };
        let keys = PlanKeys {
            run: String::new(),
            scenario: String::new(),
            strategy: "b".to_owned(),
            seed: 2,
            variant: Some(Variant { folder: "lr-0.5".to_owned(), settings: vec![lr] }),
        };
        let found = parameters(&says, &keys);
        let found: Vec<(&str, &str)> = found.iter().map(|(k, v)| (&**k, &**v)).collect();
        assert_eq!(
            found,
            [
                ("strategy", "b"),
                ("seed", "2"),
                ("model.mlp", "[16,8]"),
                ("rounds", "3"),
                ("strategy.average", "none"),
                ("local.optimizer.sgd.lr", "0.5"),
            ]
        );
    }
}
