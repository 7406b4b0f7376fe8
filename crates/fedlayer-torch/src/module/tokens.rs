//! [`tokens`]: splits a TorchScript source into tokens, as libtorch's own lexer does.
//!
//! Only the form that `torch.jit.save` writes is accepted: texts in one pair of double quotes, no
//! comments, no lines continued by a backslash. Another form might mean something else to libtorch
//! than to this lexer.

/// A token of a source with its position.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct CodeToken<'s> {
    pub(super) kind: TokenKind<'s>,
    /// Counted from 1.
    pub(super) line: usize,
    /// It is the first character of its line: it is not inside a class or a function.
    pub(super) is_outermost: bool,
}

/// The kind of a token.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum TokenKind<'s> {
    /// A name or a keyword.
    Name(&'s str),
    /// A text, with its escapes resolved.
    Text(String),
    /// A number.
    Number,
    /// One character of punctuation.
    Mark(char),
}

/// A character that `torch.jit.save` does not write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ForeignCharacter {
    pub(super) found: char,
    pub(super) line: usize,
}

/// Splits a source into tokens.
///
/// # Errors
/// When the source has a character, a text or a comment that `torch.jit.save` does not write.
pub(super) fn tokens(source: &str) -> Result<Vec<CodeToken<'_>>, ForeignCharacter> {
    let mut tokens = Vec::new();
    let mut rest = source;
    let mut line = 1;
    while let Some(first) = rest.chars().next() {
        if matches!(first, '\n' | ' ') {
            line += usize::from(first == '\n');
            rest = &rest[1..];
            continue;
        }
        let foreign = ForeignCharacter { found: first, line };
        let (kind, length) = token(rest, first).ok_or(foreign)?;
        let is_outermost = source[..source.len() - rest.len()].ends_with('\n') || tokens.is_empty();
        tokens.push(CodeToken { kind, line, is_outermost });
        rest = &rest[length..];
    }
    Ok(tokens)
}

/// Reads the token at the beginning of `rest`. Returns it with its length; `None` if
/// `torch.jit.save` does not write it.
fn token(rest: &str, first: char) -> Option<(TokenKind<'_>, usize)> {
    match first {
        '"' => text(rest),
        'a'..='z' | 'A'..='Z' | '_' => Some(name(rest)),
        '0'..='9' => Some((TokenKind::Number, number(rest))),
        '\'' | '#' | '\\' | '`' | '$' | '?' | ';' => None,
        mark if mark.is_ascii_punctuation() => Some((TokenKind::Mark(mark), 1)),
        _ => None,
    }
}

fn name(rest: &str) -> (TokenKind<'_>, usize) {
    let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
    (TokenKind::Name(&rest[..length]), length)
}

/// The length of a number: `3`, `0.5`, `1.0000000000000001e-05`, `2j`.
fn number(rest: &str) -> usize {
    let digits = |from: usize| {
        rest[from..].find(|c: char| !c.is_ascii_digit()).map_or(rest.len(), |length| from + length)
    };
    let mut end = digits(0);
    if rest[end..].starts_with('.') {
        end = digits(end + 1);
    }
    if let Some(exponent) = rest[end..].strip_prefix(['e', 'E']) {
        let signed = usize::from(exponent.starts_with(['+', '-']));
        end = digits(end + 1 + signed);
    }
    if rest[end..].starts_with('j') { end + 1 } else { end }
}

/// Reads a text in double quotes. Returns it with its length in the source; `None` if it is not
/// closed in its line or begins with three quotes.
fn text(rest: &str) -> Option<(TokenKind<'_>, usize)> {
    if rest.starts_with("\"\"\"") {
        return None;
    }
    let bytes = rest.as_bytes();
    let mut content = Vec::new();
    let mut at = 1;
    loop {
        match *bytes.get(at)? {
            b'"' => break,
            b'\n' => return None,
            b'\\' => {
                let (byte, length) = escape(&bytes[at + 1..])?;
                content.push(byte);
                at += 1 + length;
            }
            byte => {
                content.push(byte);
                at += 1;
            }
        }
    }
    Some((TokenKind::Text(String::from_utf8_lossy(&content).into_owned()), at + 1))
}

/// Resolves an escape. Returns its byte and its length behind the backslash.
fn escape(bytes: &[u8]) -> Option<(u8, usize)> {
    let digits =
        |bytes: &[u8], radix| u8::from_str_radix(std::str::from_utf8(bytes).ok()?, radix).ok();
    Some(match *bytes.first()? {
        b'n' => (b'\n', 1),
        b't' => (b'\t', 1),
        b'r' => (b'\r', 1),
        b'a' => (7, 1),
        b'b' => (8, 1),
        b'f' => (12, 1),
        b'v' => (11, 1),
        b'x' => (digits(bytes.get(1..3)?, 16)?, 3),
        b'0'..=b'3' => (digits(bytes.get(..3)?, 8)?, 3),
        byte @ (b'\\' | b'"' | b'\'') => (byte, 1),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(source: &str) -> Vec<TokenKind<'_>> {
        tokens(source).unwrap().into_iter().map(|token| token.kind).collect()
    }

    #[test]
    fn names_numbers_texts_and_marks_are_told_apart() {
        use TokenKind::{Mark, Name, Number, Text};
        assert_eq!(
            kinds("x0 = torch.mul(x, 1.0e-05, \"a\\\"\\303\\274\\x1b\")"),
            [
                Name("x0"),
                Mark('='),
                Name("torch"),
                Mark('.'),
                Name("mul"),
                Mark('('),
                Name("x"),
                Mark(','),
                Number,
                Mark(','),
                Text("a\"ü\u{1b}".to_owned()),
                Mark(')'),
            ]
        );
        assert_eq!(kinds("\"\""), [Text(String::new())]);
        let lines: Vec<usize> = tokens("a\n\n b\nc").unwrap().iter().map(|t| t.line).collect();
        assert_eq!(lines, [1, 3, 4]);
    }

    #[test]
    fn a_form_that_is_not_saved_code_is_refused() {
        for (source, found, line) in [
            ("x = 'a'", '\'', 1),
            ("x\n# type: ignore", '#', 2),
            ("torch.\\\n  add", '\\', 1),
            ("\"\"\"a\"\"\"", '"', 1),
            ("\"a\n\"", '"', 1),
            ("\"a", '"', 1),
            ("\"\\8\"", '"', 1),
            ("sav\u{435}", '\u{435}', 1),
            ("a\r\n", '\r', 1),
        ] {
            assert_eq!(tokens(source), Err(ForeignCharacter { found, line }), "{source:?}");
        }
    }
}
