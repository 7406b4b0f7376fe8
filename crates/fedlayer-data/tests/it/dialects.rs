//! Dialects of tables and texts: separators, byte order marks, line ends, quotes.

use fedlayer_core::spec::{DataSet, DataSpec, Files, Text};

use crate::{
    memory::MemoryFiles,
    tables::{files, spec},
};

/// Returns the values of a file that is its own test file, or the message and the advice.
fn read(bytes: impl AsRef<[u8]>, own: Files) -> Result<Vec<f32>, (String, String)> {
    let stored = MemoryFiles::of([("a.csv", bytes.as_ref().to_vec())]);
    let loaded = stored.load(&spec(Files { test: Some("a.csv".to_owned()), ..own }), 1);
    let values = loaded.map(|data| data.test.all_values());
    values.map_err(|error| (error.to_string(), error.help().unwrap_or_default()))
}

fn separated(separator: char) -> Files {
    Files { separator: Some(separator), ..files("a.csv") }
}

#[test]
fn another_separator_is_named_with_the_key_that_takes_it() {
    for (separator, name, key) in
        [(";", "semicolons", "\";\""), ("\t", "tabs", "\"\\t\""), ("|", "bars", "\"|\"")]
    {
        let text = "a,b,y\n1,2,0\n3,4,1\n".replace(',', separator);
        let (message, help) = read(&text, files("a.csv")).unwrap_err();
        assert_eq!(
            message,
            format!(
                "`a.csv`, line 1: found 1 column between commas and 3 between {name}; expected columns between commas"
            )
        );
        assert!(help.contains(&format!("write `separator = {key}` beside `train`")), "{help}");
        let separator = separator.chars().next().unwrap();
        assert_eq!(read(&text, separated(separator)).unwrap(), [1.0, 2.0, 3.0, 4.0]);
    }
    let (message, _) = read("a,b,y\n1,2,0\n", separated(';')).unwrap_err();
    assert!(message.contains("1 column between semicolons and 3 between commas"), "{message}");
}

#[test]
fn a_separator_inside_quotes_separates_nothing() {
    let text = "\"a;b;c;d\",\"e\nf\",y\n\"1\",2,0\n3,\"4\",1\n";
    assert_eq!(read(text, files("a.csv")).unwrap(), [1.0, 2.0, 3.0, 4.0]);
    // A separator in the scenario is trusted.
    assert_eq!(read("a|b|c|d,e,y\n1,2,0\n3,4,1\n", separated(',')).unwrap().len(), 4);
}

#[test]
fn a_separator_is_one_ascii_character_that_is_in_no_number() {
    for separator in ['5', '.', '-', 'e', '"', '\n', '·'] {
        let stored = MemoryFiles::of([("a.csv", b"a,y\n1,0\n".to_vec())]);
        let error = stored.facts(&spec(separated(separator))).unwrap_err();
        assert_eq!(error.key(), "data.set.files.separator");
    }
}

#[test]
fn a_decimal_comma_is_named_with_the_line_that_mends_it() {
    let text = "a;b;y\n0,5;1;0\n0,25;2;1\n";
    let (message, help) = read(text, separated(';')).unwrap_err();
    assert_eq!(message, "`a.csv`, line 2, column 1: found `0,5`; expected a finite number");
    assert!(help.contains("decimal=\",\""), "{help}");
}

#[test]
fn a_feature_that_is_no_number_is_named_with_both_ways_out() {
    let (_, help) = read("a,colour,y\n1,red,0\n", files("a.csv")).unwrap_err();
    assert!(help.contains("`label = \"colour\"`") && help.contains("`ignore = [\"colour\"]`"));
    let (_, help) = read("a,b,y\n1,,0\n", files("a.csv")).unwrap_err();
    assert!(help.contains("df.dropna()"), "{help}");
}

#[test]
fn a_mark_at_the_head_is_no_part_of_a_name() {
    let own = Files { label: Some("kind".to_owned()), ..files("a.csv") };
    assert_eq!(read("\u{feff}kind,a\n0,1\n1,2\n", own).unwrap(), [1.0, 2.0]);
    let utf16: Vec<u8> = "\u{feff}a,y\n1,0\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let (message, help) = read(utf16, files("a.csv")).unwrap_err();
    assert_eq!(message, "`a.csv`, line 1: found a text in UTF-16; expected text in UTF-8");
    assert!(help.contains("iconv"), "{help}");
}

#[test]
fn a_mark_at_the_head_of_a_text_is_no_token() {
    let vocabulary = |text: &str| {
        let stored = MemoryFiles::of([("t.txt", text.as_bytes().to_vec())]);
        let set = DataSet::Text(Text { file: "t.txt".to_owned() });
        stored.facts(&DataSpec { context: Some(2), ..DataSpec::new(set) }).unwrap()
    };
    let text = "abcabcabcabc";
    assert_eq!(vocabulary(&format!("\u{feff}{text}")), vocabulary(text));
}

#[test]
fn lines_may_end_as_on_any_system() {
    let text = "a,b,y\n1,2,0\n\n3,4,1\n";
    for end in ["\n", "\r\n", "\r"] {
        let values = read(text.replace('\n', end), files("a.csv")).unwrap();
        assert_eq!(values, [1.0, 2.0, 3.0, 4.0], "{end:?}");
    }
    let (message, _) = read("a,y\r1,0\rx,1\r", files("a.csv")).unwrap_err();
    assert_eq!(message, "`a.csv`, line 3, column 1: found `x`; expected a finite number");
}

#[test]
fn what_a_file_holds_never_reaches_a_terminal_raw() {
    let (message, _) = read("a,y\n\"\u{1b}[31m\n\",0\n", files("a.csv")).unwrap_err();
    assert!(!message.contains(char::is_control), "{message:?}");
}
