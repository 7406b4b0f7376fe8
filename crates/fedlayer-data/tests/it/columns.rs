//! Columns of CSV files are found by their names, also permuted, renamed, missing, further,
//! repeated and nameless ones; and the label is found among them.

use fedlayer_core::{data::FederatedData, spec::Files};
use serde_json::Value;

use crate::{
    memory::MemoryFiles,
    tables::{files, spec},
};

/// The results of NumPy and PyTorch: `tests/oracle/fixtures/files.json` at the root.
pub(crate) fn oracle() -> Value {
    let fixture = include_str!("../../../../tests/oracle/fixtures/files.json");
    serde_json::from_str(fixture).unwrap()
}

/// Returns the bytes of a file that the fixture has as hexadecimal digits.
pub(crate) fn bytes(digits: &Value) -> Vec<u8> {
    let digits = digits.as_str().unwrap().as_bytes();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

/// Reads `train` and `test` as one set, or returns the message and the advice.
fn read(train: &str, test: &str, own: Files) -> Result<FederatedData, (String, String)> {
    let stored = MemoryFiles::of([("a.csv", train.into()), ("b.csv", test.into())]);
    let test = Some("b.csv".to_owned());
    let loaded = stored.load(&spec(Files { test, ..own }), 1);
    loaded.map_err(|error| (error.to_string(), error.help().unwrap_or_default()))
}

/// Reads a training file alone.
fn read_one(train: &str, own: Files) -> Result<FederatedData, (String, String)> {
    read(train, train, own)
}

#[track_caller]
fn refused(train: &str, test: &str, own: Files, message: &str, help: &str) {
    let (found, advice) = read(train, test, own).unwrap_err();
    assert_eq!(found, message);
    assert!(advice.contains(help), "{advice}");
    assert!(!advice.contains("fetch"), "{advice}");
}

#[test]
fn the_columns_of_a_test_file_are_found_by_name_as_numpy_finds_them() {
    let oracle = &oracle()["columns"];
    let text = |key: &str| oracle[key].as_str().unwrap().to_owned();
    let data = read(&text("train"), &text("test"), files("a.csv")).unwrap();
    let features: Vec<Vec<f32>> = serde_json::from_value(oracle["features"].clone()).unwrap();
    let labels: Vec<u32> = serde_json::from_value(oracle["labels"].clone()).unwrap();
    assert_eq!(data.test.all_values(), features.concat());
    assert_eq!(data.test.labels, labels);
}

const TRAIN: &str = "a,b,y\n1,2,0\n3,4,1\n";

#[test]
fn permuted_columns_are_put_in_order() {
    for test in ["b,y,a\n6,1,5\n", " b , a , y \n6,5,1\n", "y,\"a\",b\n1,5,6\n"] {
        let data = read(TRAIN, test, files("a.csv")).unwrap();
        assert_eq!(
            (data.test.all_values(), &data.test.labels),
            (vec![5.0, 6.0], &vec![1]),
            "{test}"
        );
    }
}

#[test]
fn renamed_missing_and_further_columns_are_refused_with_both_lists() {
    let plain = || files("a.csv");
    let wanted = "expected those of the training file: `a`, `b`, `y`";
    refused(
        TRAIN,
        "a,B,y\n5,6,1\n",
        plain(),
        &format!(
            "`b.csv`, line 1: found the columns `a`, `B`, `y`; {wanted}; missing: `b`; not in training: `B`"
        ),
        "the same columns, in any order",
    );
    refused(
        TRAIN,
        "a,y\n5,1\n",
        plain(),
        &format!("`b.csv`, line 1: found the columns `a`, `y`; {wanted}; missing: `b`"),
        "the same columns",
    );
    refused(
        TRAIN,
        "a,b,c,y\n5,6,7,1\n",
        plain(),
        &format!(
            "`b.csv`, line 1: found the columns `a`, `b`, `c`, `y`; {wanted}; not in training: `c`"
        ),
        "`ignore = [\"…\"]`",
    );
    refused(
        TRAIN,
        "a,b\n5,6\n",
        plain(),
        &format!("`b.csv`, line 1: found the columns `a`, `b`; {wanted}; missing: `y`"),
        "the same columns",
    );
}

#[test]
fn a_message_about_many_columns_lists_the_first_ones() {
    let names = |count: usize| (0..count).map(|at| format!("p{at},")).collect::<String>();
    let train = format!("{}y\n{}0\n", names(20), "1,".repeat(20));
    let test = format!("{}y\n{}0\n", names(19), "1,".repeat(19));
    let (message, _) = read(&train, &test, files("a.csv")).unwrap_err();
    let first = "`p0`, `p1`, `p2`, `p3`, `p4`, `p5`, `p6`, `p7`, `p8`, `p9`, …";
    let expected = format!(
        "`b.csv`, line 1: found the columns {first} (20 in all); expected those of the training file: {first} (21 in all); missing: `p19`"
    );
    assert_eq!(message, expected);
}

#[test]
fn repeated_columns_are_refused_in_either_file() {
    let message = |file: &str| {
        format!(
            "`{file}`, line 1: found `a` twice, in columns 1 and 2; expected a name of its own for every column"
        )
    };
    let twice = "a,a,y\n1,2,0\n3,4,1\n";
    refused(twice, twice, files("a.csv"), &message("a.csv"), "rename one of them");
    refused("a,y\n1,0\n2,1\n", twice, files("a.csv"), &message("b.csv"), "rename one of them");
}

#[test]
fn a_nameless_column_is_refused_or_left_out_by_name() {
    let nameless = ",a,b,y\n0,1,2,0\n1,3,4,1\n";
    refused(
        nameless,
        nameless,
        files("a.csv"),
        "`a.csv`, line 1: found no name for column 1; expected a name for every column",
        "`df.to_csv(\"train.csv\", index=False)`, or leave the column out: `ignore = [\"\"]`",
    );
    let unnamed = nameless.replacen(',', "Unnamed: 0,", 1);
    refused(
        &unnamed,
        &unnamed,
        files("a.csv"),
        "`a.csv`, line 1: found `Unnamed: 0`, which pandas calls a column without a name, for column 1; expected a name for every column",
        "`ignore = [\"Unnamed: 0\"]`",
    );
    // A separator at the end of every line also makes a column.
    let (message, _) = read_one("a,b,y,\n1,2,0,\n", files("a.csv")).unwrap_err();
    assert!(message.contains("found no name for column 4"), "{message}");
    let left_out = Files { ignore: vec![String::new()], ..files("a.csv") };
    // A column that is ignored may be missing in the test file.
    for test in [nameless, TRAIN] {
        let data = read(nameless, test, left_out.clone()).unwrap();
        assert_eq!(data.pool().unwrap().all_values(), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(data.test.all_values(), [1.0, 2.0, 3.0, 4.0]);
    }
    refused(
        TRAIN,
        TRAIN,
        left_out,
        "`a.csv`, line 1: found the columns `a`, `b`, `y`; expected a column ``",
        "`ignore` beside `train`",
    );
}

#[test]
fn row_numbers_under_a_name_are_no_feature() {
    let lines = |first: usize| -> String {
        (0..12).map(|row| format!("{},{},{}\n", (row * 5) % 12 + first, row % 3, row % 2)).collect()
    };
    let text = |name: &str| format!("{name},a,y\n{}", lines(1));
    let expected =
        "`a.csv`, line 1: found row numbers in the column `ID`; expected features and a label";
    refused(&text("ID"), &text("ID"), files("a.csv"), expected, "`ignore = [\"ID\"]`");
    read_one(&text("weight"), files("a.csv")).unwrap();
    let ignored = Files { ignore: vec!["ID".to_owned()], ..files("a.csv") };
    assert_eq!(read_one(&text("ID"), ignored).unwrap().test.shape, [1]);
    // An `id` that occurs twice does not number the rows.
    read_one(&text("id").replacen("6,", "1,", 1), files("a.csv")).unwrap();
}

#[test]
fn a_first_line_of_numbers_is_no_line_of_names() {
    let message = "`a.csv`, line 1: found `5.1`, `3.5`, `0`; expected the names of the columns";
    let numbers = "5.1,3.5,0\n4.9,3.0,1\n";
    refused(numbers, numbers, files("a.csv"), message, "`header = false`");
    let iris = "5.1,3.5,Iris-setosa\n4.9,3.0,Iris-virginica\n";
    let message = message.replace("`0`", "`Iris-setosa`");
    refused(iris, iris, files("a.csv"), &message, "write a line of names");
    let counted = Files { header: Some(false), label: Some("3".to_owned()), ..files("a.csv") };
    let data = read_one(iris, counted.clone()).unwrap();
    assert_eq!(data.pool().unwrap().all_values(), [5.1, 3.5, 4.9, 3.0]);
    assert_eq!(data.test.class_names.as_deref().unwrap()[1], "Iris-virginica");
    refused(
        numbers,
        numbers,
        Files { header: Some(false), ..files("a.csv") },
        "`a.csv`, line 1: found the columns `1`, `2`, `3`; expected a column called `label`, `target` or `class`, or a last one called `y`",
        "`label = \"3\"`",
    );
    refused(
        numbers,
        "5,1\n",
        counted,
        "`b.csv`, line 1: found the columns `1`, `2`; expected those of the training file: `1`, `2`, `3`; missing: `3`",
        "the same columns",
    );
}

#[test]
fn names_that_are_numbers_are_names_where_that_is_sure() {
    let pixels = "0,1,2,label\n5,6,7,1\n8,9,1,0\n";
    assert_eq!(read_one(pixels, files("a.csv")).unwrap().test.shape, [3]);
    let waves = "400.5,410.5,label\n5,6,1\n8,9,0\n";
    assert_eq!(read_one(waves, files("a.csv")).unwrap().test.shape, [2]);
    let said = Files { header: Some(true), label: Some("2".to_owned()), ..files("a.csv") };
    let data = read_one("0,1,2\n5,6,1\n8,9,0\n", said).unwrap();
    assert_eq!(data.test.all_values(), [5.0, 6.0, 8.0, 9.0]);
}

#[test]
fn row_numbers_without_a_name_are_no_feature() {
    let lines = |first: usize| -> String {
        (0..12).map(|row| format!("{},{},{}\n", row + first, (row * 5) % 7, row % 2)).collect()
    };
    let counted = || Files { header: Some(false), label: Some("3".to_owned()), ..files("a.csv") };
    for first in [0, 1] {
        let (message, help) = read_one(&lines(first), counted()).unwrap_err();
        assert!(message.contains("found row numbers in the column `1`"), "{message}");
        assert!(help.contains("`ignore = [\"1\"]`"), "{help}");
    }
    read_one(&lines(7), counted()).unwrap();
}

/// If the scenario does not name the label, it is the one column with a usual name of labels.
#[test]
fn the_label_is_found_by_its_usual_names_and_never_guessed() {
    let label_of = |names: &str| {
        let text = format!("{names}\n1,2,0\n3,4,1\n");
        read_one(&text, files("a.csv")).map(|data| data.test.all_values())
    };
    for names in ["a,b,label", "a,b,Target", "a,b,classes", "a,b,y", "x,b,Y"] {
        assert_eq!(label_of(names).unwrap(), [1.0, 2.0, 3.0, 4.0], "{names}");
    }
    assert_eq!(label_of("target,a,b").unwrap(), [2.0, 0.0, 4.0, 1.0]);
    assert_eq!(label_of("a,class,b").unwrap(), [1.0, 0.0, 3.0, 1.0]);
    let refused = |names: &str, expected: &str, such: &str| {
        let (message, help) = label_of(names).unwrap_err();
        let list: Vec<String> = names.split(',').map(|name| format!("`{name}`")).collect();
        let words =
            format!("`a.csv`, line 1: found the columns {}; expected {expected}", list.join(", "));
        assert_eq!(message, words);
        assert!(help.ends_with(&format!("such as `label = {such:?}`")), "{help}");
    };
    let none = "a column called `label`, `target` or `class`, or a last one called `y`";
    refused("a,b,kind", none, "kind");
    // `y` may be a coordinate.
    refused("x,y,z", none, "z");
    refused("y,a,b", none, "b");
    let several = "one column called `label`, `target`, `class` or `y`";
    refused("label,target,a", several, "target");
    refused("a,target,y", several, "y");
}

#[test]
fn a_label_that_is_named_is_taken_whatever_others_are_called() {
    let own = Files { label: Some("b".to_owned()), ..files("a.csv") };
    let data = read_one("target,b\n1,0\n3,1\n", own).unwrap();
    assert_eq!(data.test.all_values(), [1.0, 3.0]);
}
