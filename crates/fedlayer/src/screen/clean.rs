//! [`Clean`]: text for a terminal, without the characters that a terminal obeys.
//!
//! `screen.rs` prints no other text, so all names in messages pass through [`clean`].

use std::borrow::Cow;

use fedlayer_core::text::{is_printable, push_printable};

/// The treatment of the program's own colours in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colours {
    Kept,
    Escaped,
}

/// A text without characters that a terminal obeys. Only [`clean`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Clean<'t>(Cow<'t, str>);

impl Clean<'_> {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Escapes every character that a terminal obeys, except line feeds, tabs and, if they are kept,
/// sequences that set a colour. `\r\n` becomes a line feed.
pub(crate) fn clean(text: &str, colours: Colours) -> Clean<'_> {
    if text.chars().all(is_shown) {
        return Clean(Cow::Borrowed(text));
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = match colours {
            Colours::Kept => colour(rest),
            Colours::Escaped => 0,
        };
        if length > 0 {
            shown += &rest[..length];
            rest = &rest[length..];
            continue;
        }
        match c {
            '\r' if rest.starts_with("\r\n") => {}
            c if is_shown(c) => shown.push(c),
            c => push_printable(&mut shown, c),
        }
        rest = &rest[c.len_utf8()..];
    }
    Clean(Cow::Owned(shown))
}

/// Characters that are kept at the beginning and at the end of a line that is too long.
const BEGINNING: usize = 2000;
const END: usize = 1000;

/// Removes the middle of lines that are longer than any message of the program. A file may contain
/// a field of a gigabyte, and a peer may send a reason of a megabyte.
pub(crate) fn without_long_lines(text: &str) -> Cow<'_, str> {
    // Almost every message is shorter, and then has no such line.
    if text.len() <= BEGINNING + END {
        return Cow::Borrowed(text);
    }
    let lines: Vec<Cow<'_, str>> = text.split('\n').map(without_middle).collect();
    Cow::Owned(lines.join("\n"))
}

fn without_middle(line: &str) -> Cow<'_, str> {
    let count = line.chars().count();
    if count <= BEGINNING + END {
        return Cow::Borrowed(line);
    }
    let beginning: String = line.chars().take(BEGINNING).collect();
    let end: String = line.chars().skip(count - END).collect();
    let left_out = count - BEGINNING - END;
    Cow::Owned(format!("{beginning} … ({left_out} characters) … {end}"))
}

fn is_shown(c: char) -> bool {
    is_printable(c) || matches!(c, '\n' | '\t')
}

/// Returns the length of the sequence that sets a colour (`ESC [ numbers m`) at the start of a
/// text; 0 if there is none.
fn colour(text: &str) -> usize {
    let Some(inside) = text.strip_prefix("\u{1b}[") else { return 0 };
    let numbers = inside.find(|c: char| !c.is_ascii_digit() && c != ';').unwrap_or(inside.len());
    if inside[numbers..].starts_with('m') { 2 + numbers + 1 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_a_long_line_is_left_out_and_other_lines_stay() {
        let lines = |long: usize| format!("é\n{}\nhint: é", "é".repeat(long));
        assert_eq!(without_long_lines(&lines(3000)), lines(3000));
        let shown = without_long_lines(&lines(1_000_000)).into_owned();
        assert_eq!(shown.lines().count(), 3);
        assert!(shown.contains("é … (997000 characters) … é") && shown.ends_with("\nhint: é"));
        assert_eq!(shown.chars().filter(|&c| c == 'é').count(), 3002);
    }

    #[test]
    fn sequences_of_others_are_escaped_and_lines_stay() {
        for (text, shown) in [
            ("one\n\ttwo\r\nthree\n", "one\n\ttwo\nthree\n"),
            ("a\u{1b}[2Jb", r"a\u001b[2Jb"),
            ("a\rb\u{8}c\u{7}", r"a\u000db\u0008c\u0007"),
            ("\u{1b}]0;title\u{7}", r"\u001b]0;title\u0007"),
            ("\u{9b}31m", r"\u009b31m"),
            ("\u{202e}txt.exe", r"\u202etxt.exe"),
        ] {
            assert_eq!(clean(text, Colours::Escaped).as_str(), shown);
            assert_eq!(clean(text, Colours::Kept).as_str(), shown);
        }
    }

    #[test]
    fn colours_stay_where_they_are_the_programs_own() {
        let red = "\u{1b}[1;31merror\u{1b}[0m: no";
        assert_eq!(clean(red, Colours::Kept).as_str(), red);
        assert_eq!(clean(red, Colours::Escaped).as_str(), r"\u001b[1;31merror\u001b[0m: no");
        assert_eq!(clean("\u{1b}[", Colours::Kept).as_str(), r"\u001b[");
        assert_eq!(clean("\u{1b}[12", Colours::Kept).as_str(), r"\u001b[12");
    }
}
