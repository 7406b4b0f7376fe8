//! [`layer_movements`]: how far the clients moved each layer in local training, and how far they
//! agree.

use std::ops::Range;

use crate::{
    model::{Layer, LayerSet, Params},
    record::LayerMovement,
};

/// The local training of one client.
#[derive(Debug, Clone, Copy)]
pub struct Moved<'a> {
    /// The client's weight p in the mean; the weights need not add up to 1.
    pub weight: f64,
    /// The model before training.
    pub start: &'a Params,
    /// The model after training.
    pub end: &'a Params,
}

/// The number of parameters that are summed at once. The mean update of a block stays in the cache.
const BLOCK: usize = 2048;

/// The number of partial sums of a product. Each takes every eighth value, so that a processor adds
/// several at once, in the same order everywhere.
const LANES: usize = 8;

/// Measures the updates Δₖ = end − start of some clients, layer by layer from the input, over
/// trained values. All means are weighted by p.
///
/// Sums are in f64 and in a fixed order. The memory beside the models is two blocks.
pub fn layer_movements(clients: &[Moved<'_>]) -> Vec<LayerMovement> {
    let Some(first) = clients.first() else { return Vec::new() };
    let layout = first.end.layout();
    let total: f64 = clients.iter().map(|client| client.weight).sum();
    let shares: Vec<f64> = clients.iter().map(|client| client.weight / total).collect();
    let movement = |(index, layer): (usize, &Layer)| {
        let mut sums = UpdateSums::new(clients.len());
        for range in LayerSet::new(layout.clone(), [index]).trained() {
            for start in range.clone().step_by(BLOCK) {
                sums.add(clients, &shares, &(start..range.end.min(start + BLOCK)));
            }
        }
        LayerMovement {
            layer: layer.name.clone(),
            mean_update_norm: sums.mean_square.sqrt(),
            update_norm: sums.update_norm(&shares),
            cosine: sums.cosine(&shares),
        }
    };
    layout.layers().iter().enumerate().map(movement).collect()
}

/// Sums over the parameters of a layer. Δ̄ is the mean update.
struct UpdateSums {
    /// ‖Δ̄‖².
    mean_square: f64,
    /// ‖Δₖ‖² of each client.
    squares: Vec<f64>,
    /// ⟨Δₖ, Δ̄⟩ of each client.
    products: Vec<f64>,
}

impl UpdateSums {
    fn new(clients: usize) -> Self {
        Self { mean_square: 0.0, squares: vec![0.0; clients], products: vec![0.0; clients] }
    }

    /// Adds the parameters of a block.
    fn add(&mut self, clients: &[Moved<'_>], shares: &[f64], block: &Range<usize>) {
        let (mut mean, mut update) = ([0.0; BLOCK], [0.0; BLOCK]);
        let (mean, update) = (&mut mean[..block.len()], &mut update[..block.len()]);
        for ((client, share), square) in clients.iter().zip(shares).zip(&mut self.squares) {
            write_update(update, client, block);
            mean.iter_mut().zip(&*update).for_each(|(mean, update)| *mean += share * update);
            *square += dot(update, update);
        }
        self.mean_square += dot(mean, mean);
        for (client, product) in clients.iter().zip(&mut self.products) {
            write_update(update, client, block);
            *product += dot(mean, update);
        }
    }

    /// Returns Σ pₖ‖Δₖ‖.
    fn update_norm(&self, shares: &[f64]) -> f64 {
        shares.iter().zip(&self.squares).map(|(share, square)| share * square.sqrt()).sum()
    }

    /// Returns the mean cosine between Δₖ and Δ̄ over the clients that moved; `None` if Δ̄ is 0.
    fn cosine(&self, shares: &[f64]) -> Option<f64> {
        let (mut sum, mut present) = (0.0, 0.0);
        for ((share, square), product) in shares.iter().zip(&self.squares).zip(&self.products) {
            let length = square.sqrt() * self.mean_square.sqrt();
            if length > 0.0 {
                sum += share * product / length;
                present += share;
            }
        }
        (present > 0.0).then(|| sum / present)
    }
}

/// Writes the update of a client on a block of the parameters.
fn write_update(update: &mut [f64], client: &Moved<'_>, block: &Range<usize>) {
    let values = client.end.range(block).iter().zip(client.start.range(block));
    for (update, (&end, &start)) in update.iter_mut().zip(values) {
        *update = f64::from(end) - f64::from(start);
    }
}

/// Returns Σ aᵢbᵢ.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; LANES];
    let (a, b) = (a.chunks(LANES), b.chunks(LANES));
    for (a, b) in a.zip(b) {
        sums.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (a, b))| *sum += a * b);
    }
    sums.iter().sum()
}
