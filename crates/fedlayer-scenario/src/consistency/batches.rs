//! Batches of one example, which a batch normalisation cannot take: the clients that have one, the
//! seed, and what to do.

use fedlayer_core::{
    data::{ClientId, DataFacts},
    model::architecture::Architecture,
    record::clients_in_words,
    spec::{LastBatch, LocalSpec},
};

use super::each_local;
use crate::{
    ClientSizes, Environment, Scenario,
    problem::{Location, Problem},
    toml_tree::KeyPath,
};

/// The clients that have a batch of one example, with one seed.
struct SingleExampleBatches {
    seed: u64,
    /// The clients; if all are alike, the first eight.
    clients: Vec<ClientId>,
    /// The number of all such clients.
    count: u64,
    /// The number of training examples of the first client.
    examples: u64,
}

/// Returns the problems of batches in which a batch normalisation sees one value per channel.
/// PyTorch refuses such a batch, because the variance of one value is 0/0.
pub(super) fn check(
    scenario: &Scenario,
    locals: &[LocalSpec],
    facts: &DataFacts,
    environment: &dyn Environment,
) -> Vec<Problem> {
    let network = Architecture::new(&scenario.model, facts).ok();
    let Some(norm) = network.as_ref().and_then(Architecture::needs_two_examples) else {
        return Vec::new();
    };
    let count = scenario.clients.count;
    let sizes = scenario.seeds.iter().filter_map(|&seed| {
        let sizes = environment.train_examples(&scenario.data, count, seed);
        Some((seed, sizes?))
    });
    let sizes: Vec<(u64, ClientSizes)> = sizes.collect();
    each_local::check(scenario, locals, |local| {
        problem(local, norm, count, &sizes).into_iter().collect()
    })
}

fn problem(
    local: &LocalSpec,
    norm: &str,
    clients: u32,
    sizes: &[(u64, ClientSizes)],
) -> Option<Problem> {
    let hits: Vec<SingleExampleBatches> = hits(local, clients, sizes).collect();
    let first = hits.first()?;
    let title = format!(
        "in a batch of one example, batch normalisation `{norm}` sees one value per channel, and its variance is 0/0"
    );
    let at = Location::Value(KeyPath::from("local.batch"));
    Some(
        Problem::new(at, title)
            .label(label(local, first, hits.len(), sizes.len()))
            .help(without_last(local, sizes, clients))
            .help(other_batch(local, sizes, clients))
            .help(single(first)),
    )
}

/// Returns, for each seed that has such clients, the clients.
fn hits<'a>(
    local: &'a LocalSpec,
    clients: u32,
    sizes: &'a [(u64, ClientSizes)],
) -> impl Iterator<Item = SingleExampleBatches> + 'a {
    let is_hit = |examples: u64| local.smallest_batch(examples) == 1;
    sizes.iter().filter_map(move |(seed, sizes)| match sizes {
        ClientSizes::Alike(examples) => is_hit(*examples).then(|| SingleExampleBatches {
            seed: *seed,
            clients: (0..clients.min(8)).map(ClientId).collect(),
            count: clients.into(),
            examples: *examples,
        }),
        ClientSizes::Each(each) => {
            let hit = (0..).zip(each).filter(|(_, examples)| is_hit(**examples));
            let hit: Vec<(u32, u64)> = hit.map(|(client, &examples)| (client, examples)).collect();
            let &(_, examples) = hit.first()?;
            let clients = hit.iter().map(|&(client, _)| ClientId(client)).collect();
            Some(SingleExampleBatches { seed: *seed, clients, count: hit.len() as u64, examples })
        }
    })
}

/// Names the clients and the reason: `with seed 1 the last batch of clients 0 and 3 has one example
/// (client 0: 115 examples in batches of 19)`.
fn label(local: &LocalSpec, hit: &SingleExampleBatches, seeds: usize, all: usize) -> String {
    let who = clients_in_words(&hit.clients, hit.count);
    let which = if local.batch == 1 { "every batch" } else { "the last batch" };
    let first = hit.clients.first().map_or(0, |client| client.0);
    let more = match seeds {
        1 => String::new(),
        seeds => format!("; this happens with {seeds} of {all} seeds"),
    };
    format!(
        "with seed {} {which} of {who} has one example (client {first}: {} examples in batches of {}){more}",
        hit.seed, hit.examples, local.batch
    )
}

/// Returns whether no client has such a batch with other local settings.
fn is_mended(local: &LocalSpec, sizes: &[(u64, ClientSizes)], clients: u32) -> bool {
    hits(local, clients, sizes).next().is_none()
}

/// Suggests to drop the last batch, if that helps.
fn without_last(local: &LocalSpec, sizes: &[(u64, ClientSizes)], clients: u32) -> Option<String> {
    let dropped = LocalSpec { last_batch: LastBatch::Drop, ..local.clone() };
    is_mended(&dropped, sizes, clients).then(|| {
        "write `last_batch = \"drop\"` in `[local]` to drop a smaller last batch, as PyTorch's `drop_last=True` does".to_owned()
    })
}

/// The largest distance of a suggested batch size from the scenario's.
const NEARBY: u32 = 16;

/// Suggests another batch size, if one near the scenario's helps.
fn other_batch(local: &LocalSpec, sizes: &[(u64, ClientSizes)], clients: u32) -> Option<String> {
    let nearby =
        (1..=NEARBY).flat_map(|by| [local.batch.checked_add(by), local.batch.checked_sub(by)]);
    let mut batches = nearby.flatten().filter(|&batch| batch > 1);
    let batch =
        batches.find(|&batch| is_mended(&LocalSpec { batch, ..local.clone() }, sizes, clients))?;
    Some(format!("with `batch = {batch}` no client has a batch of one example"))
}

/// Suggests other clients or another network, if a client has only one example.
fn single(hit: &SingleExampleBatches) -> Option<String> {
    (hit.examples == 1).then(|| {
        "a client with one training example cannot train this network: take fewer clients, another partition, or `norm = { kind = \"group\" }`".to_owned()
    })
}
