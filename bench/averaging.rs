//! Averaging, compared with copying the same memory: `cargo xtask bench`.

#![allow(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![allow(clippy::unwrap_used, reason = "a benchmark ends where something is wrong")]

mod ratio;

use std::{hint::black_box, sync::Arc};

use fedlayer_core::{
    model::{LayerSet, Layout, Params},
    round::weighted_mean,
};

fn main() {
    println!(
        "weighted mean of K models against copying the same bytes (one thread, medians of 15 turns)\n"
    );
    println!(
        "{:>12} {:>4} {:>10} {:>10} {:>12} {:>12}",
        "parameters", "K", "mean ms", "copy ms", "mean GB/s", "mean ÷ copy"
    );
    for (parameters, models) in [(17_226, 100), (1_600_000, 10), (11_000_000, 4), (11_000_000, 10)]
    {
        average_against_copy(parameters, models);
    }
}

fn average_against_copy(parameters: usize, count: usize) {
    let layout = Arc::new(Layout::new([("layer.weight", vec![parameters])]).unwrap());
    let model = |k: usize| {
        let values = (0..parameters).map(|i| (i % (k + 7)) as f32).collect();
        Params::new(layout.clone(), values).unwrap()
    };
    let models: Vec<Params> = (0..count).map(model).collect();
    let weighted: Vec<(f64, &Params)> =
        models.iter().enumerate().map(|(k, model)| (k as f64 + 1.0, model)).collect();
    let all = LayerSet::all(&layout);
    let mut mean = Params::zeros(layout.clone());
    let mut copy = vec![0.0_f32; parameters];
    let measured = ratio::compare(
        15,
        || weighted_mean(black_box(&mut mean), &all, black_box(&weighted)).unwrap(),
        || {
            for model in black_box(&models) {
                black_box(&mut copy).copy_from_slice(model.values());
            }
        },
    );
    let bytes = 4.0 * parameters as f64 * count as f64;
    println!(
        "{parameters:>12} {count:>4} {:>10.3} {:>10.3} {:>12.1} {:>12.2}",
        1e3 * measured.first.as_secs_f64(),
        1e3 * measured.second.as_secs_f64(),
        bytes / measured.first.as_secs_f64() / 1e9,
        measured.ratio,
    );
}
