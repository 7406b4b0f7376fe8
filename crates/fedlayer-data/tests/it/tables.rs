//! CSV files of the user.

use fedlayer_core::{
    data::{ClientId, FederatedData},
    spec::{DataSet, DataSpec, Files, Partition},
};
use fedlayer_data::{DataError, decode::DecodeFault};

use crate::memory::MemoryFiles;

pub(crate) fn files(train: &str) -> Files {
    Files { train: train.to_owned(), ..Files::default() }
}

pub(crate) fn spec(files: Files) -> DataSpec {
    DataSpec::new(DataSet::Files(files))
}

fn load(text: &str, files: Files) -> Result<FederatedData, DataError> {
    MemoryFiles::of([("a.csv", text.into()), ("b.csv", "x,z,kind\n7,8,rose\n".into())])
        .load(&spec(files), 1)
}

#[track_caller]
fn refused(text: impl AsRef<[u8]>, files: Files, fault: DecodeFault, message: &str) {
    let stored = MemoryFiles::of([("a.csv", text.as_ref().to_vec())]);
    let DataError::OwnFile(error) = stored.facts(&spec(files)).unwrap_err() else {
        panic!("not a fault of the file")
    };
    assert_eq!((error.to_string().as_str(), error.fault), (message, fault));
}

/// Returns files with the label in the column `kind`.
fn kind(train: &str) -> Files {
    Files { label: Some("kind".to_owned()), ..files(train) }
}

#[test]
fn numbers_are_read_however_they_are_written() {
    let test = Files { test: Some("b.csv".to_owned()), ..kind("a.csv") };
    let data = load("x,z,kind\n1,2,rose\n3,-4e-1,lily\n\"5\", 6 ,rose\n", test).unwrap();
    let pool = data.pool().unwrap();
    assert_eq!(pool.all_values(), [1.0, 2.0, 3.0, -0.4, 5.0, 6.0]);
    // Names are in alphabetical order.
    assert_eq!((&pool.labels[..], pool.classes), (&[1, 0, 1][..], 2));
    assert_eq!((data.test.all_values(), &data.test.labels), (vec![7.0, 8.0], &vec![1]));
    assert_eq!((&pool.groups, &pool.shape), (&None, &vec![2]));
}

#[test]
fn a_row_takes_the_shape_that_is_asked_for() {
    let data =
        load("kind,x\n1,1\n0,1\n0,1\n", Files { shape: Some(vec![1, 1, 1]), ..kind("a.csv") });
    let facts = data.unwrap().facts();
    assert_eq!((facts.classes, facts.shape), (2, vec![1, 1, 1]));
}

#[test]
fn a_column_of_owners_makes_natural_clients() {
    let lines = (0..30).map(|i| format!("{i},w{},{}\n", i % 3, i % 2)).collect::<String>();
    let owned = Files { group: Some("who".to_owned()), ..files("a.csv") };
    let stored = MemoryFiles::of([("a.csv", format!("x,who,y\n{lines}").into_bytes())]);
    let natural = DataSpec { partition: Partition::Natural, ..spec(owned) };
    let data = stored.load(&natural, 3).unwrap();
    let groups = data.pool().unwrap().groups.clone().unwrap();
    for client in 0..3 {
        let own = data.client(ClientId(client));
        assert!(own.train.iter().all(|&e| groups[e as usize] == groups[own.train[0] as usize]));
    }
    let error = stored.load(&natural, 4).unwrap_err();
    assert_eq!(
        error.to_string(),
        "4 clients cannot share the examples of 3 owners in `a.csv`; every client needs at least one whole owner"
    );
    let nobody = MemoryFiles::of([("a.csv", b"x,who,y\n1,,0\n".to_vec())]);
    let error = nobody.facts(&natural).unwrap_err().to_string();
    assert_eq!(error, "`a.csv`, line 2, column 2: found ``; expected an owner");
    let natural = DataSpec {
        partition: Partition::Natural,
        ..spec(Files { label: Some("y".to_owned()), ..files("b.csv") })
    };
    let stored = MemoryFiles::of([("b.csv", b"x,y\n1,0\n2,1\n3,0\n".to_vec())]);
    let error = stored.load(&natural, 1).unwrap_err();
    assert_eq!(
        (error.key(), error.to_string().as_str()),
        ("data.partition", "the examples of `b.csv` have no natural owners")
    );
}

/// The bytes of a file, the fault, and the message that names it.
const FAULTS: [(&[u8], DecodeFault, &str); 10] = [
    (
        b"x,y\n1,0\n1,2,3\n",
        DecodeFault::Shape,
        "`a.csv`, line 3: found 3 columns; expected 2, as many as the first line has",
    ),
    (
        b"x,y\n1,0\nnan,1\n",
        DecodeFault::Value,
        "`a.csv`, line 3, column 1: found `nan`; expected a finite number",
    ),
    (
        b"x,y\n1,0\n1e39,1\n",
        DecodeFault::Value,
        "`a.csv`, line 3, column 1: found `1e39`; expected a number from -3.4028235e38 to 3.4028235e38, the range of 32-bit floats",
    ),
    (
        b"x,y\n,0\n",
        DecodeFault::Value,
        "`a.csv`, line 2, column 1: found ``; expected a finite number",
    ),
    (b"x,y\n1, \n", DecodeFault::Label, "`a.csv`, line 2, column 2: found ``; expected a label"),
    (
        b"x,y\n",
        DecodeFault::Truncated,
        "`a.csv`, line 1: found names alone; expected at least one line below the names",
    ),
    (
        b"x\n1\n",
        DecodeFault::Shape,
        "`a.csv`, line 1: found the columns `x`; expected a column called `label`, `target` or `class`, or a last one called `y`",
    ),
    (
        b"y\n1\n",
        DecodeFault::Shape,
        "`a.csv`, line 1: found 1 column; expected at least 2: a feature beside label and group",
    ),
    (
        b"",
        DecodeFault::Truncated,
        "`a.csv`, line 1: found an empty file; expected a line of names and at least one example",
    ),
    (
        b"x,y\n1,\xff\n",
        DecodeFault::Text,
        "`a.csv`, line 2: found bytes that are not UTF-8; expected text in UTF-8",
    ),
];

#[test]
fn every_fault_of_a_table_is_named_with_its_line() {
    for (bytes, fault, message) in FAULTS {
        refused(bytes, files("a.csv"), fault, message);
    }
}

#[test]
fn a_column_that_is_absent_or_named_twice_is_refused() {
    let plain = || files("a.csv");
    let label = Files { label: Some("z".to_owned()), ..plain() };
    refused(
        "x,y\n1,0\n",
        label,
        DecodeFault::Shape,
        "`a.csv`, line 1: found the columns `x`, `y`; expected a column `z`",
    );
    let both = Files { label: Some("y".to_owned()), group: Some("y".to_owned()), ..plain() };
    refused(
        "x,y\n1,0\n",
        both,
        DecodeFault::Shape,
        "`a.csv`, line 1: found `y` for both; expected different columns for label, group and `ignore`",
    );
}

#[test]
fn a_label_that_training_does_not_have_is_refused() {
    let unknown = Files { test: Some("b.csv".to_owned()), ..kind("a.csv") };
    let error = load("x,z,kind\n1,2,lily\n", unknown).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`b.csv`, example 0: found the label `rose`; expected one of the 1 labels of training: `lily`"
    );
}

#[test]
fn files_that_do_not_go_together_are_refused() {
    let table = || b"x,z,label\n1,2,0\n3,4,1\n".to_vec();
    let narrow = b"x,label\n1,0\n".to_vec();
    let stored = MemoryFiles::of([("a.csv", table()), ("n.csv", narrow), ("a.txt", table())]);
    let of = |files| {
        let error = stored.facts(&spec(files)).unwrap_err();
        (error.key(), error.to_string())
    };
    let shaped = Files { shape: Some(vec![1, 2, 2]), ..files("a.csv") };
    assert_eq!(
        of(shaped),
        (
            "data.set.files",
            "an example of `a.csv` has shape [2], which is not [1, 2, 2]".to_owned()
        )
    );
    let huge = Files { shape: Some(vec![u32::MAX; 3]), ..files("a.csv") };
    assert_eq!(of(huge).0, "data.set.files");
    let ending = "`a.txt` ends in none of `.csv`, `.safetensors`, `.npy` (or these with `.gz`)";
    assert_eq!(of(files("a.txt")), ("data.set.files", ending.to_owned()));
    let twice = Files { train_labels: Some("n.csv".to_owned()), ..files("a.csv") };
    assert_eq!(
        of(twice),
        ("data.set.files", "`a.csv` has its labels inside; `n.csv` would not be read".to_owned())
    );
    assert_eq!(of(files("c.csv")), ("data.set", "`c.csv`: not found in `c.csv`".to_owned()));
}
