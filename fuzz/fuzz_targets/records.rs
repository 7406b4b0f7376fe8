//! Records: lines of JSON as rounds, barriers, summaries and rows of analyses. What is read is written again as the same record.
#![no_main]

use fedlayer_core::{AnalysisRow, BarrierRow, RoundRecord, Summary, SummaryRow, compare};
use libfuzzer_sys::fuzz_target;
use serde::{Serialize, de::DeserializeOwned};

fuzz_target!(|bytes: &[u8]| {
    let lines = bytes.split(|&byte| byte == b'\n');
    let rounds: Vec<RoundRecord> = lines.clone().filter_map(again).collect();
    let row = SummaryRow::new("strategy", 1, &rounds);
    shown(&Summary { scenario: "scenario".to_owned(), rows: vec![row] });
    for line in lines {
        let _barrier: Option<BarrierRow> = again(line);
        let _analysis: Option<AnalysisRow> = again(line);
    }
    if let Some(summary) = again(bytes) {
        shown(&summary);
    }
});

/// A table can be made of every summary that can be read.
fn shown(summary: &Summary) {
    let _table = fedlayer_report::comparison_table(&compare(&summary.rows));
    let _sweep = fedlayer_report::sweep_table(&summary.rows);
    let _sheet = fedlayer_report::sweep_csv(&summary.rows);
}

/// Reads a value, and holds it to what it is once it was written and read again.
fn again<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let value: T = serde_json::from_slice(bytes).ok()?;
    let text = serde_json::to_string(&value).expect("a record has a text");
    let same: T = serde_json::from_str(&text).expect("its text is a record");
    assert_eq!(serde_json::to_string(&same).expect("a record has a text"), text);
    Some(value)
}
