//! The words of messages: names in backticks, lists, and what a misspelt name probably meant.

use fedlayer_core::excerpt;

/// The longest text that a message repeats, in characters.
const LONGEST: usize = 60;

/// The most names that a list has.
const MOST: usize = 16;

/// From which Jaro–Winkler similarity on a name may be meant.
const SIMILAR: f64 = 0.88;

/// A text of the scenario as messages repeat it: cut after [`LONGEST`] characters, those that
/// cannot be shown escaped.
pub(crate) fn cut(text: &str) -> String {
    excerpt(text, LONGEST)
}

/// A name in backticks.
pub(crate) fn name(text: impl AsRef<str>) -> String {
    format!("`{}`", cut(text.as_ref()))
}

/// `a`, `a and b`, `a, b and c`, with this word before the last.
pub(crate) fn join(items: &[String], word: &str) -> String {
    match items {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} {word} {last}", first.join(", ")),
    }
}

/// Names in backticks, the first of them where they are many.
pub(crate) fn names<S: AsRef<str>>(all: impl IntoIterator<Item = S>) -> String {
    let all: Vec<String> = all.into_iter().map(name).collect();
    if all.len() > MOST {
        return format!("{}, … ({} in all)", all[..MOST].join(", "), all.len());
    }
    join(&all, "and")
}

/// A number as TOML writes it, with `_` between the thousands of a large one.
pub(crate) fn number(number: f64) -> String {
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

/// A count with its noun: `1 layer`, `3 layers`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// What a misspelt name probably meant: the nearest of the names there are, where one is near enough.
pub fn nearest<'n>(found: &str, all: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    // A longer name has no meaning that a distance could find, and would take long to compare.
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

/// `did you mean …?` for a misspelt name, where a name is near enough.
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
        assert_eq!(names(["a"]), "`a`");
        assert_eq!(names(["a", "b", "c"]), "`a`, `b` and `c`");
        assert!(names((0..20).map(|i| i.to_string())).ends_with("`15`, … (20 in all)"));
        assert_eq!(cut(&"ü".repeat(61)), format!("{}…", "ü".repeat(60)));
        assert_eq!(
            [0.5, 1.0, 9999.0, 10_000.0, 4_294_967_295.0].map(number),
            ["0.5", "1", "9999", "10_000", "4_294_967_295"]
        );
        assert_eq!([count(1, "layer"), count(3, "layer")], ["1 layer", "3 layers"]);
    }
}
