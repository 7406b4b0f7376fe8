//! The barriers of one round: shared evaluation, which computes the common layers of mixes once,
//! compared with plain evaluation of every mix by itself. `cargo xtask bench` runs it.
//!
//! The probes are those of the layer-wise, the full and both cumulative sweeps between two models,
//! into both, at α = ½. The images are noise, because the time does not depend on their content.
//! `FEDLAYER_BENCH_IMAGES` is the number of images for the 21-layer ResNet-18 (64 by default),
//! `FEDLAYER_BENCH_DEVICE` the device (`cpu` or `cuda`). Shared and plain evaluation alternate over
//! at most 250 images, and their losses are compared bit by bit.

#![allow(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![allow(clippy::unwrap_used, reason = "a benchmark ends where something is wrong")]

use std::{
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

use fedlayer_core::{
    Plan, Seed,
    data::{DataFacts, Examples, FederatedData, Split},
    model::{LayerSet, Mix, Params, Point},
    spec::DataSpec,
    trainer::{Evaluation, Probe, Trainer},
};
use fedlayer_torch::{Device, DeviceChoice, TorchTrainer};
use rand::RngExt;

/// The most images of one evaluation.
const TURN: usize = 250;

/// The shape of an image.
const IMAGE: [usize; 3] = [3, 32, 32];

/// The width of the layers of equal cost. The last one, with ten outputs, costs less.
const WIDTH: usize = 256;

/// The cost of a sweep: shared, plain.
#[derive(Debug, Clone, Copy, Default)]
struct Cost {
    /// The number of computed layers times the number of examples.
    layers: [u64; 2],
    time: [Duration; 2],
}

fn main() {
    // The device must be opened before any other call of libtorch.
    let device = std::env::var("FEDLAYER_BENCH_DEVICE").unwrap_or_else(|_| "cpu".to_owned());
    let device = device.parse::<DeviceChoice>().unwrap().open().unwrap();
    let images = std::env::var("FEDLAYER_BENCH_IMAGES");
    let images: usize = images.map_or(64, |images| images.parse().unwrap());
    fedlayer_torch::one_thread();
    residual(device, images);
    equal_layers(device);
}

/// Measures ResNet-18 without normalisation.
fn residual(device: Device, images: usize) {
    let model = "{ resnet-18 = { norm = \"none\" } }";
    println!(
        "resnet-18, {images} images, {device}: layers and time of shared evaluation as a share of plain\n"
    );
    println!("{:>13} {:>8} {:>10} {:>10} {:>8}", "images", "layers", "shared s", "plain s", "time");
    let mut total = Cost::default();
    // The first calls on a device load its kernels and are not measured.
    sweep(model, &IMAGE, device, 8.min(images), 0);
    for start in (0..images).step_by(TURN) {
        let end = images.min(start + TURN);
        let cost = sweep(model, &IMAGE, device, end - start, start as u64);
        cost.print(&format!("{start}..{end}"));
        total.add(cost);
    }
    total.print("all");
    println!("claim: layers ÷ plain and time ÷ plain ≤ 0.55\n");
}

/// Measures networks of layers of equal cost. The share tends to one half.
fn equal_layers(device: Device) {
    println!("fully connected, equal layers of width {WIDTH}, 256 examples, medians of 3 turns\n");
    println!("{:>13} {:>8} {:>10} {:>10} {:>8}", "layers", "layers", "shared s", "plain s", "time");
    for layers in [4, 8, 16, 32] {
        let hidden = vec![WIDTH.to_string(); layers - 1].join(", ");
        let model = format!("{{ mlp = [{hidden}] }}");
        let turn = |turn| sweep(&model, &[WIDTH], device, 256, turn);
        let mut costs: Vec<Cost> = (0..4).map(turn).skip(1).collect();
        costs.sort_by(|a, b| a.ratio().total_cmp(&b.ratio()));
        costs[costs.len() / 2].print(&layers.to_string());
    }
}

/// Evaluates all probes between two random models, shared and plain, and compares the results.
fn sweep(model: &str, shape: &[usize], device: Device, count: usize, seed: u64) -> Cost {
    let data = noise(shape, count, seed);
    let plan = plan(model, &data);
    let make = || TorchTrainer::new(&plan, data.clone(), device).unwrap();
    let (mut shared, mut plain) = (make(), make().without_sharing());
    let probes = probes([1, 2].map(|seed| Arc::new(shared.initial(Seed::new(seed)).unwrap())));
    let mut cost = Cost::default();
    let mut found: [Vec<Evaluation>; 2] = Default::default();
    // The order alternates, so that other load on the machine affects both.
    for which in [seed as usize % 2, (seed as usize + 1) % 2] {
        let trainer = if which == 0 { &mut shared } else { &mut plain };
        let start = Instant::now();
        found[which] = trainer.evaluate(&probes).unwrap();
        cost.time[which] = start.elapsed();
        cost.layers[which] = trainer.layers_computed();
    }
    assert!(found[0] == found[1], "shared and plain evaluations differ");
    cost
}

/// Returns the end models, and the mixes of layer-wise, full and cumulative sweeps into both. The
/// full mix is the same for both.
fn probes(ends: [Arc<Params>; 2]) -> Vec<Probe> {
    let layout = ends[0].layout().clone();
    let layers = layout.layers().len();
    let mut points: Vec<Point> = ends.iter().cloned().map(Point::Model).collect();
    for (base, other) in [(0, 1), (1, 0)] {
        let mut add = |range: Range<usize>| {
            let set = LayerSet::new(layout.clone(), range);
            let (base, other) = (ends[base].clone(), ends[other].clone());
            points.push(Point::Mix(Mix { base, other, set, weight: 0.5 }));
        };
        (0..layers).for_each(|layer| add(layer..layer + 1));
        (2..layers).for_each(|end| add(0..end));
        (1..layers - 1).for_each(|start| add(start..layers));
        if base == 0 {
            add(0..layers);
        }
    }
    points.into_iter().map(|point| Probe { point, split: Split::Test }).collect()
}

/// Makes a test set of noise, and one client with one example of it.
fn noise(shape: &[usize], count: usize, seed: u64) -> Arc<FederatedData> {
    let mut generator = Seed::new(3).index(seed).generator();
    let values = count * shape.iter().product::<usize>();
    let values = (0..values).map(|_| generator.random::<f32>() - 0.5).collect();
    let labels = (0..count as u32).map(|example| example % 10).collect();
    let examples = Arc::new(Examples::new(shape.to_vec(), 10, values, labels));
    Arc::new(FederatedData::new(examples.clone(), examples, [(vec![0], Vec::new())]))
}

fn plan(model: &str, data: &FederatedData) -> Plan {
    let text = format!(
        "rounds = 1\nmodel = {model}\n[data]\nset = \"cifar-10\"\n[clients]\ncount = 1\n\
         [local]\nepochs = 1\nbatch = 1\noptimizer = {{ sgd = {{ lr = 0.01 }} }}\n\
         [[strategy]]\nname = \"all\"\naverage = \"all\"\n",
    );
    let facts: DataFacts = data.facts();
    let check = move |_: &DataSpec, _| Ok(facts.clone());
    fedlayer_scenario::read("bench", &text, &[], &check).unwrap().plans.remove(0)
}

impl Cost {
    fn add(&mut self, other: Self) {
        for which in 0..2 {
            self.layers[which] += other.layers[which];
            self.time[which] += other.time[which];
        }
    }

    /// Returns shared time ÷ plain time.
    fn ratio(&self) -> f64 {
        self.time[0].as_secs_f64() / self.time[1].as_secs_f64()
    }

    fn print(&self, name: &str) {
        let layers = self.layers[0] as f64 / self.layers[1] as f64;
        let [shared, plain] = self.time.map(|time| time.as_secs_f64());
        println!("{name:>13} {layers:>8.4} {shared:>10.3} {plain:>10.3} {:>8.4}", self.ratio());
    }
}
