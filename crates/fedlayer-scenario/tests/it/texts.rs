//! Texts that are no scenario at all, and carets after characters of several bytes or columns.

use crate::base::{edited, holds, read_text};

fn message(text: &str) -> String {
    read_text(text).unwrap_err().to_string()
}

#[test]
fn an_empty_file() {
    holds("an_empty_file", &message(""));
}

#[test]
fn a_file_of_comments() {
    holds("a_file_of_comments", &message("# nothing\n# to see\n"));
}

#[test]
fn another_format() {
    holds("another_format", &message("{\n  \"rounds\": 20\n}\n"));
}

#[test]
fn unicode_before_the_caret() {
    let text = edited("partition = { dirichlet = 0.3 }", "\"größe 層\" = 1");
    holds("unicode_before_the_caret", &message(&text));
}

#[test]
fn tabs_before_the_caret() {
    holds("tabs_before_the_caret", &message(&edited("count = 8", "\t\tcount\t=\t0")));
}

#[test]
fn carriage_returns() {
    let text = edited("count = 8", "count = 0").replace('\n', "\r\n");
    holds("carriage_returns", &message(&text));
    assert!(read_text(&crate::base::BASE.replace('\n', "\r\n")).is_ok());
}

#[test]
fn a_byte_order_mark() {
    holds(
        "a_byte_order_mark",
        &message(&format!("\u{feff}{}", edited("seeds = [1, 2, 3]", "seed = 1"))),
    );
}

#[test]
fn control_characters_do_not_reach_the_terminal() {
    let message =
        message(&edited("name = \"late\"", "name = \"\\u001b[31mred\"\n\"\\u001b[31m\" = 1"));
    assert!(!message.contains('\u{1b}'), "{message:?}");
}

#[test]
fn control_characters_of_comments_do_not_reach_the_terminal() {
    for code in (0x00..=0x1f).chain(0x7f..=0x9f).filter(|code| !matches!(code, 0x0a | 0x0d)) {
        let control = char::from_u32(code).unwrap();
        let message = message(&format!("# a{control}b\n"));
        let shown = |c: char| c == '\n' || !c.is_control();
        assert!(message.chars().all(shown), "U+{code:04X}: {message:?}");
    }
}

#[test]
fn a_value_over_several_lines() {
    holds(
        "a_value_over_several_lines",
        &message(&edited("{ dirichlet = 0.3 }", "[\n  1,\n  2,\n]")),
    );
}

#[test]
fn very_many_problems_are_counted() {
    let keys: String = (0..300).map(|key| format!("wrong{key} = 1\n")).collect();
    let report = read_text(&edited("count = 8", &format!("count = 8\n{keys}"))).unwrap_err();
    assert_eq!(report.len(), 300);
    assert!(report.to_string().ends_with("… and 250 more problems\n"));
}

#[test]
fn colour_is_asked_for() {
    let report = read_text("").unwrap_err();
    assert!(report.render(fedlayer_scenario::Color::Ansi).contains("\u{1b}["));
    assert!(!report.is_empty() && !report.to_string().contains('\u{1b}'));
}
