//! Batches of one example that a batch normalisation cannot take: which clients have one, with which seed, and what to do.

use fedlayer_core::{
    Architecture, ClientId, DataFacts, clients_in_words,
    spec::{LastBatch, LocalSpec},
};

use crate::{
    ClientSizes, Environment, Scenario,
    problem::{At, Problem},
    tree::Path,
};

/// The clients that have a batch of one example with one seed.
struct Hit {
    seed: u64,
    /// Of clients that are all alike, the first.
    clients: Vec<ClientId>,
    /// All of them.
    count: u64,
    /// Training examples of the first of them.
    examples: u64,
}

/// The problem of a batch in which a batch normalisation would see one value of each channel: PyTorch refuses it, since the variance of one value is 0/0.
pub(super) fn check(
    scenario: &Scenario,
    facts: Option<&DataFacts>,
    environment: &dyn Environment,
) -> Option<Problem> {
    let network = Architecture::new(&scenario.model, facts?).ok()?;
    let norm = network.needs_two_examples()?;
    let sizes: Vec<(u64, ClientSizes)> = scenario
        .seeds
        .iter()
        .filter_map(|&seed| {
            // Data that cannot be shared out with a seed is refused for that, before anything trains.
            let sizes = environment.train_examples(&scenario.data, scenario.clients.count, seed);
            Some((seed, sizes?))
        })
        .collect();
    let local = &scenario.local;
    let hits: Vec<Hit> = hits(local, scenario.clients.count, &sizes).collect();
    let first = hits.first()?;
    let title = format!(
        "batch normalisation `{norm}` sees one value per channel in a batch of one example, whose variance is 0/0"
    );
    let at = At::Value(Path::from("local.batch"));
    Some(
        Problem::new(at, title)
            .label(label(local, first, hits.len(), sizes.len()))
            .help(without_last(local, &sizes, scenario.clients.count))
            .help(other_batch(local, &sizes, scenario.clients.count))
            .help(single(first)),
    )
}

/// Per seed with such clients: who they are.
fn hits<'a>(
    local: &'a LocalSpec,
    clients: u32,
    sizes: &'a [(u64, ClientSizes)],
) -> impl Iterator<Item = Hit> + 'a {
    let is_hit = |examples: u64| local.smallest_batch(examples) == 1;
    sizes.iter().filter_map(move |(seed, sizes)| match sizes {
        ClientSizes::Alike(examples) => is_hit(*examples).then(|| Hit {
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
            Some(Hit { seed: *seed, clients, count: hit.len() as u64, examples })
        }
    })
}

/// Who has such a batch, and why: `with seed 1 the last batch of clients 0 and 3 has one example (client 0: 115 examples in batches of 19)`.
fn label(local: &LocalSpec, hit: &Hit, seeds: usize, all: usize) -> String {
    let who = clients_in_words(&hit.clients, hit.count);
    let which = if local.batch == 1 { "every batch" } else { "the last batch" };
    let first = hit.clients.first().map_or(0, |client| client.0);
    let more = match seeds {
        1 => String::new(),
        seeds => format!("; so it is with {seeds} of {all} seeds"),
    };
    format!(
        "with seed {} {which} of {who} has one example (client {first}: {} in batches of {}){more}",
        hit.seed, hit.examples, local.batch
    )
}

/// Whether no client has such a batch under other settings.
fn is_mended(local: &LocalSpec, sizes: &[(u64, ClientSizes)], clients: u32) -> bool {
    hits(local, clients, sizes).next().is_none()
}

fn without_last(local: &LocalSpec, sizes: &[(u64, ClientSizes)], clients: u32) -> Option<String> {
    let dropped = LocalSpec { last_batch: LastBatch::Drop, ..local.clone() };
    is_mended(&dropped, sizes, clients).then(|| {
        "write `last_batch = \"drop\"` in `[local]`: a last batch that is smaller than the others is then left out, as by PyTorch's `drop_last=True`".to_owned()
    })
}

/// How far from the scenario's batch another one is looked for.
const NEARBY: u32 = 16;

fn other_batch(local: &LocalSpec, sizes: &[(u64, ClientSizes)], clients: u32) -> Option<String> {
    let nearby =
        (1..=NEARBY).flat_map(|by| [local.batch.checked_add(by), local.batch.checked_sub(by)]);
    let mut batches = nearby.flatten().filter(|&batch| batch > 1);
    let batch =
        batches.find(|&batch| is_mended(&LocalSpec { batch, ..local.clone() }, sizes, clients))?;
    Some(format!("with `batch = {batch}` no client has a batch of one example"))
}

/// A client with one example has no other batch.
fn single(hit: &Hit) -> Option<String> {
    (hit.examples == 1).then(|| {
        "a client with one training example cannot train this network: take fewer clients, another partition, or `norm = { kind = \"group\" }`".to_owned()
    })
}
