//! The statements of `docs/scope.md` and `CITATION.cff` are true.

use std::{fs, path::Path};

use crate::support::Place;

fn of_repository(file: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(root.join(file)).unwrap()
}

/// Returns the blocks of TOML in a page.
fn snippets(page: &str) -> Vec<String> {
    let pieces = page.split("```toml\n").skip(1);
    pieces.map(|piece| piece.split("```").next().unwrap().to_owned()).collect()
}

/// The first block is a whole scenario; the others are more strategies for it.
#[test]
fn every_strategy_of_the_page_of_methods_is_checked() {
    let snippets = snippets(&of_repository("docs/scope.md"));
    assert!(snippets.len() > 5, "{} snippets", snippets.len());
    let place = Place::with(&snippets[0]);
    place.fedlayer("check scenario.toml").ok();
    for snippet in &snippets[1..] {
        fs::write(place.path("scenario.toml"), format!("{}\n{snippet}", snippets[0])).unwrap();
        let done = place.fedlayer("check scenario.toml");
        assert_eq!(done.code, Some(0), "{snippet}{}", done.stderr);
        for line in snippet.lines().filter_map(|line| line.strip_prefix("name = \"")) {
            let name = line.trim_end_matches('"');
            assert!(done.stdout.contains(name), "`{name}` is not in\n{}", done.stdout);
        }
    }
}

/// Compares the page's statements about a few methods with the layers that `check` names.
#[test]
fn methods_share_the_layers_that_they_say() {
    let scenario = snippets(&of_repository("docs/scope.md")).join("\n");
    let place = Place::with(&scenario);
    let said = place.fedlayer("check scenario.toml").ok().stdout;
    for (name, layers) in [
        ("FedPer", "fc1+norm1+fc2+norm2+fc3"),
        ("LG-FedAvg", "out"),
        ("FedBN", "fc1+fc2+fc3+out"),
        ("SiloBN", "all"),
    ] {
        let rows = said.lines().filter_map(|line| line.strip_prefix(name));
        let mut rows = rows.filter(|rest| rest.starts_with("  "));
        assert_eq!(rows.next().map(str::trim), Some(layers), "{name} in\n{said}");
    }
}

/// One file does not justify a YAML library. Its lines are keys, items and texts, indented by two
/// blanks.
#[test]
fn what_to_cite_is_readable_and_of_this_version() {
    let text = of_repository("CITATION.cff");
    assert!(text.starts_with("cff-version: 1.2.0\n"), "{text}");
    for line in text.lines() {
        let inside = line.trim_start_matches(' ');
        assert!((line.len() - inside.len()).is_multiple_of(2) && !line.contains('\t'), "{line}");
        let item = inside.strip_prefix("- ").unwrap_or(inside);
        let (key, value) = item.split_once(':').unwrap_or((item, ""));
        assert!(key.chars().all(|c| c.is_ascii_alphanumeric() || "-. ".contains(c)), "{line}");
        let value = value.trim();
        let quoted = value.len() > 1 && value.starts_with('"') && value.ends_with('"');
        assert!(quoted || !value.contains([':', '#', '"', '\'', '{', '[']), "{line}");
    }
    let version = format!("\nversion: {}\n", env!("CARGO_PKG_VERSION"));
    assert!(text.contains(&version), "{version} is not in {text}");
    let link = "https://arxiv.org/abs/2307.06966";
    for file in
        ["CITATION.cff", "docs/scope.md", "docs/figures.md", "docs/analyses.md", "docs/models.md"]
    {
        assert!(of_repository(file).contains(link), "{file} has no link to the article");
    }
}
