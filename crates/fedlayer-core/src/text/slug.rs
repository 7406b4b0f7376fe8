//! [`slug`]: a strategy's name as the name of a folder.

/// Turns a name into the name of a folder: letters and digits in lower case, joined by `-`.
pub fn slug(name: &str) -> String {
    let words: Vec<String> = name
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    words.join("-")
}
