//! [`slug`]: a name as the name of a folder.

/// A strategy's name as the name of a folder: letters and digits in lower case, everything between them one `-`.
pub fn slug(name: &str) -> String {
    let words: Vec<String> = name
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    words.join("-")
}
