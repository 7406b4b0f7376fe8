//! [`with_only_analysis`]: a scenario's text with a single analysis.

use toml_edit::{ArrayOfTables, DocumentMut, InlineTable, Item, Table, Value};

/// Replaces all `[[analysis]]` tables of a scenario by one with the measurement `word` and
/// otherwise default values. A text that is not TOML is returned unchanged; reading it then names
/// the error.
pub fn with_only_analysis(text: &str, word: &str) -> String {
    let Ok(mut document) = text.parse::<DocumentMut>() else { return text.to_owned() };
    let mut measure = InlineTable::new();
    measure.insert(word, Value::InlineTable(InlineTable::new()));
    let mut table = Table::new();
    table.insert("measure", Item::Value(Value::InlineTable(measure)));
    let mut list = ArrayOfTables::new();
    list.push(table);
    document.insert("analysis", Item::ArrayOfTables(list));
    document.to_string()
}
