//! [`printable`]: text of others that can be shown on a terminal.

use std::borrow::Cow;

/// Whether a character can be shown as it is: no control character, none that breaks a line, none that
/// reverses the direction of the text around it, and none that takes no room, by which two names that
/// differ would look alike.
pub fn is_printable(c: char) -> bool {
    !c.is_control() && !breaks_a_line(c) && !turns_text(c) && !takes_no_room(c)
}

/// Line separator, paragraph separator.
fn breaks_a_line(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}')
}

/// The marks, embeddings, overrides and isolates of Unicode's bidirectional algorithm.
fn turns_text(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Soft hyphen, zero-width space, joiners, invisible operators, byte order mark. Accents, which change
/// the letter before them, are none of these.
fn takes_no_room(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{180e}' | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' | '\u{feff}')
}

/// Writes every character that cannot be shown as `\u001b`, as JSON and TOML do.
///
/// ```
/// assert_eq!(fedlayer_core::printable("a\u{1b}[2Jb\n"), r"a\u001b[2Jb\u000a");
/// assert_eq!(fedlayer_core::printable("naïve 层"), "naïve 层");
/// ```
pub fn printable(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_printable) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        push_printable(&mut shown, c);
    }
    Cow::Owned(shown)
}

/// Appends a character, or its escape where it cannot be shown.
pub fn push_printable(shown: &mut String, c: char) {
    if is_printable(c) {
        shown.push(c);
    } else {
        // Every character that is not printable has at most four hexadecimal digits.
        *shown += &format!("\\u{:04x}", u32::from(c));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_line_breaks_and_overrides_are_escaped() {
        for (text, shown) in [
            ("\u{0}\u{1b}\u{7f}\u{9b}", r"\u0000\u001b\u007f\u009b"),
            ("a\r\n\tb", r"a\u000d\u000a\u0009b"),
            ("\u{2028}\u{2029}\u{85}", r"\u2028\u2029\u0085"),
            ("\u{202e}gpj.exe", r"\u202egpj.exe"),
            ("\u{2066}\u{200f}\u{061c}", r"\u2066\u200f\u061c"),
            ("a\u{200b}ll\u{feff}", r"a\u200bll\ufeff"),
            ("\u{200d}\u{2060}\u{ad}", r"\u200d\u2060\u00ad"),
        ] {
            assert_eq!(printable(text), shown);
            assert!(!text.chars().all(is_printable));
        }
    }

    #[test]
    fn what_can_be_read_stays_as_it_is() {
        for text in ["", "one layer, rotating", "größe.π", "شبكة", "👩", "e\u{301}"] {
            assert_eq!(printable(text), text);
        }
    }
}
