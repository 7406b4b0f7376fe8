//! Every promise of `docs/reliability.md` names tests that exist.

use std::{fs, path::Path};

/// The root of the repository.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The folders with tests.
const TESTS: [&str; 2] = ["crates", "tests"];

/// The path of the page.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reliability.md");

/// Compares a part of the page, between two comments, with the result of a test.
///
/// `INSTA_UPDATE=always` writes the result into the page.
pub(crate) fn assert_page(part: &str, found: &str) {
    let page = fs::read_to_string(PAGE).unwrap();
    let (begin, end) = (format!("<!-- {part} -->\n\n"), format!("\n<!-- end of {part} -->"));
    let (before, rest) = page.split_once(&begin).unwrap();
    let (held, behind) = rest.split_once(&end).unwrap();
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        fs::write(PAGE, format!("{before}{begin}{found}{end}{behind}")).unwrap();
        return;
    }
    assert_eq!(held, found, "docs/reliability.md has another `{part}` than the test");
}

#[test]
fn every_test_that_the_page_on_reliability_names_exists() {
    let page = fs::read_to_string(PAGE).unwrap();
    let (_, promises) = page.split_once("| promise | test | figure |").unwrap();
    let rows: Vec<Vec<&str>> = promises
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.split('|').map(str::trim).collect())
        .collect();
    assert!(rows.len() >= 10, "{rows:?}");
    let sources: Vec<String> =
        TESTS.into_iter().flat_map(|folder| sources(folder.as_ref())).collect();
    for row in &rows {
        let [_, promise, tests, figure, _] = row[..] else { panic!("{row:?}") };
        let names: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty() && !figure.is_empty(), "`{promise}` has no test or no figure");
        for name in names {
            let test = format!("fn {name}(");
            let is_there = sources.iter().any(|source| source.contains(&test));
            assert!(is_there, "docs/reliability.md names the test `{name}`, which does not exist");
        }
    }
}

/// Returns the text of every Rust file below a folder of the repository.
fn sources(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(Path::new(ROOT).join(folder)).unwrap() {
        let path = entry.unwrap().path();
        match path.extension().is_some_and(|ending| ending == "rs") {
            true => found.push(fs::read_to_string(&path).unwrap()),
            false if path.is_dir() => found.extend(sources(&path)),
            false => {}
        }
    }
    found
}
