//! Training examples of one class, of which there is nothing to learn.

use fedlayer_core::spec::{DataSet, DataSpec, Files, Partition, Text};

use crate::{
    digits, load,
    memory::MemoryShelf,
    tables::{files, spec},
};

/// A table that is sorted by its labels.
const SORTED: &str = "x,label\n1,lily\n2,lily\n3,lily\n4,rose\n5,rose\n";

fn shelf() -> MemoryShelf {
    MemoryShelf::of([("a.csv", SORTED.into()), ("a.txt", "aaaaaaaaaa".into())])
}

#[test]
fn the_first_examples_of_a_sorted_file_were_one_class_without_a_word() {
    let error = shelf().facts(&DataSpec { train: Some(3), ..spec(files("a.csv")) }).unwrap_err();
    assert_eq!(error.to_string(), "all 3 training examples of `a.csv` are of one class, `lily`");
    assert!(error.help().unwrap().contains("`data.train`"));
    shelf().facts(&DataSpec { train: Some(4), ..spec(files("a.csv")) }).unwrap();
}

#[test]
fn a_file_of_one_label_and_a_text_of_one_letter_are_refused() {
    let one = MemoryShelf::of([("a.csv", b"x,label\n1,7\n2,7\n3,7\n".to_vec())]);
    let error = one.facts(&spec(files("a.csv"))).unwrap_err();
    assert_eq!(error.to_string(), "all 3 training examples of `a.csv` are of one class, `7`");
    let text = DataSet::Text(Text { file: "a.txt".to_owned() });
    let text = DataSpec { context: Some(2), ..DataSpec::new(text) };
    let error = shelf().facts(&text).unwrap_err();
    assert!(error.to_string().contains("are of one class, 0"), "{error}");
}

#[test]
fn one_class_was_kept_without_a_word() {
    let one = DataSpec { keep_classes: Some(1), ..digits(Partition::Iid) };
    let error = load(&one, 2, fedlayer_core::Seed::new(1)).unwrap_err();
    assert_eq!(error.to_string(), "`data.keep_classes` is 1; it must be at least 2");
    let said = Files { classes: Some(1), ..files("a.csv") };
    let error = shelf().facts(&spec(said)).unwrap_err();
    assert_eq!(error.to_string(), "`data.set.files.classes` is 1; it must be from 2 to 1000000");
}
