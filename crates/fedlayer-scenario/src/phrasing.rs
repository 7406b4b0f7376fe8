//! Phrases of messages: names in backticks, lists, counts, and suggestions for misspelt names.

use fedlayer_core::text::excerpt;

/// The largest number of characters of a text that a message repeats.
const LONGEST: usize = 60;

/// The largest number of names in a list.
const MOST: usize = 16;

/// The least Jaro–Winkler similarity of a name that may be meant.
const SIMILAR: f64 = 0.88;

/// Shortens a text of the scenario to [`LONGEST`] characters and escapes those that cannot be
/// shown.
pub(crate) fn shortened(text: &str) -> String {
    excerpt(text, LONGEST)
}

/// Puts a name into backticks.
pub(crate) fn backticked(text: impl AsRef<str>) -> String {
    format!("`{}`", shortened(text.as_ref()))
}

/// Joins items as in `a`, `a and b`, `a, b and c`, with this word before the last.
pub(crate) fn join(items: &[String], word: &str) -> String {
    match items {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} {word} {last}", first.join(", ")),
    }
}

/// Lists names in backticks; of many names, the first and their number.
pub(crate) fn backticked_list<S: AsRef<str>>(all: impl IntoIterator<Item = S>) -> String {
    let all: Vec<String> = all.into_iter().map(backticked).collect();
    if all.len() > MOST {
        return format!("{}, … ({} in all)", all[..MOST].join(", "), all.len());
    }
    join(&all, "and")
}

/// Writes a number as TOML does, with `_` between the thousands of a large one.
pub(crate) fn grouped_digits(number: f64) -> String {
    let digits = number.to_string();
    if digits.len() < 5 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return digits;
    }
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('_');
        }
        text.push(digit);
    }
    text
}

/// Writes a count with its noun: `1 layer`, `3 layers`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// Returns the name that a misspelt name probably means: the nearest one, if it is near enough.
pub fn nearest<'n>(found: &str, all: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    // A very long text is no misspelt name, and would take long to compare.
    if found.len() > 4 * LONGEST {
        return None;
    }
    let plain = |text: &str| text.to_lowercase().replace(['_', '-', ' '], "");
    let found = plain(found);
    let near = |name: &str| {
        let name = plain(name);
        let distance = strsim::osa_distance(&found, &name);
        let few_edits =
            distance <= (found.chars().count() / 3).max(1) && distance < name.chars().count();
        let same_beginning = strsim::jaro_winkler(&found, &name) >= SIMILAR
            || name.len() > 3 && found.starts_with(&name);
        (few_edits || same_beginning).then_some(distance)
    };
    let distances = all.into_iter().filter_map(|name| Some((near(name)?, name)));
    distances.min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

/// Returns `did you mean …?` for a misspelt name, if a name is near enough.
pub fn did_you_mean<'n>(found: &str, all: impl IntoIterator<Item = &'n str>) -> Option<String> {
    nearest(found, all).map(|name| format!("did you mean `{name}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_near() {
        let keys = ["epochs", "batch", "optimizer", "optimizer_state", "lr"];
        for (found, meant) in [
            ("epoch", Some("epochs")),
            ("Epochs", Some("epochs")),
            ("optimiser", Some("optimizer")),
            ("optimizer-state", Some("optimizer_state")),
            ("btach", Some("batch")),
            ("x", None),
            ("", None),
            ("learning_rate", None),
            ("epochs_per_round", Some("epochs")),
            ("batch_per_client", Some("batch")),
        ] {
            assert_eq!(nearest(found, keys), meant, "{found}");
        }
    }

    #[test]
    fn lists_read_like_sentences() {
        assert_eq!(backticked_list(["a"]), "`a`");
        assert_eq!(backticked_list(["a", "b", "c"]), "`a`, `b` and `c`");
        assert!(backticked_list((0..20).map(|i| i.to_string())).ends_with("`15`, … (20 in all)"));
        assert_eq!(shortened(&"ü".repeat(61)), format!("{}…", "ü".repeat(60)));
        assert_eq!(
            [0.5, 1.0, 9999.0, 10_000.0, 4_294_967_295.0].map(grouped_digits),
            ["0.5", "1", "9999", "10_000", "4_294_967_295"]
        );
        assert_eq!([count(1, "layer"), count(3, "layer")], ["1 layer", "3 layers"]);
    }
}
