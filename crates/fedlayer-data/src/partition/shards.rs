//! Sorted by class, cut into equal shards, and a few shards dealt to each client: the pathological
//! non-IID partition of McMahan et al. (2017), "Communication-efficient learning of deep networks
//! from decentralized data", section 3.

use fedlayer_core::Generator;
use rand::seq::SliceRandom;

use super::even_cuts;
use crate::stratify::by_class;

/// Returns the examples of each client: `per_client` random shards. The sizes of shards differ by
/// at most one example, and no shard is empty.
pub(super) fn deal(
    per_client: usize,
    labels: &[u32],
    classes: usize,
    clients: usize,
    generator: &mut Generator,
) -> Vec<Vec<u32>> {
    let mut members = by_class(labels, classes);
    members.iter_mut().for_each(|members| members.shuffle(generator));
    let sorted = members.concat();
    let mut shards: Vec<_> = even_cuts(sorted.len(), clients * per_client).collect();
    shards.shuffle(generator);
    let share = |own: &[_]| own.iter().cloned().flat_map(|cut| &sorted[cut]).copied().collect();
    shards.chunks(per_client).map(share).collect()
}
