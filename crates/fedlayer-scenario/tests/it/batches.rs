//! Batches of one example in a network with batch normalisation are refused when the scenario is
//! read. The message names the clients.

use fedlayer_core::{data::DataFacts, model::Layout, spec::DataSpec};
use fedlayer_scenario::{
    ClientSizes, Color, DataFault, Diagnostics, Environment, FileFault, Setting, ValidScenario,
    read,
};

use crate::base::{data, edited, holds};

/// Data with these numbers of training examples with seed 1, and one more per client with each
/// further seed.
struct Sized(ClientSizes);

impl Environment for Sized {
    fn data_facts(&self, spec: &DataSpec, clients: u32) -> Result<DataFacts, DataFault> {
        // Clients that are drawn one by one have no common pool.
        data(spec, clients.min(8))
    }

    fn train_examples(&self, _: &DataSpec, _: u32, seed: u64) -> Option<ClientSizes> {
        let more = |examples: u64| examples + seed - 1;
        Some(match &self.0 {
            ClientSizes::Each(each) => {
                ClientSizes::Each(each.iter().map(|&examples| more(examples)).collect())
            }
            ClientSizes::Alike(examples) => ClientSizes::Alike(more(*examples)),
        })
    }

    fn module_layout(&self, _: &str) -> Result<Layout, FileFault> {
        Ok(Layout::new([("fc.weight".to_owned(), vec![10, 64])]).unwrap())
    }
}

const DENSE: &str = r#"layers = ["flatten", { linear = { out = 8 } }, { norm = { kind = "batch" } }, "relu", { linear = { out = 10 } }]"#;

const SIZES: [u64; 8] = [33, 49, 20, 31, 64, 17, 81, 97];

/// Returns the base scenario with another model, with layers of other names.
fn with_model(model: &str) -> String {
    edited("mlp = [128, 64]", model).replace("{ except = [\"out\"] }", "{ first = 1 }")
}

fn sized(model: &str, settings: &[&str], sizes: ClientSizes) -> Result<ValidScenario, Diagnostics> {
    let settings: Vec<Setting> = settings.iter().map(|set| set.parse().unwrap()).collect();
    let text = with_model(model);
    read("scenarios/x.toml", &text, &settings, &Sized(sizes))
}

fn each(model: &str, settings: &[&str]) -> Result<ValidScenario, Diagnostics> {
    sized(model, settings, ClientSizes::Each(SIZES.to_vec()))
}

#[track_caller]
fn refused(result: Result<ValidScenario, Diagnostics>, words: &str) {
    let report = result.unwrap_err().render(Color::Plain);
    assert!(report.contains(words), "{report}");
}

#[test]
fn a_last_batch_of_one_names_its_clients_and_both_ways_out() {
    let report = each(DENSE, &[]).unwrap_err().render(Color::Plain);
    holds("a_last_batch_of_one", &report);
}

#[test]
fn a_last_batch_that_is_dropped_or_larger_is_taken() {
    each(DENSE, &["local.last_batch=drop"]).unwrap();
    // With batches of 30, a client has a last batch of one with seeds 1 and 2, not with seed 3.
    each(DENSE, &["local.batch=30"]).unwrap_err();
    each(DENSE, &["local.batch=30", "seeds=[3]"]).unwrap();
}

#[test]
fn steps_that_end_before_the_last_batch_are_taken() {
    let steps = |steps: &str| with_model(DENSE).replace("epochs = 2", steps);
    let read = |text: &str, sizes: &[u64]| {
        read("scenarios/x.toml", text, &[], &Sized(ClientSizes::Each(sizes.to_vec())))
    };
    read(&steps("steps = 2").replace("seeds = [1, 2, 3]", "seeds = [1]"), &[33; 8]).unwrap();
    refused(
        read(&steps("steps = 3"), &[33; 8]),
        "with seed 1 the last batch of clients 0, 1, 2, 3 and 4 more",
    );
}

#[test]
fn batches_of_one_and_clients_of_one_are_told_apart() {
    let report = each(DENSE, &["local.batch=1", "seeds=[1]"]).unwrap_err().render(Color::Plain);
    assert!(
        report.contains("with seed 1 every batch of clients 0, 1, 2, 3 and 4 more"),
        "{report}"
    );
    assert!(!report.contains("last_batch = "), "dropping does not help: {report}");
    assert!(report.contains("with `batch = "), "{report}");
    let lonely = ClientSizes::Each(vec![20, 1, 20, 20, 20, 20, 20, 20]);
    let report = sized(DENSE, &["local.last_batch=drop"], lonely).unwrap_err().render(Color::Plain);
    assert!(report.contains("the last batch of client 1 has one example"), "{report}");
    assert!(report.contains("a client with one training example cannot train this network"));
}

#[test]
fn clients_that_are_drawn_are_all_alike_and_a_million_of_them_cost_nothing() {
    let million = ["clients.count=1000000", "clients.per_round=5", "data.partition=iid"];
    let settings = [
        &million[..],
        &[
            "data.set={ synthetic = { per_client = 41, classes = 10 } }",
            "barriers.splits=[\"test\"]",
            "evaluate.clients=cohort",
        ],
    ]
    .concat();
    refused(
        sized(DENSE, &settings, ClientSizes::Alike(33)),
        "of clients 0, 1, 2, 3 and 999996 more has one example",
    );
}

#[test]
fn images_of_one_place_are_refused_and_larger_ones_are_not() {
    let conv = |kernel: u32| {
        format!(
            r#"layers = [{{ conv = {{ out = 4, kernel = {kernel} }} }}, {{ norm = {{ kind = "batch" }} }}, "flatten", {{ linear = {{ out = 10 }} }}]"#
        )
    };
    refused(each(&conv(8), &[]), "`norm1` sees one value per channel");
    each(&conv(7), &[]).unwrap();
    each(&DENSE.replace("\"batch\"", "\"group\""), &[]).unwrap();
    // Images of 8 × 8 become 1 × 1 before the last layers of ResNet-18.
    refused(each("resnet-18 = { norm = \"batch\" }", &[]), "`layer4.0.bn1` sees one value");
    each("resnet-20 = { norm = \"batch\" }", &[]).unwrap();
}

#[test]
fn a_sweep_over_the_batch_is_refused_where_it_stands() {
    let sweep = "[sweep]\ngrid = { \"local.batch\" = [15, 19] }\n\n[[strategy]]\nname = \"all\"\n";
    let text = with_model(DENSE)
        .replace("[[strategy]]\nname = \"all\"\n", sweep)
        .replace("seeds = [1, 2, 3]", "seeds = [1]")
        .replace("batch = 16", "batch = 10");
    let sizes = ClientSizes::Each(vec![40, 58, 60, 60, 60, 60, 60, 60]);
    let result = read("scenarios/x.toml", &text, &[], &Sized(sizes));
    refused(
        result,
        "the last batch of client 1 has one example (client 1: 58 examples in batches of 19)",
    );
}
