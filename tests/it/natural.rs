//! A scenario on a user's own files: each owner of rows is a client.

use std::fs;

use crate::support::Place;

/// Three natural clients in two rounds.
pub(crate) const NATURAL: &str = r#"# A question?   fedlayer run scenario.toml
rounds = 2
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
[[strategy]]
name = "all"
average = "all"
"#;

/// Rows of one owner. No network can train on values of a `size` of 3e38.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows {
    pub(crate) owner: &'static str,
    pub(crate) size: f32,
    pub(crate) count: usize,
}

/// Returns ten rows of each owner, with its size.
pub(crate) fn ten_of<const N: usize>(owners: [(&'static str, f32); N]) -> [Rows; N] {
    owners.map(|(owner, size)| Rows { owner, size, count: 10 })
}

/// Makes a folder with the scenario, its training rows, and ten test rows of size 1.
pub(crate) fn place(scenario: &str, train: &[Rows]) -> Place {
    let place = Place::with(scenario);
    fs::write(place.path("train.csv"), table(train)).unwrap();
    fs::write(place.path("test.csv"), table(&ten_of([("a", 1.0)]))).unwrap();
    place
}

/// Writes rows as CSV with a heading.
pub(crate) fn table(owners: &[Rows]) -> String {
    let mut text = "x,y,owner,kind\n".to_owned();
    for Rows { owner, size, count } in owners {
        for row in 0..*count {
            let (x, y, kind) = (size * (row % 2) as f32, size * 0.25, ["cat", "dog"][row % 2]);
            text += &format!("{x:e},{y:e},{owner},{kind}\n");
        }
    }
    text
}
