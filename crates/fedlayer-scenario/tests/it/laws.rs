//! Laws: no text causes a panic, and a text that is written and read again means the same.

use proptest::prelude::*;

use crate::base::{BASE, data, read_text};

/// Values that have caused trouble somewhere.
const VALUES: &[&str] = &[
    "1e400",
    "-0",
    "18446744073709551616",
    "nan",
    "-inf",
    "\"\"",
    "[]",
    "{}",
    "[[]]",
    "{ a = {} }",
    "\"層\"",
    "'''\n'''",
    "\"\"\"",
    "0x",
    "1_",
    "2024-01-01",
    "true",
    "= =",
    "[",
    "}",
    "\\",
    "\"\\u00",
    "\r",
    "\u{feff}",
    "#",
    ".",
    "a.b",
    "[a]",
    "[[a]]",
    "{ all = 1 }",
    "[0.5, 0.5]",
    "-1",
    "999999999",
    "\u{0}",
    "\u{1b}[31m",
    "\t",
];

/// Returns a random edit of a text: a line is removed, doubled or swapped with another one, or the
/// text after an `=` or between two bytes is replaced.
fn edit(text: &str, (kind, line, other, value): (u8, usize, usize, usize)) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if lines.is_empty() {
        return VALUES[value % VALUES.len()].to_owned();
    }
    let (line, other) = (line % lines.len(), other % lines.len());
    let value = VALUES[value % VALUES.len()];
    match kind % 6 {
        0 => drop(lines.remove(line)),
        1 => lines.insert(other, lines[line].clone()),
        2 => lines.swap(line, other),
        3 => {
            let key = lines[line].split('=').next().unwrap_or_default().to_owned();
            lines[line] = format!("{key}= {value}");
        }
        4 => {
            let at = lines[line].char_indices().map(|(at, _)| at).nth(other).unwrap_or(0);
            lines[line].insert_str(at, value);
        }
        _ => {
            let cut = lines[line].char_indices().map(|(at, _)| at).nth(other).unwrap_or(0);
            lines[line].truncate(cut);
        }
    }
    lines.join("\n")
}

/// Reads a text; if it is refused, writes the diagnostics in both forms.
fn read_and_report(text: &str) {
    match read_text(text) {
        Ok(read) => assert!(!read.plans.is_empty()),
        Err(report) => {
            assert!(!report.is_empty());
            assert!(report.to_string().starts_with("error: "));
            report.render(fedlayer_scenario::Color::Ansi);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        read_and_report(&text);
    }

    #[test]
    fn any_text_of_tomls_characters_is_read_or_refused(text in "([a-z]{1,3}|[0-9]|[\\[\\]{}=.,\"'#\\\\ \n\r\t_+-]|é|層){0,60}") {
        read_and_report(&text);
    }

    #[test]
    fn any_edits_of_a_scenario_are_read_or_refused(
        edits in prop::collection::vec((any::<u8>(), any::<usize>(), 0..80_usize, any::<usize>()), 1..6)
    ) {
        let text = edits.into_iter().fold(BASE.to_owned(), |text, step| edit(&text, step));
        read_and_report(&text);
    }

    #[test]
    fn any_setting_is_applied_or_refused(
        steps in prop::collection::vec(0..KEYS.len(), 1..5),
        value in 0..VALUES.len(),
        edits in prop::collection::vec((any::<u8>(), any::<usize>(), 0..80_usize, any::<usize>()), 0..2),
    ) {
        let text = edits.into_iter().fold(BASE.to_owned(), |text, step| edit(&text, step));
        let key: Vec<&str> = steps.into_iter().map(|step| KEYS[step]).collect();
        let Ok(setting) = format!("{}={}", key.join("."), VALUES[value]).parse() else { return Ok(()) };
        match fedlayer_scenario::read("x.toml", &text, &[setting], &data) {
            Ok(read) => {
                let again = read_text(&read.text);
                prop_assert_eq!(again.map(|again| again.plans), Ok(read.plans));
            }
            Err(report) => prop_assert!(report.to_string().starts_with("error: ")),
        }
    }
}

/// Keys of the base scenario, and others.
const KEYS: &[&str] = &[
    "rounds",
    "seeds",
    "data",
    "set",
    "partition",
    "model",
    "mlp",
    "clients",
    "count",
    "strategy",
    "0",
    "1",
    "3",
    "average",
    "name",
    "barriers",
    "evaluate",
    "every",
    "x",
    "é",
];
