//! The IID partition: shuffled and dealt out evenly; sizes differ by at most one (McMahan et al.
//! 2017).

use fedlayer_core::Generator;
use rand::seq::SliceRandom;

use super::even_cuts;

/// Returns the examples of each client, out of `examples`.
pub(super) fn deal(examples: usize, clients: usize, generator: &mut Generator) -> Vec<Vec<u32>> {
    let mut order: Vec<u32> = (0..examples as u32).collect();
    order.shuffle(generator);
    even_cuts(examples, clients).map(|cut| order[cut].to_vec()).collect()
}
