//! Texts as tokens: characters or words, their owners, and the windows that become examples.

use std::{collections::HashMap, io::Read};

use super::{DecodeError, DecodeFault, FilePosition, FileReader};

/// A tokenised text, grouped by owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokens {
    /// The number of different tokens; every token is below it.
    pub vocabulary: usize,
    /// The tokens of each natural owner (a speaker, an article), in the order of the text.
    pub groups: Vec<Vec<u32>>,
}

/// Reads a whole file as UTF-8, without a byte order mark. `bytes` is the file's size, if it is
/// known.
///
/// # Errors
/// When the file is not UTF-8, is empty, or has another size.
pub fn utf8<R: Read>(input: &mut FileReader<R>, bytes: Option<u64>) -> Result<String, DecodeError> {
    let bytes = match bytes {
        Some(count) => input.whole(count)?,
        None => input.rest()?,
    };
    // Characters as tokens, windows and labels take 4 bytes each.
    input.has_room_for(12 * bytes.len() as u64)?;
    if bytes.is_empty() {
        let error = input.fault(DecodeFault::Truncated, "an empty file", "text");
        return Err(error.with_help("name another file, or write the text into this one"));
    }
    let mut text = String::from_utf8(bytes).map_err(|error| {
        let position = FilePosition::Byte(error.utf8_error().valid_up_to() as u64);
        input
            .fault_at(position, DecodeFault::Text, "bytes that are not UTF-8", "text in UTF-8")
            .with_help(AS_UTF8)
    })?;
    if text.starts_with(BOM) {
        text.drain(..BOM.len_utf8());
    }
    Ok(text)
}

/// Ends every line in `\n`, as Python's `open` does: `\r\n` and `\r` end lines on other systems and
/// are not tokens of their own.
pub fn with_plain_line_ends(text: String) -> String {
    if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text }
}

/// The byte order mark, at the beginning of some Unicode files.
pub(super) const BOM: char = '\u{feff}';

/// The advice for a text in another encoding.
pub(super) const AS_UTF8: &str =
    "save it as UTF-8, as `iconv -f latin1 -t utf-8` and `iconv -f utf-16 -t utf-8` do";

/// Tokenises a text into characters, as one group. Characters are numbered in the order of their
/// code points.
pub fn characters(text: &str) -> Tokens {
    let numbers = numbers_of_characters(text);
    let tokens = text.chars().map(|character| numbers[&character]).collect();
    Tokens { vocabulary: numbers.len(), groups: vec![tokens] }
}

/// Tokenises a play into characters, one group for each speaker.
///
/// A block begins with a line `NAME:` at the start of the text or after an empty line and ends
/// before the next block; the whole block, that line included, belongs to the speaker of that name.
/// A name followed by an empty line begins no block. The text before the first block belongs to a
/// speaker without a name.
pub fn speakers(play: &str) -> Tokens {
    let numbers = numbers_of_characters(play);
    let mut speakers: HashMap<&str, usize> = HashMap::new();
    let mut groups: Vec<Vec<u32>> = Vec::new();
    let mut speaker = "";
    let mut after_empty = true;
    let mut lines = play.split_inclusive('\n').peekable();
    while let Some(line) = lines.next() {
        let name = line.trim_end_matches('\n').strip_suffix(':').filter(|name| !name.is_empty());
        let says_something = lines.peek().is_some_and(|&next| next != "\n");
        if let (Some(name), true, true) = (name, after_empty, says_something) {
            speaker = name;
        }
        after_empty = line == "\n";
        let group = *speakers.entry(speaker).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[group].extend(line.chars().map(|character| numbers[&character]));
    }
    Tokens { vocabulary: numbers.len(), groups }
}

fn numbers_of_characters(text: &str) -> HashMap<char, u32> {
    let mut characters: Vec<char> = text.chars().collect();
    characters.sort_unstable();
    characters.dedup();
    characters.into_iter().zip(0..).collect()
}

/// A vocabulary of words, numbered in the order of first appearance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    numbers: HashMap<String, u32>,
}

/// The token at the end of each line.
const END: &str = "<eos>";

/// The token of a word that is not in the vocabulary.
const UNKNOWN: &str = "<unk>";

impl Words {
    /// Collects the words of a text, separated by white space, and `<eos>` for the end of each
    /// line; `<unk>` is always included.
    pub fn of(text: &str) -> Self {
        let mut numbers = HashMap::new();
        let mut add = |word: &str| {
            let next = numbers.len() as u32;
            numbers.entry(word.to_owned()).or_insert(next);
        };
        for line in text.lines() {
            line.split_whitespace().for_each(&mut add);
            add(END);
        }
        add(UNKNOWN);
        Self { numbers }
    }

    /// Returns the number of different tokens.
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Tells whether there is no token; there always is one.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// Tokenises a text into these words, one group for each article. An article begins with a line
    /// ` = Title = ` between empty lines; the text before the first is a group too.
    pub fn articles(&self, text: &str) -> Tokens {
        let unknown = self.numbers.get(UNKNOWN).copied().unwrap_or(0);
        let number = |word: &str| self.numbers.get(word).copied().unwrap_or(unknown);
        let mut groups: Vec<Vec<u32>> = vec![Vec::new()];
        let mut lines = text.lines().peekable();
        let mut after_empty = true;
        while let Some(line) = lines.next() {
            let alone = after_empty && lines.peek().is_none_or(|next| next.trim().is_empty());
            if alone && is_title(line) && groups.last().is_some_and(|group| !group.is_empty()) {
                groups.push(Vec::new());
            }
            after_empty = line.trim().is_empty();
            if let Some(group) = groups.last_mut() {
                group.extend(line.split_whitespace().map(number));
                group.push(number(END));
            }
        }
        Tokens { vocabulary: self.len(), groups }
    }
}

/// Tells whether a line has the form of an article's title, and not of a section's (` = = Section =
/// = `). Some lines of tables and formulas have that form too, without the empty lines.
fn is_title(line: &str) -> bool {
    let inside = line.trim().strip_prefix("= ").and_then(|rest| rest.strip_suffix(" ="));
    inside.is_some_and(|title| !title.starts_with('=') && !title.ends_with('='))
}

/// Windows of a text: examples of `context` tokens. The label of each token is the next token.
#[derive(Debug, Clone, PartialEq)]
pub struct Windows {
    /// `(N, context)`, whole numbers.
    pub values: Vec<f32>,
    /// `(N, context)`
    pub labels: Vec<u32>,
    /// The owner of each window, numbered from 0 over the groups that have a window, `(N)`.
    pub groups: Vec<u32>,
}

impl Tokens {
    /// Returns the number of tokens.
    pub fn len(&self) -> usize {
        self.groups.iter().map(Vec::len).sum()
    }

    /// Tells whether there is no token.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Cuts each group into windows of `context` tokens (at least 1) that do not overlap. The rest
    /// at the end of a group is dropped, and so is a group of fewer than `context` + 1 tokens.
    pub fn windows(&self, context: usize) -> Windows {
        let context = context.max(1);
        let mut windows = Windows { values: Vec::new(), labels: Vec::new(), groups: Vec::new() };
        let mut next = 0;
        for group in &self.groups {
            let count = group.len().saturating_sub(1) / context;
            for start in (0..count).map(|index| index * context) {
                windows.values.extend(group[start..start + context].iter().map(|&t| t as f32));
                windows.labels.extend_from_slice(&group[start + 1..=start + context]);
                windows.groups.push(next);
            }
            next += u32::from(count > 0);
        }
        windows
    }
}
