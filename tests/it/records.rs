//! Every key that a run writes is on the page of records, and every key in its tables is written by some run.

use std::{collections::BTreeSet, fs};

use serde_json::Value;

use crate::support::Place;

/// Three clients by nature: `b` has one example and so no test data, `c` has values that no network can train on.
const EVERYTHING: &str = r#"# A question?   fedlayer run scenario.toml
rounds = 1
[data]
set = { files = { train = "train.csv", test = "test.csv", label = "kind", group = "owner" } }
partition = "natural"
[clients]
count = 3
[model]
mlp = { hidden = [4], activation = "identity" }
[local]
epochs = 6
batch = 4
optimizer = { sgd = { lr = 0.1 } }
[barriers]
twins = 1
[sweep]
grid = { "local.batch" = [4, 5] }
[[strategy]]
name = "all"
average = "all"
"#;

fn rows(owner: &str, size: f32, count: usize) -> String {
    let row = |row: usize| {
        let kind = ["cat", "dog"][row % 2];
        format!("{:e},{:e},{owner},{kind}\n", size * (row % 2) as f32, size * 0.25)
    };
    (0..count).map(row).collect()
}

/// A run with all features on.
fn run() -> Place {
    let place = Place::with(EVERYTHING);
    let all = [rows("a", 1.0, 10), rows("b", 1.0, 1), rows("c", 3e38, 10)].concat();
    fs::write(place.path("train.csv"), format!("x,y,owner,kind\n{all}")).unwrap();
    let test = format!("x,y,owner,kind\n{}", rows("a", 1.0, 10));
    fs::write(place.path("test.csv"), test).unwrap();
    fs::create_dir(place.path("sets")).unwrap();
    place.fedlayer("run scenario.toml --out run -q --data sets").ok();
    place
}

/// The files of a run that the page describes, each with its heading there.
const FILES: [(&str, &str); 7] = [
    ("barriers.jsonl", "batch-4/all/seed-1/barriers.jsonl"),
    ("rounds.jsonl", "batch-4/all/seed-1/rounds.jsonl"),
    ("timings.jsonl", "batch-4/all/seed-1/timings.jsonl"),
    ("summary.json", "summary.json"),
    ("run.json", "run.json"),
    ("inputs.json", "inputs.json"),
    ("data.json", "data.json"),
];

/// Tables whose keys are paths of files and keys of scenarios.
const OF_OTHERS: [&str; 2] = ["run.json files", "run.json provenance.scenario_says"];

/// The paths of all keys of a file's value; items of a list are of their list's path.
fn keys(file: &str, value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        _ if OF_OTHERS.contains(&format!("{file} {path}").as_str()) => {}
        Value::Object(table) => {
            for (key, value) in table {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                found.insert(path.clone());
                keys(file, value, &path, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| keys(file, item, path, found)),
        _ => {}
    }
}

fn keys_of(file: &str, text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let documents: Vec<&str> =
        if file.ends_with(".jsonl") { text.lines().collect() } else { vec![text] };
    for document in documents {
        keys(file, &serde_json::from_str(document).unwrap(), "", &mut found);
    }
    found
}

/// What stands under a heading of the page, up to the next one.
fn section<'p>(page: &'p str, file: &str) -> &'p str {
    let section = page.split("\n## ").find(|section| section.starts_with(&format!("`{file}`")));
    section.unwrap_or_else(|| panic!("no heading `{file}`"))
}

/// The words in backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn every_key_of_a_record_is_on_its_page_and_every_key_of_the_page_in_a_record() {
    let place = run();
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/records.md");
    let page = fs::read_to_string(page).unwrap();
    for (file, path) in FILES {
        let text = fs::read_to_string(place.path("run").join(path)).unwrap();
        let written = keys_of(file, &text);
        assert!(written.len() > 1, "{file}: {text}");
        let section = section(&page, file);
        let last = |path: &str| path.rsplit('.').next().unwrap().to_owned();
        let said: BTreeSet<String> = quoted(section).map(last).collect();
        let unsaid: Vec<_> = written.iter().filter(|path| !said.contains(&last(path))).collect();
        assert!(
            unsaid.is_empty(),
            "`{file}` has keys that docs/records.md does not name: {unsaid:?}"
        );
        // Tables of keys, not those of words and values.
        let table = section.split("| key | |\n").nth(1).or(section.split("| column | |\n").nth(1));
        let rows = table.unwrap().lines().take_while(|line| line.starts_with('|'));
        let cells = rows.filter_map(|row| row.split('|').nth(1)).flat_map(quoted);
        let unwritten: Vec<&str> = cells.filter(|key| !written.contains(*key)).collect();
        assert!(unwritten.is_empty(), "`{file}` lacks keys of docs/records.md: {unwritten:?}");
    }
}
