//! The words of comments, and the width of lines: a comment is read by people who know the field
//! and not this house.

use std::{collections::BTreeSet, path::Path};

use proc_macro2::{TokenStream, TokenTree};

use super::repository::{files, none, shown, text};

/// Words that make a sentence hard to read, each also with an `s` behind it.
const HARD: [&str; 5] = ["stand", "so many", "nothing where", "whose", "place"];

/// The most hard words in 1,000 lines of comments.
const MAX_HARD_PER_THOUSAND: f64 = 5.0;

/// Words that begin a clause without a verb.
const OPENERS: [&str; 4] = ["What", "Whose", "Where", "Whether"];

/// The most doc comments that may begin with one of the [`OPENERS`], in per cent.
const MAX_OPENERS_PERCENT: f64 = 6.0;

const CODE_WIDTH: usize = 120;
const COMMENT_WIDTH: usize = 100;
const PROSE_WIDTH: usize = 120;

#[test]
fn comments_are_plain_sentences() {
    let all: Vec<Comments> =
        files("rs").iter().map(|file| Comments::of(&text(file), file)).collect();
    let sum = |count: fn(&Comments) -> usize| all.iter().map(count).sum::<usize>().max(1) as f64;
    let hard = sum(|file| file.hard.len()) / sum(|file| file.lines) * 1e3;
    let openers = sum(|file| file.openers.len()) / sum(|file| file.blocks) * 1e2;
    let mut wrong = Vec::new();
    if hard > MAX_HARD_PER_THOUSAND {
        let at: Vec<&str> = all.iter().flat_map(|file| &file.hard).map(String::as_str).collect();
        wrong.push(format!(
            "{hard:.1} of 1,000 comment lines have one of the words {HARD:?}, at most {MAX_HARD_PER_THOUSAND} may; write them anew in plain words:\n{}",
            at.join("\n")
        ));
    }
    if openers > MAX_OPENERS_PERCENT {
        let at: Vec<&str> = all.iter().flat_map(|file| &file.openers).map(String::as_str).collect();
        wrong.push(format!(
            "{openers:.1} % of the doc comments begin with one of {OPENERS:?}, at most {MAX_OPENERS_PERCENT} % may; begin with a verb or a noun:\n{}",
            at.join("\n")
        ));
    }
    none(wrong);
}

#[test]
fn lines_of_code_and_comments_are_not_wide() {
    none(files("rs").iter().flat_map(|file| wide_lines(&text(file), file)).collect());
}

#[test]
fn lines_of_prose_are_not_wide() {
    none(files("md").iter().flat_map(|file| wide_prose(&text(file), file)).collect());
}

#[test]
fn hard_words_and_openers_are_counted_in_comments_alone() {
    let text = "/// Whose place is this?\n/// It stands there.\nlet place = 1;\n\n// So many, so  many, somewhere.\n//! A place.\n";
    let found = Comments::of(text, Path::new("a.rs"));
    assert_eq!((found.lines, found.blocks), (4, 2));
    assert_eq!((found.hard.len(), found.openers.len()), (5, 1), "{:?}", found.hard);
    assert!(found.hard[2].starts_with("  a.rs:2: `stand`"), "{:?}", found.hard);
}

#[test]
fn wide_lines_are_found_and_strings_links_tables_and_code_are_not() {
    let wide = "wide ".repeat(30);
    let found = |text: &str| wide_lines(text, Path::new("a.rs")).len();
    assert_eq!(
        found(&format!("let a = {wide};\n    // {wide}\nf(\"{wide}\n{wide}\n{wide}\");\n")),
        2
    );
    assert_eq!(found(&format!("// {}", "x".repeat(98))), 1);
    assert_eq!(found(&format!("// {}", "x".repeat(97))), 0);
    let found = |text: &str| wide_prose(text, Path::new("a.md")).len();
    assert_eq!(found(&format!("{wide}\n- {wide}\n")), 2);
    let code = format!("```sh\n{wide}\n```\n    {wide}\n");
    let table = format!("| {wide} | |\n");
    let link = format!("See [there](https://example.org/{}).\n", "x".repeat(120));
    assert_eq!(found(&[code, table, link].concat()), 0);
}

/// The comments of a Rust file, counted.
struct Comments {
    lines: usize,
    /// Doc comments: lines in a row count as one.
    blocks: usize,
    hard: Vec<String>,
    openers: Vec<String>,
}

impl Comments {
    fn of(text: &str, file: &Path) -> Self {
        let mut counted = Self { lines: 0, blocks: 0, hard: Vec::new(), openers: Vec::new() };
        let mut is_in_block = false;
        for (index, line) in text.lines().map(str::trim).enumerate() {
            let is_doc = line.starts_with("///") || line.starts_with("//!");
            let at = |word: &str| format!("  {}:{}: `{word}`: {line}", shown(file), index + 1);
            if line.starts_with("//") {
                counted.lines += 1;
                let hard =
                    HARD.iter().flat_map(|word| std::iter::repeat_n(word, times(word, line)));
                counted.hard.extend(hard.map(|word| at(word)));
            }
            if is_doc && !is_in_block {
                counted.blocks += 1;
                counted.openers.extend(opener(line).map(at));
            }
            is_in_block = is_doc;
        }
        counted
    }
}

/// Counts a word in a line, in either case and with or without an `s`.
fn times(word: &str, line: &str) -> usize {
    let line = line.to_lowercase();
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let is_whole = |&(start, _): &(usize, &str)| {
        let behind = &line[start + word.len()..];
        let behind = behind.strip_prefix('s').unwrap_or(behind);
        !line[..start].ends_with(is_part) && !behind.starts_with(is_part)
    };
    line.match_indices(word).filter(is_whole).count()
}

/// Returns the opener that a doc comment begins with.
fn opener(line: &str) -> Option<&'static str> {
    let first = line[3..].trim_start().split(|c: char| !c.is_alphanumeric()).next()?;
    OPENERS.into_iter().find(|opener| *opener == first)
}

/// Returns a complaint for each line of a Rust file that is too wide. Lines of strings are exempt.
fn wide_lines(text: &str, file: &Path) -> Vec<String> {
    let mut strings = BTreeSet::new();
    let tokens = text.parse().unwrap_or_else(|error| panic!("{}: {error}", shown(file)));
    lines_of_strings(tokens, &mut strings);
    let wide = |(number, line): (usize, &str)| {
        let (kind, allowed) = match line.trim_start().starts_with("//") {
            true => ("comment", COMMENT_WIDTH),
            false if strings.contains(&number) => return None,
            false => ("line", CODE_WIDTH),
        };
        let width = line.chars().count();
        (width > allowed).then(|| {
            format!(
                "{}:{number}: a {kind} of {width} columns, at most {allowed} are allowed; break it",
                shown(file),
            )
        })
    };
    (1..).zip(text.lines()).filter_map(wide).collect()
}

/// Finds the lines that a literal is on: of a long one all lines from its first to its last.
fn lines_of_strings(tokens: TokenStream, found: &mut BTreeSet<usize>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => lines_of_strings(group.stream(), found),
            TokenTree::Literal(literal) if literal.to_string().contains('"') => {
                found.extend(literal.span().start().line..=literal.span().end().line);
            }
            _ => {}
        }
    }
}

/// Returns a complaint for each line of a Markdown file that is too wide: code, tables and the
/// addresses of links may be.
fn wide_prose(text: &str, file: &Path) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut is_in_code = false;
    for (index, line) in text.lines().enumerate() {
        let begun = line.trim_start();
        if begun.starts_with("```") {
            is_in_code = !is_in_code;
        }
        let is_prose = !is_in_code && !begun.starts_with('|') && !line.starts_with("    ");
        let width = without_addresses(line).chars().count();
        if is_prose && width > PROSE_WIDTH {
            wrong.push(format!(
                "{}:{}: prose of {width} columns, at most {PROSE_WIDTH} are allowed; break it",
                shown(file),
                index + 1
            ));
        }
    }
    wrong
}

/// Takes the addresses of links out of a line of Markdown.
fn without_addresses(line: &str) -> String {
    let mut parts = line.split("](");
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        kept += "]";
        kept += part.split_once(')').map_or(part, |(_, behind)| behind);
    }
    let is_address = |word: &&str| word.contains("://");
    kept.split(' ').filter(|word| !is_address(word)).collect::<Vec<_>>().join(" ")
}
