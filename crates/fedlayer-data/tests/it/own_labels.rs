//! Labels of the user's own files mean the same in every format, and are classes.

use fedlayer_core::{data::FederatedData, spec::Files};
use fedlayer_data::DataError;

use crate::{
    columns::{bytes, oracle},
    encode::{f32s, i64s, npy, safetensors},
    memory::MemoryFiles,
    tables::{files, spec},
};

/// Returns a table of one feature and these labels.
fn table(labels: &[&str]) -> Vec<u8> {
    let lines = labels.iter().enumerate().map(|(row, label)| format!("{}.5,{label}\n", row * 3));
    format!("a,y\n{}", lines.collect::<String>()).into_bytes()
}

fn read(train: &[&str], test: &[&str], own: Files) -> Result<FederatedData, DataError> {
    let stored = MemoryFiles::of([("a.csv", table(train)), ("b.csv", table(test))]);
    stored.load(&spec(Files { test: Some("b.csv".to_owned()), ..own }), 1)
}

#[track_caller]
fn refused(labels: &[&str], message: &str, help: &str) {
    let error = read(labels, &labels[..1], files("a.csv")).unwrap_err();
    assert_eq!(error.to_string(), message);
    let advice = error.help().unwrap();
    assert!(advice.contains(help), "{advice}");
}

fn names(data: &FederatedData) -> Option<Vec<&str>> {
    data.test.class_names.as_ref().map(|names| names.iter().map(String::as_str).collect())
}

/// The labels `0.0` to `11.0` of one set as CSV, safetensors and npy files are read as NumPy reads
/// them.
#[test]
fn float_labels_are_the_same_classes_in_every_format() {
    let oracle = &oracle()["labels"];
    let expected: Vec<u32> = serde_json::from_value(oracle["labels"].clone()).unwrap();
    let stored = MemoryFiles::of([
        ("t.csv", oracle["csv"].as_str().unwrap().as_bytes().to_vec()),
        ("t.safetensors", bytes(&oracle["safetensors"])),
        ("t.npy", bytes(&oracle["npy"])),
        ("y.npy", bytes(&oracle["npy_labels"])),
    ]);
    let names = ["t.csv", "t.safetensors", "t.npy"];
    for (train, test) in names.into_iter().flat_map(|a| names.map(|b| (a, b))) {
        let labels = |file: &str| (file == "t.npy").then(|| "y.npy".to_owned());
        let own = Files {
            train_labels: labels(train),
            test: Some(test.to_owned()),
            test_labels: labels(test),
            ..files(train)
        };
        let data = stored.load(&spec(own), 1).unwrap();
        let pool = data.pool().unwrap();
        assert_eq!((&pool.labels, &data.test.labels), (&expected, &expected), "{train} {test}");
        assert_eq!((pool.classes, &pool.class_names), (12, &None));
    }
}

#[test]
fn a_class_is_one_however_it_is_written() {
    let data = read(&["1", "0", "1.0", " 1", "\"0\""], &["0.0", "+1"], files("a.csv")).unwrap();
    assert_eq!(data.pool().unwrap().labels, [1, 0, 1, 1, 0]);
    assert_eq!((&data.test.labels, names(&data)), (&vec![0, 1], None));
}

#[test]
fn names_are_kept_in_the_order_of_their_classes() {
    let data = read(&["rose", "lily", " rose "], &["lily"], files("a.csv")).unwrap();
    assert_eq!(data.pool().unwrap().labels, [1, 0, 1]);
    assert_eq!(names(&data), Some(vec!["lily", "rose"]));
}

/// No class is without examples: labels that begin elsewhere than at 0 or have gaps are renumbered,
/// and keep their numbers as names.
#[test]
fn gaps_and_negative_numbers_leave_no_class_empty() {
    let data = read(&["1", "10", "2", "9"], &["10"], files("a.csv")).unwrap();
    assert_eq!(data.pool().unwrap().labels, [0, 3, 1, 2]);
    assert_eq!((names(&data), &data.test.labels), (Some(vec!["1", "2", "9", "10"]), &vec![3]));
    let data = read(&["1", "-1"], &["-1"], files("a.csv")).unwrap();
    assert_eq!((names(&data), &data.test.labels), (Some(vec!["-1", "1"]), &vec![0]));
}

#[test]
fn classes_that_are_counted_are_the_labels_themselves() {
    let counted = |count| Files { classes: Some(count), ..files("a.csv") };
    let data = read(&["0", "3"], &["2"], counted(5)).unwrap();
    let pool = data.pool().unwrap();
    assert_eq!((&pool.labels, pool.classes, &data.test.labels), (&vec![0, 3], 5, &vec![2]));
    let error = read(&["0", "3"], &["2"], counted(3)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`a.csv`, example 1: found the label `3`; expected a class from 0 to 2"
    );
    assert!(error.help().unwrap().contains("raise `classes`"));
    let error = read(&["0", "3"], &["2"], files("a.csv")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`b.csv`, example 0: found the label `2`; expected one of the 2 labels of training: `0`, `3`"
    );
    assert!(error.help().unwrap().contains("`classes`"));
    let none = read(&["0"], &["0"], counted(0)).unwrap_err();
    assert_eq!(none.key(), "data.set.files.classes");
}

#[test]
fn targets_of_a_regression_are_refused_with_a_word_about_it() {
    refused(
        &["1.0", "1.37"],
        "`a.csv`, line 3, column 2: found `1.37`; expected a class: a whole number or a name",
        "a target of regression, and fedlayer trains classifiers",
    );
    let prices: Vec<String> = (0..600).map(|price| (100_000 + 37 * price).to_string()).collect();
    let prices: Vec<&str> = prices.iter().map(String::as_str).collect();
    refused(
        &prices,
        "`a.csv` has 600 different labels in 600 examples; these are not classes",
        "not regressions",
    );
    let floats = npy(1, "<f8", &[2], &[0.25_f64, 1.5].map(f64::to_le_bytes).concat());
    let features = npy(1, "<f4", &[2, 1], &f32s(&[1.0, 2.0]));
    let own = Files { train_labels: Some("y.npy".to_owned()), ..files("x.npy") };
    let stored = MemoryFiles::of([("x.npy", features.clone()), ("y.npy", floats)]);
    let error = stored.facts(&spec(own)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`y.npy`, byte 68: found 0.25; expected a class: a whole number or a name"
    );
    assert!(error.help().unwrap().contains("regression"));
}

#[test]
fn a_missing_label_is_refused() {
    for (label, found) in [("", "``"), ("nan", "`nan`"), ("inf", "`inf`")] {
        let message = format!("`a.csv`, line 3, column 2: found {found}; expected a label");
        refused(&["1", label], &message, "`df.dropna()`");
    }
    let tensors = [
        ("features", "F32", &[2, 1][..], f32s(&[1.0, 2.0])),
        ("labels", "F32", &[2][..], f32s(&[1.0, f32::NAN])),
    ];
    let stored = MemoryFiles::of([("t.safetensors", safetensors(&tensors))]);
    let error = stored.facts(&spec(files("t.safetensors"))).unwrap_err();
    assert!(error.to_string().contains("found NaN; expected a label"), "{error}");
}

#[test]
fn labels_of_one_column_are_labels_and_one_hot_ones_are_refused() {
    let features = npy(1, "<f4", &[2, 1], &f32s(&[1.0, 2.0]));
    let of = |labels: Vec<u8>| {
        let stored = MemoryFiles::of([("x.npy", features.clone()), ("y.npy", labels)]);
        let own = Files { train_labels: Some("y.npy".to_owned()), ..files("x.npy") };
        stored.facts(&spec(own))
    };
    assert_eq!(of(npy(1, "<i8", &[2, 1], &i64s(&[1, 0]))).unwrap().classes, 2);
    let one_hot = of(npy(1, "<i8", &[2, 2], &i64s(&[0, 1, 1, 0]))).unwrap_err();
    assert!(one_hot.help().unwrap().contains("`y.argmax(1)`"));
    let names = of(npy(1, "<U4", &[2], &[0; 32])).unwrap_err();
    assert!(names.help().unwrap().contains("numpy.unique"));
}

/// A `shape` reshapes rows of numbers only.
#[test]
fn a_shape_that_would_scramble_pixels_is_refused_with_the_transpose() {
    let features = npy(1, "<f4", &[2, 4, 4, 3], &f32s(&[0.0; 96]));
    let stored = MemoryFiles::of([("x.npy", features), ("y.npy", npy(1, "|u1", &[2], &[0, 1]))]);
    let of = |shape: &[u32]| {
        let train_labels = Some("y.npy".to_owned());
        let own = Files { train_labels, shape: Some(shape.to_vec()), ..files("x.npy") };
        stored.facts(&spec(own))
    };
    let error = of(&[3, 4, 4]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "an example of `x.npy` has shape [4, 4, 3]; read as [3, 4, 4], its numbers would be scrambled"
    );
    assert_eq!(error.key(), "data.set.files.shape");
    assert!(error.help().unwrap().contains("`x = x.transpose(0, 3, 1, 2)`"));
    assert_eq!(of(&[4, 4, 3]).unwrap().shape, [4, 4, 3]);
}

#[test]
fn keys_of_columns_have_no_effect_on_arrays() {
    let tensors = [
        ("features", "F32", &[2, 1][..], f32s(&[1.0, 2.0])),
        ("labels", "F32", &[2][..], f32s(&[1.0, 0.0])),
    ];
    let stored = MemoryFiles::of([("t.safetensors", safetensors(&tensors))]);
    let own = || files("t.safetensors");
    let table = [
        (Files { label: Some("y".to_owned()), ..own() }, "data.set.files.label"),
        (Files { group: Some("y".to_owned()), ..own() }, "data.set.files.group"),
        (Files { ignore: vec!["y".to_owned()], ..own() }, "data.set.files.ignore"),
        (Files { separator: Some(';'), ..own() }, "data.set.files.separator"),
        (Files { header: Some(true), ..own() }, "data.set.files.header"),
    ];
    for (own, key) in table {
        let error = stored.facts(&spec(own)).unwrap_err();
        let words = format!("`{key}` would have no effect: only CSV files have columns");
        assert_eq!((error.key(), error.to_string()), (key, words));
    }
}
