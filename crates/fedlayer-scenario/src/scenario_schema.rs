//! [`scenario_schema`]: the schema of a scenario, read once; [`with_defaults`]: a scenario as JSON,
//! completed by it.

use std::sync::LazyLock;

use serde_json::Value;

use crate::{
    scenario::schema as json_schema,
    schema::{self, ValueSchema},
};

/// Returns the schema of a scenario.
pub(crate) fn scenario_schema() -> &'static ValueSchema {
    static SCHEMA: LazyLock<ValueSchema> = LazyLock::new(|| ValueSchema::of_schema(&json_schema()));
    &SCHEMA
}

/// Returns a scenario, given as JSON, with the defaults of all absent keys, also of keys that are
/// newer than the program that wrote it. A key stays absent if no value has the meaning of its
/// default.
pub fn with_defaults(scenario: &Value) -> Value {
    schema::with_defaults(scenario, scenario_schema())
}
