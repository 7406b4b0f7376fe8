//! [`with_only_analysis`]: a scenario's text that asks for one analysis and no other.

use toml_edit::{ArrayOfTables, DocumentMut, InlineTable, Item, Table, Value};

/// The text with one `[[analysis]]` of the measurement that a word names, everything else of it as it is by default, in the place of
/// those that were there. A text that is no TOML comes back as it was, so that reading it says what is wrong.
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
