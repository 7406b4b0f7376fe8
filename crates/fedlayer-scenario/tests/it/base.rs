//! The scenario that the tests change, their data, and the helpers that read a changed scenario.

use fedlayer_core::{
    data::DataFacts,
    spec::{DataSet, DataSpec, Partition},
};
use fedlayer_scenario::{Color, DataFault, Diagnostics, Setting, ValidScenario, read};

/// A valid scenario.
pub(crate) const BASE: &str = r#"# Does averaging one layer hurt less than averaging all of them?
seeds = [1, 2, 3]
rounds = 20

[data]
set = "digits"
partition = { dirichlet = 0.3 }

[clients]
count = 8

[model]
mlp = [128, 64]

[local]
epochs = 2
batch = 16
optimizer = { sgd = { lr = 0.1, momentum = 0.9 } }

[barriers]
every = 5
sets = ["full", "layers", "shallow", "deep"]

[[strategy]]
name = "all"
average = "all"

[[strategy]]
name = "one layer, rotating"
average = { rotate = 1 }

[[strategy]]
name = "all but the head"
average = { except = ["out"] }

[[strategy]]
name = "late"
average = [{ rounds = "1-5", average = "none" }, { rounds = "6-", average = "all" }]
"#;

/// An edit of [`BASE`]: its description, the text that is replaced, and the replacement.
pub(crate) struct Case(pub(crate) &'static str, pub(crate) &'static str, pub(crate) &'static str);

/// Returns the facts of the tests' data: some data sets, and drawn sets of any size.
pub(crate) fn data(spec: &DataSpec, clients: u32) -> Result<DataFacts, DataFault> {
    let (shape, classes, targets, pool) = match &spec.set {
        DataSet::Digits => (vec![1, 8, 8], 10, 1, 1438),
        DataSet::Cifar10 => (vec![3, 32, 32], 10, 1, 50_000),
        DataSet::TinyShakespeare => (vec![64], 65, 64, 17_000),
        DataSet::Synthetic(set) => {
            let features = set.informative + set.redundant + set.noise;
            let all = set.examples.or(set.per_client).unwrap_or(2000) as usize;
            (vec![features as usize], set.classes as usize, 1, all * 4 / 5)
        }
        set => panic!("no test asks about {set:?}"),
    };
    let fault = |key: &str, message: String, help: &str| {
        let help = Some(help.into());
        Err(DataFault { key: key.into(), message, help, is_absence: false })
    };
    match spec.partition {
        _ if clients as usize > pool => fault(
            "clients.count",
            format!("{clients} clients cannot share a pool of {pool} examples"),
            "lower `clients.count`",
        ),
        Partition::Shards(shards) if shards as usize * clients as usize > pool => fault(
            "data.partition.shards",
            format!("{clients} clients with {shards} shards each need more than {pool} examples"),
            "lower `data.partition.shards`",
        ),
        _ => Ok(DataFacts { shape, classes, targets, pool, test: 359 }),
    }
}

/// Reads a text without settings.
pub(crate) fn read_text(text: &str) -> Result<ValidScenario, Diagnostics> {
    read("scenarios/x.toml", text, &[], &data)
}

/// Reads [`BASE`] changed by settings.
pub(crate) fn read_set(settings: &[&str]) -> Result<ValidScenario, Diagnostics> {
    let settings: Vec<Setting> = settings.iter().map(|set| set.parse().unwrap()).collect();
    read("scenarios/x.toml", BASE, &settings, &data)
}

/// Returns [`BASE`] with one edit.
pub(crate) fn edited(from: &str, to: &str) -> String {
    assert_eq!(BASE.matches(from).count(), 1, "`{from}` is not in the base exactly once");
    BASE.replacen(from, to, 1)
}

/// Returns the messages of all cases under their descriptions, for a snapshot.
pub(crate) fn messages(cases: &[Case]) -> String {
    let mut all = String::new();
    for Case(about, from, to) in cases {
        let report = match read_text(&edited(from, to)) {
            Ok(_) => panic!("{about}: `{to}` was taken"),
            Err(report) => report,
        };
        all +=
            &format!("{about}\n{}\n{}\n\n", "=".repeat(about.len()), report.render(Color::Plain));
    }
    all
}

/// Compares a text with the snapshot `name`.
pub(crate) fn holds(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_omit_expression(true);
    settings.set_prepend_module_to_snapshot(false);
    settings.bind(|| insta::assert_snapshot!(name, text));
}
