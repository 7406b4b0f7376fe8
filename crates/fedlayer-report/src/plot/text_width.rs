//! Estimates how wide a text is, without a font file.
//!
//! The widths are those of a wide sans-serif font; in narrower fonts, texts leave some room.

/// The size of the smallest texts: ticks and labels beside points.
pub(crate) const SMALL: f64 = 10.0;
/// The size of axis labels, legends and notes.
pub(crate) const MEDIUM: f64 = 11.0;
/// The size of panels' titles.
pub(crate) const LARGE: f64 = 12.0;
/// The size of a picture's title.
pub(crate) const TITLE: f64 = 15.0;

/// Returns the width of a text in pixels at a font size; rather too large than too small.
pub(crate) fn width(text: &str, size: f64) -> f64 {
    text.chars().map(advance).sum::<f64>() * size
}

/// Returns the advance of a letter in units of the font size.
fn advance(letter: char) -> f64 {
    match letter {
        'i' | 'j' | 'l' | '\'' | '|' => 0.30,
        ' ' | '.' | ',' | ':' | ';' | '`' => 0.34,
        'f' | 't' | 'r' | '-' | '(' | ')' | '[' | ']' | '/' | 'I' | 'J' | '!' => 0.41,
        's' | 'c' | 'z' => 0.55,
        'm' | 'w' | 'M' | 'W' | '½' | '%' | '…' | '@' => 1.0,
        '−' | '±' | '×' | '←' | '→' | '+' | '=' | '<' | '>' | '≤' | '≥' | '~' => 0.84,
        'A'..='Z' => 0.75,
        _ => 0.64,
    }
}

/// Shortens a text to at most `most` pixels by leaving out its middle.
pub(crate) fn shorten(text: &str, size: f64, most: f64) -> String {
    if width(text, size) <= most {
        return text.to_owned();
    }
    let letters: Vec<char> = text.chars().collect();
    for kept in (2..letters.len()).rev() {
        let head = kept.div_ceil(2);
        let tail = letters.len() - (kept - head);
        let short: String = letters[..head].iter().chain(&['…']).chain(&letters[tail..]).collect();
        if width(&short, size) <= most {
            return short;
        }
    }
    "…".to_owned()
}

/// Breaks a text at spaces into lines of at most `most` pixels. A wider word gets a line of its
/// own.
pub(crate) fn wrap(text: &str, size: f64, most: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(line, size) + width(" ", size) + width(word, size) <= most => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_lose_their_middle_and_keep_both_ends() {
        assert_eq!(shorten("conv1", SMALL, 60.0), "conv1");
        let short = shorten("layer1.0.conv1+layer1.0.conv2+layer4.1.conv2", SMALL, 90.0);
        assert!(short.starts_with("layer1") && short.ends_with("conv2"), "{short}");
        assert!(width(&short, SMALL) <= 90.0);
    }

    #[test]
    fn lines_are_cut_at_spaces() {
        let lines = wrap("averaged from the input on", MEDIUM, width("averaged from the", MEDIUM));
        assert_eq!(lines, ["averaged from the", "input on"]);
    }
}
