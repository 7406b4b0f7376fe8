//! CSV that another program reads back.

use fedlayer_core::{
    record::{AnalysisRow, Metric},
    spec::{Baseline, SplitSpec},
};
use fedlayer_report::analysis_csv;

use crate::made_up;

fn rows() -> Vec<AnalysisRow> {
    let strange = AnalysisRow {
        set: "a,b \"c\"\nd".to_owned(),
        base: "0<-1".to_owned(),
        alpha: Some(0.1 + 0.2),
        value: None,
        variant: Some("before".to_owned()),
        ..AnalysisRow::default()
    };
    let mut rows = vec![strange];
    rows.extend(made_up::barriers(&made_up::small(), &[1]));
    rows.extend(made_up::subspace(&made_up::small(), false));
    rows.extend(made_up::criticality(&made_up::small()));
    rows.extend(made_up::predict(&made_up::small()));
    rows
}

#[test]
fn every_column_of_every_row_is_read_back() {
    let rows = rows();
    let text = analysis_csv(&rows);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let columns = reader.headers().unwrap().clone();
    let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(records.len(), rows.len());
    for (row, record) in rows.iter().zip(&records) {
        let cell = |column: &str| {
            let place = columns.iter().position(|name| name == column).unwrap();
            record.get(place).unwrap().to_owned()
        };
        let number = |column: &str| {
            let cell = cell(column);
            (!cell.is_empty()).then(|| cell.parse::<f64>().unwrap())
        };
        // The CSV has the words of the JSON lines.
        let word = |value: serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        assert_eq!(cell("round"), row.round.to_string());
        assert_eq!(cell("split"), word(serde_json::to_value(row.split).unwrap()));
        assert_eq!(cell("metric"), word(serde_json::to_value(row.metric).unwrap()));
        assert_eq!(cell("baseline"), word(serde_json::to_value(row.baseline).unwrap()));
        assert_eq!(
            (cell("kind"), cell("set"), cell("base")),
            (row.kind.clone(), row.set.clone(), row.base.clone())
        );
        assert_eq!(number("alpha"), row.alpha);
        assert_eq!(number("beta"), row.beta);
        assert_eq!(number("sigma"), row.sigma);
        assert_eq!(number("draw"), row.draw.map(f64::from));
        assert_eq!(number("epoch"), row.epoch.map(f64::from));
        assert_eq!(cell("variant"), row.variant.clone().unwrap_or_default());
        assert_eq!(number("value"), row.value);
        assert_eq!(number("std_error"), row.std_error);
    }
}

/// Fails if a field is added to the rows and not to the CSV.
#[test]
fn the_columns_are_those_of_the_json_lines() {
    let full = AnalysisRow {
        split: Some(SplitSpec::Test),
        metric: Some(Metric::Cosine),
        alpha: Some(1.0),
        beta: Some(1.0),
        sigma: Some(1.0),
        draw: Some(1),
        epoch: Some(1),
        variant: Some("after".to_owned()),
        baseline: Some(Baseline::Chord),
        value: Some(1.0),
        std_error: Some(1.0),
        ..AnalysisRow::default()
    };
    let json = serde_json::to_value(&full).unwrap();
    let mut keys: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    let text = analysis_csv(std::slice::from_ref(&full));
    let mut columns: Vec<&str> = text.lines().next().unwrap().split(',').collect();
    columns.sort_unstable();
    assert_eq!(columns, keys);
    assert_eq!(text.lines().nth(1).unwrap(), "0,test,cosine,,,,1,1,1,1,1,after,chord,1,1");
}
