//! Tables and scales at the border between two readings: each line of the rules has an input that
//! only it decides.

use fedlayer_core::{
    Seed,
    spec::{Constants, DataSpec, Files, Normalize, Scale},
};

use crate::{
    encode::{f32s, i64s, npy},
    memory::MemoryFiles,
    tables::{files, spec},
};

/// Returns the values of a file that is its own test file, or the message and the advice.
fn read(text: &str, own: Files) -> Result<Vec<f32>, (String, String)> {
    let stored = MemoryFiles::of([("a.csv", text.into())]);
    let loaded = stored.load(&spec(Files { test: Some("a.csv".to_owned()), ..own }), 1);
    let values = loaded.map(|data| data.test.all_values());
    values.map_err(|error| (error.to_string(), error.help().unwrap_or_default()))
}

fn ignoring(name: &str) -> Files {
    Files { ignore: vec![name.to_owned()], ..files("a.csv") }
}

#[test]
fn as_many_columns_between_other_separators_leave_a_doubt() {
    let tie = "a;b;c,d,y\n1,2,0\n3,4,1\n";
    let (message, help) = read(tie, files("a.csv")).unwrap_err();
    let found = "found 3 columns between commas and 3 between semicolons";
    assert!(message.contains(found), "{message}");
    assert!(help.contains("`separator = \";\"`"), "{help}");
    let fewer = "a;b,c,y\n1,2,0\n3,4,1\n";
    assert_eq!(read(fewer, files("a.csv")).unwrap(), [1.0, 2.0, 3.0, 4.0]);
}

#[test]
fn every_usual_name_of_a_label_is_one() {
    for name in ["label", "labels", "target", "targets", "class", "classes"] {
        let text = format!("{name},a,b\n0,1,2\n1,3,4\n");
        assert_eq!(read(&text, files("a.csv")).unwrap(), [1.0, 2.0, 3.0, 4.0], "{name}");
    }
}

#[test]
fn a_column_is_not_owner_or_label_and_ignored() {
    let text = "a,who,y\n1,w,0\n3,v,1\n";
    for (own, name) in [
        (Files { group: Some("who".to_owned()), ..ignoring("who") }, "who"),
        (Files { label: Some("y".to_owned()), ..ignoring("y") }, "y"),
    ] {
        let (message, _) = read(text, own).unwrap_err();
        assert!(message.contains(&format!("found `{name}` for both")), "{message}");
    }
}

#[test]
fn columns_that_are_ignored_may_have_one_name() {
    let text = "old,a,old,y\n9,1,x,0\n9,3,z,1\n";
    assert_eq!(read(text, ignoring("old")).unwrap(), [1.0, 3.0]);
}

/// A line of numbers with one word is a line of names if the word is known as a label, or the
/// numbers count the columns.
#[test]
fn one_word_among_numbers_makes_names_only_where_it_is_known() {
    for (first_line, label) in [
        ("0.5,1.5,label", None),
        ("0.5,1.5,y", None),
        ("0.5,1.5,kind", Some("kind")),
        ("0,1,kind", Some("kind")),
        ("1,2,kind", Some("kind")),
    ] {
        let own = Files { label: label.map(str::to_owned), ..files("a.csv") };
        let text = format!("{first_line}\n5,6,1\n8,9,0\n");
        assert_eq!(read(&text, own).unwrap(), [5.0, 6.0, 8.0, 9.0], "{first_line}");
    }
    // The word may also be the owner; then the label is a number.
    let owned = |label: &str| Files {
        group: Some("who".to_owned()),
        label: Some(label.to_owned()),
        ..files("a.csv")
    };
    assert_eq!(read("7.5,1.5,who\n5,1,a\n8,0,b\n", owned("1.5")).unwrap(), [5.0, 8.0]);
    // Counted columns make a name of any word; the label must still be named.
    let (message, _) = read("0,1,kind\n5,6,1\n8,9,0\n", files("a.csv")).unwrap_err();
    assert!(message.contains("expected a column called `label`"), "{message}");
    for unknown in ["0.5,1.5,kind", "1,0,kind", "0,2,kind"] {
        let (message, _) = read(&format!("{unknown}\n5,6,1\n8,9,0\n"), files("a.csv")).unwrap_err();
        assert!(message.ends_with("expected the names of the columns"), "{unknown}: {message}");
    }
}

#[test]
fn words_that_parse_as_no_finite_number_are_names() {
    let own = Files { label: Some("inf".to_owned()), ..files("a.csv") };
    assert_eq!(read("kind,inf\n5,0\n8,1\n", own).unwrap(), [5.0, 8.0]);
    let (message, help) = read("a,b,y\n1,inf,0\n", files("a.csv")).unwrap_err();
    assert!(message.contains("found `inf`; expected a finite number"), "{message}");
    assert!(help.contains("df.dropna()"), "{help}");
}

/// Returns a table of an `id` and a feature, with as many rows as there are `ids`.
fn numbered(ids: &[&str]) -> String {
    let line = |(row, id): (usize, &&str)| format!("{id},{},{}\n", row % 3, row % 2);
    format!("id,a,y\n{}", ids.iter().enumerate().map(line).collect::<String>())
}

#[test]
fn row_numbers_are_whole_distinct_and_ten_at_least() {
    let ten = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
    let (message, _) = read(&numbered(&ten), files("a.csv")).unwrap_err();
    assert!(message.contains("found row numbers in the column `id`"), "{message}");
    assert_eq!(read(&numbered(&ten[..9]), files("a.csv")).unwrap().len(), 18);
    let mut fraction = ten;
    fraction[4] = "4.5";
    assert_eq!(read(&numbered(&fraction), files("a.csv")).unwrap().len(), 20);
}

#[test]
fn without_names_row_numbers_come_first_and_count_ten_rows_at_least() {
    let lines = |rows: usize, line: &dyn Fn(usize) -> String| (0..rows).map(line).collect();
    let counted = || Files { header: Some(false), label: Some("3".to_owned()), ..files("a.csv") };
    let first = |row: usize| format!("{row},{},{}\n", (row * 5) % 7, row % 2);
    let second = |row: usize| format!("{},{row},{}\n", (row * 5) % 7, row % 2);
    let ten: String = lines(10, &first);
    assert!(read(&ten, counted()).unwrap_err().0.contains("row numbers in the column `1`"));
    let nine: String = lines(9, &first);
    assert_eq!(read(&nine, counted()).unwrap().len(), 18);
    let elsewhere: String = lines(10, &second);
    assert_eq!(read(&elsewhere, counted()).unwrap().len(), 20);
}

#[test]
fn factors_and_means_that_are_no_such_numbers_are_refused() {
    let stored = MemoryFiles::of([("a.csv", "a,y\n1,0\n3,1\n".into())]);
    let check = |spec: DataSpec| stored.library().check(&spec, 1).map_err(|error| error.key());
    for factor in [0.0, -1.0, f64::INFINITY, f64::NAN, 1e39, 1e-50] {
        let scale = Some(Scale::Factor(factor));
        let found = check(DataSpec { scale, ..spec(files("a.csv")) });
        assert_eq!(found.unwrap_err(), "data.scale", "{factor}");
    }
    for mean in [f64::INFINITY, f64::NAN, 1e39] {
        let constants = Constants { mean: vec![mean], std: vec![1.0] };
        let normalize = Some(Normalize::Constants(constants));
        let found = check(DataSpec { normalize, ..spec(files("a.csv")) });
        assert_eq!(found.unwrap_err(), "data.normalize.mean", "{mean}");
    }
}

/// Examples of two axes, such as a series of several quantities, have one channel.
#[test]
fn examples_of_two_axes_are_normalised_as_a_whole() {
    let values: Vec<f32> = (0..24).map(|value| value as f32).collect();
    let own = Files { train_labels: Some("y.npy".to_owned()), ..files("x.npy") };
    let own =
        Files { test: Some("x.npy".to_owned()), test_labels: own.train_labels.clone(), ..own };
    let stored = MemoryFiles::of([
        ("x.npy", npy(1, "<f4", &[4, 2, 3], &f32s(&values))),
        ("y.npy", npy(1, "<i8", &[4], &i64s(&[0, 1, 0, 1]))),
    ]);
    let constants = Constants { mean: vec![1.0], std: vec![2.0] };
    let by = DataSpec { normalize: Some(Normalize::Constants(constants)), ..spec(own) };
    let data = stored.library().load(&by, 1, Seed::new(1)).unwrap();
    let expected: Vec<f32> = values.iter().map(|value| (value - 1.0) / 2.0).collect();
    assert_eq!(data.test.all_values(), expected);
}
