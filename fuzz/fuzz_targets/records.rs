//! Fuzzes the readers of records: lines of JSON as rounds, barriers, summaries and rows of
//! analyses. A record that can be read is written to the same text again.
#![no_main]

use fedlayer_core::{compare::compare, record::{AnalysisRow, BarrierRow, RoundRecord, Summary, SummaryRow}};
use libfuzzer_sys::fuzz_target;
use serde::{Serialize, de::DeserializeOwned};

fuzz_target!(|bytes: &[u8]| {
    let lines = bytes.split(|&byte| byte == b'\n');
    let rounds: Vec<RoundRecord> = lines.clone().filter_map(round_trip).collect();
    let row = SummaryRow::new("strategy", 1, &rounds);
    make_tables(&Summary { scenario: "scenario".to_owned(), rows: vec![row] });
    for line in lines {
        let _barrier: Option<BarrierRow> = round_trip(line);
        let _analysis: Option<AnalysisRow> = round_trip(line);
    }
    if let Some(summary) = round_trip(bytes) {
        make_tables(&summary);
    }
});

/// Makes all tables of a summary. It must not panic.
fn make_tables(summary: &Summary) {
    let _table = fedlayer_report::comparison_table(&compare(&summary.rows), &Default::default());
    let _sweep = fedlayer_report::sweep_table(&summary.rows);
    let _sheet = fedlayer_report::sweep_csv(&summary.rows);
}

/// Reads a value, and checks that it survives being written and read again.
fn round_trip<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let value: T = serde_json::from_slice(bytes).ok()?;
    let text = serde_json::to_string(&value).expect("a record has a text");
    let same: T = serde_json::from_str(&text).expect("its text is a record");
    assert_eq!(serde_json::to_string(&same).expect("a record has a text"), text);
    Some(value)
}
