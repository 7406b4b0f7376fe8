//! [`printable`]: text from files and users that is safe to show on a terminal. [`excerpt`],
//! [`in_backticks`] and [`quoted`] are the forms in which messages repeat such text.

use std::borrow::Cow;

/// Returns whether a character can be shown as it is. Control characters, line breaks, characters
/// that reverse the direction of text, and invisible characters cannot: a terminal obeys them, or
/// two different names look alike.
pub fn is_printable(c: char) -> bool {
    !c.is_control() && !is_line_break(c) && !is_bidi_control(c) && !is_invisible(c)
}

/// Returns whether a character is Unicode's line or paragraph separator.
fn is_line_break(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}')
}

/// Returns whether a character is a mark, embedding, override or isolate of Unicode's bidirectional
/// algorithm.
fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Returns whether a character is invisible: a soft hyphen, zero-width space, joiner, invisible
/// operator or byte order mark. Accents are visible: they change the letter before them.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200d}'
            | '\u{2060}'..='\u{2065}'
            | '\u{206a}'..='\u{206f}'
            | '\u{feff}'
    )
}

/// Replaces every character that cannot be shown by its escape (`\u001b`), as in JSON and TOML.
///
/// ```
/// use fedlayer_core::text::printable;
/// assert_eq!(printable("a\u{1b}[2Jb\n"), r"a\u001b[2Jb\u000a");
/// assert_eq!(printable("naïve 层"), "naïve 层");
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

/// Appends a character, or its escape if it cannot be shown.
pub fn push_printable(shown: &mut String, c: char) {
    if is_printable(c) {
        shown.push(c);
    } else {
        // Every character that is not printable has at most four hexadecimal digits.
        *shown += &format!("\\u{:04x}", u32::from(c));
    }
}

/// Returns the first `most` characters of a text with escapes, and `…` if the text is longer.
///
/// ```
/// assert_eq!(fedlayer_core::text::excerpt("a\nbc", 3), r"a\u000ab…");
/// ```
pub fn excerpt(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", printable(&text[..end])),
        None => printable(text).into_owned(),
    }
}

/// The largest number of characters of a name in a list.
const LONGEST_NAME: usize = 80;

/// The largest number of names in a list.
const MOST_NAMES: usize = 10;

/// Lists names in backticks. An empty list is `none`; a list of more than ten names shows the first
/// ten and their number.
///
/// ```
/// use fedlayer_core::text::in_backticks;
/// assert_eq!(in_backticks(["a", "b"]), "`a`, `b`");
/// assert_eq!(in_backticks::<&str>([]), "none");
/// ```
pub fn in_backticks<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> String {
    let quoted = |name: S| format!("`{}`", excerpt(name.as_ref(), LONGEST_NAME));
    let names: Vec<String> = names.into_iter().map(quoted).collect();
    match names.len() {
        0 => "none".to_owned(),
        count if count > MOST_NAMES => {
            format!("{}, … ({count} in all)", names[..MOST_NAMES].join(", "))
        }
        _ => names.join(", "),
    }
}

/// Returns a text in quotation marks, as TOML, JSON and Python read it, for lines that a user
/// copies.
///
/// ```
/// assert_eq!(fedlayer_core::text::quoted("a\t\u{1b}\"é"), r#""a\t\u001b\"é""#);
/// ```
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
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
    fn readable_text_stays_as_it_is() {
        for text in ["", "one layer, rotating", "größe.π", "شبكة", "👩", "e\u{301}"] {
            assert_eq!(printable(text), text);
        }
    }

    #[test]
    fn lists_and_long_names_are_cut_between_characters() {
        let many: Vec<String> = (0..12).map(|number| number.to_string()).collect();
        let list = in_backticks(&many);
        assert!(list.ends_with("`8`, `9`, … (12 in all)"), "{list}");
        assert_eq!(in_backticks(["é".repeat(81)]), format!("`{}…`", "é".repeat(80)));
        assert_eq!(excerpt("éa", 2), "éa");
    }
}
