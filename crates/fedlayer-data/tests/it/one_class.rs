//! Training examples of a single class: there is nothing to learn.

use fedlayer_core::spec::{DataSpec, Files, Partition};

use crate::{
    digits, load,
    memory::MemoryFiles,
    tables::{files, spec},
};

/// A table that is sorted by its labels.
const SORTED: &str = "x,label\n1,lily\n2,lily\n3,lily\n4,rose\n5,rose\n";

fn stored() -> MemoryFiles {
    MemoryFiles::of([("a.csv", SORTED.into())])
}

#[test]
fn the_first_examples_of_a_sorted_file_were_one_class_without_a_word() {
    let error = stored().facts(&DataSpec { train: Some(3), ..spec(files("a.csv")) }).unwrap_err();
    assert_eq!(error.to_string(), "all 3 training examples of `a.csv` are of one class, `lily`");
    assert!(error.help().unwrap().contains("`data.train`"));
    stored().facts(&DataSpec { train: Some(4), ..spec(files("a.csv")) }).unwrap();
}

/// The paper's Figure 4 uses such a set; the program warns of it.
#[test]
fn a_file_of_one_label_is_a_set_of_one_class() {
    let one = || MemoryFiles::of([("a.csv", b"x,label\n1,0\n2,0\n3,0\n".to_vec())]);
    assert_eq!(one().facts(&spec(files("a.csv"))).unwrap().classes, 1);
    let said = Files { classes: Some(3), ..files("a.csv") };
    let error = one().facts(&spec(said)).unwrap_err();
    assert_eq!(error.to_string(), "all 3 training examples of `a.csv` are of one class, 0");
}

#[test]
fn one_class_was_kept_without_a_word() {
    let one = DataSpec { keep_classes: Some(1), ..digits(Partition::Iid) };
    let error = load(&one, 2, fedlayer_core::Seed::new(1)).unwrap_err();
    assert_eq!(error.to_string(), "`data.keep_classes` is 1; it must be at least 2");
}
