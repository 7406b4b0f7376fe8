//! How long a file may be, what it may not hold, and how a scenario begins.

use std::path::Path;

use super::repository::{files, none, root, shown, text};

/// Text that no Rust file may hold, written in two halves so that this file does not hold it
/// either.
const UNFINISHED: [&str; 3] =
    [concat!("todo", "!("), concat!("unimplemented", "!("), concat!("#[ign", "ore")];

/// Text that no test may hold: a test waits for what it waits for.
const SLEEPS: [&str; 2] = [concat!("thread::", "sleep"), concat!("time::", "sleep")];

const MAX_LINES: usize = 500;

#[test]
fn files_are_short() {
    let wrong = files("rs").into_iter().filter_map(|file| {
        let lines = text(&file).lines().count();
        (lines > MAX_LINES).then(|| {
            format!("{}: {lines} lines, at most {MAX_LINES} are allowed; give its second idea a file of its own", shown(&file))
        })
    });
    none(wrong.collect());
}

#[test]
fn nothing_is_left_unfinished() {
    none(holding(&UNFINISHED, text, "finish it, or take it out"));
}

#[test]
fn tests_do_not_sleep() {
    none(holding(
        &SLEEPS,
        test_text,
        "wait for the event itself, or pause tokio's clock and advance it",
    ));
}

#[test]
fn a_scenario_begins_with_its_question() {
    let mut wrong = Vec::new();
    for file in files("toml").into_iter().filter(|file| file.starts_with(root().join("scenarios")))
    {
        let text = text(&file);
        let head: Vec<&str> = text.lines().take_while(|line| line.starts_with('#')).collect();
        let head = head.join("\n");
        let command = format!("fedlayer run {}", shown(&file));
        if !head.contains('?') {
            wrong.push(format!(
                "{}: no `?` in its first comment; begin with the question that it asks",
                shown(&file)
            ));
        }
        if !head.contains(&command) {
            wrong.push(format!("{}: no `{command}` in its first comment; write the command that answers the question", shown(&file)));
        }
    }
    none(wrong);
}

/// Returns a complaint for each of the `words` in the `part` of a Rust file that the rule is about.
fn holding(words: &[&str], part: fn(&Path) -> String, advice: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for file in files("rs") {
        for (number, line) in part(&file).lines().enumerate() {
            for word in words.iter().filter(|word| line.contains(**word)) {
                wrong.push(format!("{}:{}: holds `{word}`; {advice}", shown(&file), number + 1));
            }
        }
    }
    wrong
}

/// Returns the tests of a Rust file: all of it below a folder `tests` or in `tests.rs`, otherwise
/// its first test module and the rest, below empty lines that keep the line numbers.
fn test_text(file: &Path) -> String {
    let text = text(file);
    let path = shown(file);
    if path.starts_with("tests/") || path.contains("/tests/") || path.ends_with("/tests.rs") {
        return text;
    }
    match text.find("#[cfg(test)]\nmod ") {
        Some(start) => "\n".repeat(text[..start].lines().count()) + &text[start..],
        None => String::new(),
    }
}
