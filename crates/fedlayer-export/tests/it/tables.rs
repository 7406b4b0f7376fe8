//! Long tables, read back from Parquet and CSV.

use bytes::Bytes;
use fedlayer_export::{PlanKeys, TableFormat};
use parquet::{
    file::reader::{FileReader, SerializedFileReader},
    record::Field,
};

use crate::memory::{exported, keys, measured, round, variant};

/// Reads a Parquet file: a row is a list of columns with their values.
fn parquet_rows(bytes: &[u8]) -> Vec<Vec<(String, Field)>> {
    let reader = SerializedFileReader::new(Bytes::copy_from_slice(bytes)).unwrap();
    let rows = reader.get_row_iter(None).unwrap().map(Result::unwrap);
    rows.map(|row| row.get_column_iter().map(|(k, v)| (k.clone(), v.clone())).collect()).collect()
}

fn of<'r>(row: &'r [(String, Field)], name: &str) -> &'r Field {
    &row.iter().find(|(column, _)| column == name).unwrap_or_else(|| panic!("no `{name}`")).1
}

#[test]
fn a_table_without_records_has_no_file() {
    let (files, tables) = exported(TableFormat::Parquet, &[], [(keys("all", 1), round(1))]);
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    assert_eq!(names, ["clients.parquet", "layers.parquet", "rounds.parquet"]);
    let rows: Vec<(&str, u64)> = tables.iter().map(|table| (table.name, table.rows)).collect();
    let expected = [("rounds", 1), ("layers", 2), ("clients", 2), ("barriers", 0), ("timings", 0)];
    assert_eq!(rows, expected);
    assert!(exported(TableFormat::Csv, &[], []).0.is_empty());
}

#[test]
fn a_value_that_is_absent_or_not_finite_is_null() {
    let rounds = [(keys("all", 1), round(1)), (keys("all", 1), measured(round(2)))];
    let (files, _) = exported(TableFormat::Parquet, &[], rounds);
    let rows = parquet_rows(&files["rounds.parquet"]);
    assert_eq!(*of(&rows[0], "test_accuracy"), Field::Null);
    assert_eq!(*of(&rows[1], "test_accuracy"), Field::Double(0.5));
    assert_eq!(*of(&rows[1], "test_loss"), Field::Null, "it was NaN");
    assert_eq!(*of(&rows[1], "train_loss"), Field::Double(2.1));
    let layers = parquet_rows(&files["layers.parquet"]);
    let barriers: Vec<&Field> = layers.iter().map(|row| of(row, "barrier")).collect();
    assert_eq!(barriers, [&Field::Null, &Field::Null, &Field::Double(-0.25), &Field::Null]);
    let moved = ["mean_update_norm", "update_norm", "cosine"];
    assert_eq!(
        moved.map(|name| of(&layers[0], name)),
        [0.5, 2.0, 0.25].map(Field::Double).each_ref()
    );
    assert_eq!(moved.map(|name| of(&layers[1], name)), [&Field::Null; 3], "of another layer");
    assert_eq!(*of(&layers[2], "averaged"), Field::Bool(true));
    assert_eq!(*of(&layers[3], "averaged"), Field::Bool(false));
}

#[test]
fn rows_of_all_plans_are_in_one_table_with_their_keys() {
    let swept = |value: &str| PlanKeys {
        variant: Some(variant("local.optimizer.sgd.lr", value)),
        ..keys("=cmd, \"b\"", u64::MAX)
    };
    let rounds = || [(swept("0.1"), round(1)), (swept("0.5"), round(1)), (keys("c", 0), round(1))];
    let sweep = ["local.optimizer.sgd.lr"];
    let (files, _) = exported(TableFormat::Parquet, &sweep, rounds());
    let rows = parquet_rows(&files["clients.parquet"]);
    let rates: Vec<&Field> =
        rows.iter().map(|row| of(row, "variant.local.optimizer.sgd.lr")).collect();
    let text = |text: &str| Field::Str(text.to_owned());
    let (slow, fast) = (text("0.1"), text("0.5"));
    assert_eq!(rates, [&slow, &slow, &fast, &fast, &Field::Null, &Field::Null]);
    assert_eq!(*of(&rows[0], "seed"), Field::ULong(u64::MAX));
    assert_eq!(*of(&rows[0], "strategy"), text("=cmd, \"b\""));
    assert_eq!(*of(&rows[1], "reason"), text("dropped out"));
    let (files, _) = exported(TableFormat::Csv, &sweep, rounds());
    let csv = String::from_utf8(files["clients.csv"].clone()).unwrap();
    let expected = "run,scenario,strategy,seed,variant.local.optimizer.sgd.lr,round,client,reported,reason\n\
         digits,digits,\"'=cmd, \"\"b\"\"\",18446744073709551615,0.1,1,3,true,\n\
         digits,digits,\"'=cmd, \"\"b\"\"\",18446744073709551615,0.1,1,7,false,dropped out\n";
    assert_eq!(&csv[..expected.len()], expected);
    assert!(csv.ends_with("digits,digits,c,0,,1,7,false,dropped out\n"), "{csv}");
}

/// 70,000 rounds of two clients need two row groups.
#[test]
fn more_rows_than_a_row_group_holds_keep_their_order() {
    let rounds = (1..=70_000).map(|number| (keys("all", 1), round(number)));
    let (files, tables) = exported(TableFormat::Parquet, &[], rounds);
    assert_eq!(tables[2].rows, 140_000);
    let bytes = Bytes::from(files["clients.parquet"].clone());
    let reader = SerializedFileReader::new(bytes).unwrap();
    assert_eq!(reader.metadata().num_row_groups(), 2);
    let rounds = parquet_rows(&files["rounds.parquet"]);
    assert!((1..).zip(&rounds).all(|(number, row)| *of(row, "round") == Field::ULong(number)));
    assert_eq!(rounds.len(), 70_000);
}

#[test]
fn the_metadata_name_the_tables_and_the_runs() {
    let (files, _) = exported(TableFormat::Parquet, &[], [(keys("all", 1), round(1))]);
    let bytes = Bytes::from(files["layers.parquet"].clone());
    let reader = SerializedFileReader::new(bytes).unwrap();
    let metadata = reader.metadata().file_metadata().key_value_metadata().unwrap();
    let value = |key: &str| {
        let found = metadata.iter().find(|entry| entry.key == format!("fedlayer.{key}"));
        found.and_then(|entry| entry.value.as_deref()).unwrap()
    };
    assert_eq!((value("table"), value("schema")), ("layers", "1"));
    let runs = r#"[{"run":"digits","scenario":"digits","blake3":"c0ffee","fedlayer":"0.1.0"}]"#;
    assert_eq!(value("runs"), runs);
}
