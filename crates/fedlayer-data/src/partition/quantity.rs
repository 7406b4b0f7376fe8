//! The quantity partition: classes are shared evenly, sizes follow a power law.

use fedlayer_core::Generator;

use super::{apportion, fill_empty};
use crate::stratify::stratified;

/// Returns the examples of each client. Client c has rank r = c + 1 and a share in proportion to
/// r^(−exponent), rounded; sizes never grow with the client's number. Each client that this leaves
/// empty gets one example of the client that is largest then.
///
/// Each client's examples are a stretch of a [`stratified`] order: they have every class in its
/// proportion.
pub(super) fn deal(
    exponent: f64,
    labels: &[u32],
    classes: usize,
    clients: usize,
    generator: &mut Generator,
) -> Vec<Vec<u32>> {
    let order = stratified(labels, classes, generator);
    let weights: Vec<f64> = (1..=clients).map(|rank| (rank as f64).powf(-exponent)).collect();
    let mut sizes = apportion(order.len(), &weights);
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    let mut rest = order.as_slice();
    let mut shares: Vec<Vec<u32>> = Vec::with_capacity(clients);
    for size in sizes {
        let (own, others) = rest.split_at(size);
        shares.push(own.to_vec());
        rest = others;
    }
    fill_empty(&mut shares, generator);
    shares
}
