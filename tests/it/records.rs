//! Every key that a run writes is on the page of records, and every key in its tables is written by
//! some run.

use std::{collections::BTreeSet, fs};

use serde_json::Value;

use crate::{
    natural::{self, NATURAL, Rows},
    support::Place,
};

/// The scenario with a barrier of each kind, validation data, a best round and a sweep.
fn scenario() -> String {
    let more = "[barriers]\ntwins = 1\n[evaluate]\nselect = \"best\"\n[sweep]\ngrid = { \"local.batch\" = [4, 5] }\n[[strategy]]";
    let shares = "partition = \"natural\"\nvalidation_share = 0.2\nclient_validation_share = 0.2";
    let scenario = NATURAL.replace("partition = \"natural\"", shares);
    scenario.replace("rounds = 2", "rounds = 1").replace("[[strategy]]", more)
}

/// Makes a run with all features on: client `b` has one example and so no held-out data, client `c`
/// is refused.
fn run() -> Place {
    let rows = |owner, size, count| Rows { owner, size, count };
    let train = [rows("a", 1.0, 10), rows("b", 1.0, 1), rows("c", 3e38, 10)];
    let place = natural::place(&scenario(), &train);
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

/// Tables with paths of files or keys of scenarios for keys.
const OF_OTHERS: [&str; 2] = ["run.json files", "run.json provenance.scenario_says"];

/// Finds the paths of all keys of a file's value. The items of a list have the path of the list.
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

/// Returns the section under a heading of the page.
fn section<'p>(page: &'p str, file: &str) -> &'p str {
    let section = page.split("\n## ").find(|section| section.starts_with(&format!("`{file}`")));
    section.unwrap_or_else(|| panic!("no heading `{file}`"))
}

/// Returns the words in backticks.
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
        // The tables of keys, without those of words and values.
        let table = section.split("| key | |\n").nth(1).or(section.split("| column | |\n").nth(1));
        let rows = table.unwrap().lines().take_while(|line| line.starts_with('|'));
        let cells = rows.filter_map(|row| row.split('|').nth(1)).flat_map(quoted);
        let unwritten: Vec<&str> = cells.filter(|key| !written.contains(*key)).collect();
        assert!(unwritten.is_empty(), "`{file}` lacks keys of docs/records.md: {unwritten:?}");
    }
}
