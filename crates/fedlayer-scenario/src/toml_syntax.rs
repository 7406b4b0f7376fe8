//! Syntax errors of TOML, in words for users.

use std::ops::Range;

use toml::de::Error;

use crate::{
    phrasing::{backticked, shortened},
    problem::{Location, Problem},
};

/// The parser's errors that an unclosed bracket causes in the lines after it.
const FOLLOWING: &[&str] = &[
    "missing comma between array elements",
    "missing comma between key-value pairs",
    "unexpected `=` in array",
    "extra comma in array",
    "extra comma in inline table",
    "unclosed array",
    "unclosed inline table",
];

/// Returns one problem per line, because a second error in a line mostly follows from the first,
/// and one per unclosed bracket.
pub(crate) fn problems(text: &str, mut errors: Vec<Error>) -> Vec<Problem> {
    let start = |error: &Error| error.span().map_or(0, |span| span.start.min(text.len()));
    errors.sort_by_key(start);
    let line =
        |error: &Error| text.as_bytes()[..start(error)].iter().filter(|&&b| b == b'\n').count();
    errors.dedup_by_key(|error| line(error));
    errors.dedup_by(|error, before| follows(error) && follows(before));
    errors.iter().map(|error| problem(text, error)).collect()
}

fn follows(error: &Error) -> bool {
    FOLLOWING.iter().any(|message| error.message().starts_with(message))
}

fn problem(text: &str, error: &Error) -> Problem {
    let span = error.span().unwrap_or(0..0);
    let found = text.get(span.clone()).unwrap_or_default();
    let (what, expected) = match error.message().split_once(", expected ") {
        Some((what, expected)) => (what, Some(expected)),
        None => (error.message(), None),
    };
    let at = Location::Bytes(whole(text, span));
    match what {
        "duplicate key" => Problem::new(at, format!("{} is given twice", backticked(found)))
            .label("again here")
            .help(
                "keep one of them; a table has only one header, and each item of a list of tables begins with `[[…]]`"
                    .to_owned(),
            ),
        "string values must be quoted" | "invalid literal string" if found.is_empty() => {
            Problem::new(at, "missing value").label("expected a value")
        }
        "string values must be quoted" if found.starts_with(NUMERIC) => {
            Problem::new(at, format!("{} is not a number", backticked(found)))
                .label("not a value of TOML")
                .help(
                    "write a number as `8`, `0.5` or `1e-3`, and a text in quotes".to_owned(),
                )
        }
        "string values must be quoted" => Problem::new(at, "a text must be in quotes")
            .label("not a value of TOML")
            .help(format!("write `\"{}\"`", shortened(found))),
        "invalid basic string" | "invalid literal string"
            if matches!(expected, Some("`\"`" | "`'`")) =>
        {
            let expected = expected.unwrap_or_default();
            Problem::new(at, "a text is not closed").label(format!("expected {expected}"))
        }
        "missing comma between array elements" | "missing comma between key-value pairs" => {
            let close = if what.contains("array") { "]" } else { "}" };
            Problem::new(at, what.to_owned())
                .label("expected `,`")
                .help(format!("is a `{close}` missing before this?"))
        }
        "invalid unquoted key" | "key with no value" | "invalid key-value pair" => {
            Problem::new(at, what.to_owned())
                .label("not TOML")
                .help("write `key = value`, `[table]` or `[[list]]` on a line".to_owned())
        }
        _ => {
            let problem = Problem::new(at, what.to_owned());
            match expected {
                Some("nothing") | None => problem.label("not TOML"),
                Some(expected) => problem.label(format!("expected {expected}")),
            }
        }
    }
}

/// The first characters of numbers.
const NUMERIC: [char; 13] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '+', '-', '.'];

/// Limits a span to the text, with its end not before its start.
fn whole(text: &str, span: Range<usize>) -> Range<usize> {
    let end = span.end.min(text.len());
    span.start.min(end)..end
}
