//! Lines of a CSV file that are not examples: comments, blank lines, extra separators, names in a
//! file without names.

use fedlayer_core::spec::Files;

use crate::{
    memory::MemoryFiles,
    tables::{files, spec},
};

/// Returns the message and the advice about a training file `a.csv`.
fn fault(text: &str, own: Files) -> (String, String) {
    let stored = MemoryFiles::of([("a.csv", text.into()), ("b.csv", "x,z,label\n1,2,0\n".into())]);
    let error = stored.facts(&spec(own)).unwrap_err();
    (error.to_string(), error.help().unwrap_or_default())
}

#[track_caller]
fn said(text: &str, position: &str, help: &str) {
    let (message, advice) = fault(text, files("a.csv"));
    assert!(message.starts_with(&format!("`a.csv`, {position}: ")), "{message}");
    assert!(advice.contains(help), "{advice}");
}

#[test]
fn the_advice_about_a_line_that_is_not_an_example_was_only_to_correct_it() {
    said("x,z,label\n1,2,0\n# half\n3,4,1\n", "line 3", "comments are not read: delete the line");
    said("x,z,label\n1,2,0\n   \n3,4,1\n", "line 3", "only white space: delete it");
    said("x,z,label\n1,2,0\n3,4,1,\n", "line 3", "ends with a separator");
    said("x,z,label\n1,2,0\n3,4,1,5\n", "line 3", "into double quotes");
    said("x,z,label\n1,2,0\n3,4\n", "line 3", "fill in the missing values");
    said("x,z,label\n1,2,0\nend of data\n", "line 3", "not part of the table: delete it");
    said("# made by hand\nx,z,label\n1,2,0\n", "line 1", "comments are not read");
    said("x,z,label,\n1,2,0,\n3,4,1,\n", "line 1", "separator at the end of the lines");
}

#[test]
fn empty_lines_moved_the_numbers_of_the_lines_below() {
    said("x,z,label\n\n\n1,2,0\n3,oak,1\n", "line 5, column 2", "");
    said("x,z,label\r\n\r\n1,oak,0\r\n", "line 3, column 2", "");
    said("x,z,label\n1,2,0\n\n3,4\n", "line 4", "fill in");
}

#[test]
fn names_under_header_false_were_called_no_numbers() {
    let own = Files {
        header: Some(false),
        label: Some("3".to_owned()),
        test: Some("b.csv".to_owned()),
        ..files("a.csv")
    };
    let (message, help) = fault("1,2,0\n3,4,1\n", own);
    assert_eq!(message, "`b.csv`, line 1, column 1: found `x`; expected a finite number");
    assert!(help.contains("`header = false`") && help.contains("delete the line"), "{help}");
    let own = Files { test: Some("b.csv".to_owned()), ..files("a.csv") };
    let stored = MemoryFiles::of([
        ("a.csv", b"x,z,label\n1,2,0\n3,4,1\n".to_vec()),
        ("b.csv", b"1,2,0\n".to_vec()),
    ]);
    let error = stored.facts(&spec(own)).unwrap_err();
    assert!(error.help().unwrap().starts_with("the training file has a line of names"));
}

#[test]
fn a_key_that_names_no_column_was_called_a_fault_of_the_file() {
    let table = "x,z,label\n1,2,0\n3,4,1\n";
    let nope = || Some("nope".to_owned());
    for (own, key) in [
        (Files { ignore: vec!["nope".to_owned()], ..files("a.csv") }, "ignore"),
        (Files { label: nope(), ..files("a.csv") }, "label"),
        (Files { group: nope(), ..files("a.csv") }, "group"),
    ] {
        let (message, help) = fault(table, own);
        assert_eq!(
            message,
            "`a.csv`, line 1: found the columns `x`, `z`, `label`; expected a column `nope`"
        );
        assert!(help.starts_with(&format!("`{key}` beside `train`")), "{help}");
    }
}

#[test]
fn a_number_beyond_32_bits_was_called_not_finite() {
    let (message, help) = fault("x,label\n1,0\n1e39,1\n", files("a.csv"));
    assert!(message.ends_with("from -3.4028235e38 to 3.4028235e38, the range of 32-bit floats"));
    assert!(help.contains("a larger unit"), "{help}");
    let (message, help) = fault("x,label\n1,0\ninf,1\n", files("a.csv"));
    assert!(
        message.ends_with("expected a finite number")
            && help.contains("fill in the missing values")
    );
}

#[test]
fn a_number_of_more_digits_than_64_bits_hold_lost_the_last_ones() {
    let table = |x: &str| format!("x,label\n{x},0\n3,1\n");
    let (message, help) = fault(&table("1700000000000000007"), files("a.csv"));
    assert!(message.contains("found `1700000000000000007`; expected a whole number that a 64-bit"));
    assert!(help.contains("an identifier is not a feature"), "{help}");
    let stored = |x| MemoryFiles::of([("a.csv", table(x).into())]);
    for good in ["1700000000000000000", "9007199254740992", "1.7e18", "1e30"] {
        stored(good).facts(&spec(files("a.csv"))).unwrap();
    }
}

#[test]
fn columns_between_blanks_were_taken_for_one_name() {
    said("x z label\n1 2 0\n3 4 1\n", "line 1", "sep=r\"\\s+\"");
    said("x,label\n\"1,000\",0\n2,1\n", "line 2, column 1", "thousands without a comma");
}

/// The advice about every fault of a user's own file says more than that it is to be corrected.
#[test]
fn the_advice_about_files_without_examples_was_only_to_correct_them() {
    said("", "line 1", "one a line");
    said("x,label\n", "line 1", "one a line");
}
