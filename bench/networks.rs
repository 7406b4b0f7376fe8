//! One local epoch of a convolutional network, compared with a plain libtorch loop of the same
//! precision: `cargo xtask bench`.
//!
//! The plain loop is written by hand with tch's modules: autograd, `torch.optim`'s SGD, one thread.
//! Ours is one call of the trainer, from parameters to parameters, with drawing and gathering of
//! batches.

#![allow(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![allow(clippy::unwrap_used, reason = "a benchmark ends where something is wrong")]

mod ratio;

use std::sync::Arc;

use fedlayer_core::{
    Plan, Seed,
    data::{ClientId, DataFacts, Examples, FederatedData},
    spec::{DataSpec, Optimizer},
    trainer::{TrainJob, Trainer},
};
use fedlayer_torch::{Device, DeviceChoice, TorchTrainer};
use rand::RngExt;
use tch::{
    Tensor,
    nn::{self, ModuleT, OptimizerConfig},
};

/// A network and the client that trains it.
struct Workload {
    model: &'static str,
    network: fn(&nn::Path<'_>) -> nn::SequentialT,
    shape: [usize; 3],
    examples: u32,
    batch: u32,
    turns: usize,
}

const WORKLOADS: [Workload; 3] = [
    Workload {
        model: "mcmahan-cnn",
        network: mcmahan_cnn,
        shape: [1, 28, 28],
        examples: 500,
        batch: 50,
        turns: 7,
    },
    Workload {
        model: "pfl-cnn",
        network: pfl_cnn,
        shape: [3, 32, 32],
        examples: 500,
        batch: 50,
        turns: 7,
    },
    Workload {
        model: "resnet-18",
        network: resnet_18,
        shape: [3, 32, 32],
        examples: 128,
        batch: 64,
        turns: 5,
    },
];

fn main() {
    // The device must be opened before any other call of libtorch. `cargo xtask cuda-check` sets
    // it.
    let device = std::env::var("FEDLAYER_BENCH_DEVICE").unwrap_or_else(|_| "cpu".to_owned());
    let device = device.parse::<DeviceChoice>().unwrap().open().unwrap();
    fedlayer_torch::one_thread();
    println!(
        "a local epoch against a plain libtorch loop ({device}, f32, one thread each, medians)\n"
    );
    println!("{:<14} {:>10} {:>10} {:>14}", "network", "ours ms", "plain ms", "ours ÷ plain");
    for work in &WORKLOADS {
        let data = work.data();
        let plan = work.plan(&data);
        let mut trainer = TorchTrainer::new(&plan, data.clone(), device).unwrap();
        let params = Arc::new(trainer.initial(Seed::new(1)).unwrap());
        let job =
            TrainJob { client: ClientId(0), round: 1, params, optimizer: None, seed: Seed::new(2) };
        let measured = ratio::compare(
            work.turns,
            || drop(trainer.train(std::slice::from_ref(&job)).remove(0).unwrap()),
            || work.plain(&plan, &data, device),
        );
        println!(
            "{:<14} {:>10.1} {:>10.1} {:>14.3}",
            work.model,
            1e3 * measured.first.as_secs_f64(),
            1e3 * measured.second.as_secs_f64(),
            measured.ratio,
        );
    }
}

impl Workload {
    /// Makes one client with images of noise.
    fn data(&self) -> Arc<FederatedData> {
        let mut generator = Seed::new(3).generator();
        let values = self.shape.iter().product::<usize>() * self.examples as usize;
        let values = (0..values).map(|_| generator.random::<f32>() - 0.5).collect();
        let labels = (0..self.examples).map(|example| example % 10).collect();
        let examples = Arc::new(Examples::new(self.shape.to_vec(), 10, values, labels));
        let all = (0..self.examples).collect();
        Arc::new(FederatedData::new(examples.clone(), examples, [(all, Vec::new())]))
    }

    fn plan(&self, data: &FederatedData) -> Plan {
        let model = match self.model {
            "resnet-18" => "{ resnet-18 = { norm = \"none\" } }".to_owned(),
            word => format!("\"{word}\""),
        };
        let text = format!(
            "rounds = 1\nmodel = {model}\n[data]\nset = \"cifar-10\"\n[clients]\ncount = 1\n\
             [local]\nepochs = 1\nbatch = {}\noptimizer = {{ sgd = {{ lr = 0.01, momentum = 0.9 }} }}\n\
             [[strategy]]\nname = \"all\"\naverage = \"all\"\n",
            self.batch,
        );
        let facts: DataFacts = data.facts();
        let check = move |_: &DataSpec, _| Ok(facts.clone());
        fedlayer_scenario::read("bench", &text, &[], &check).unwrap().plans.remove(0)
    }

    /// Trains an epoch with a loop written by hand.
    fn plain(&self, plan: &Plan, data: &FederatedData, device: Device) {
        let Optimizer::Sgd(sgd) = &plan.local.optimizer else { unreachable!("the plan says SGD") };
        let device = device.into();
        let store = nn::VarStore::new(device);
        let network = (self.network)(&store.root());
        let config = nn::Sgd { momentum: sgd.momentum, ..Default::default() };
        let mut optimizer = config.build(&store, sgd.lr).unwrap();
        let [channels, height, width] = self.shape.map(|length| length as i64);
        let inputs = Tensor::from_slice(&data.test.all_values())
            .view([-1, channels, height, width])
            .to_device(device);
        let labels: Vec<i64> = data.test.labels.iter().map(|&label| label.into()).collect();
        let labels = Tensor::from_slice(&labels).to_device(device);
        let order = Tensor::randperm(self.examples.into(), (tch::Kind::Int64, device));
        for rows in order.split(self.batch.into(), 0) {
            let logits = network.forward_t(&inputs.index_select(0, &rows), true); // (B, C)
            let loss = logits.cross_entropy_for_logits(&labels.index_select(0, &rows));
            optimizer.backward_step(&loss);
        }
        // Waits for the device, because ours ends with the parameters in the host's memory.
        assert!(store.trainable_variables()[0].sum(tch::Kind::Float).double_value(&[]).is_finite());
    }
}

fn mcmahan_cnn(root: &nn::Path<'_>) -> nn::SequentialT {
    let same = nn::ConvConfig { padding: 2, ..Default::default() };
    nn::seq_t()
        .add(nn::conv2d(root / "conv1", 1, 32, 5, same))
        .add_fn(|x| x.relu().max_pool2d_default(2))
        .add(nn::conv2d(root / "conv2", 32, 64, 5, same))
        .add_fn(|x| x.relu().max_pool2d_default(2).flat_view())
        .add(nn::linear(root / "fc1", 3136, 512, Default::default()))
        .add_fn(|x| x.relu())
        .add(nn::linear(root / "fc2", 512, 10, Default::default()))
}

fn pfl_cnn(root: &nn::Path<'_>) -> nn::SequentialT {
    nn::seq_t()
        .add(nn::conv2d(root / "conv1", 3, 32, 3, Default::default()))
        .add_fn(|x| x.relu())
        .add(nn::conv2d(root / "conv2", 32, 64, 3, Default::default()))
        .add_fn_t(|x, training| x.relu().max_pool2d_default(2).dropout(0.25, training).flat_view())
        .add(nn::linear(root / "fc1", 12544, 128, Default::default()))
        .add_fn_t(|x, training| x.relu().dropout(0.5, training))
        .add(nn::linear(root / "fc2", 128, 10, Default::default()))
}

/// Two convolutions and a shortcut around them.
#[derive(Debug)]
struct Block {
    first: nn::Conv2D,
    second: nn::Conv2D,
    shortcut: Option<nn::Conv2D>,
}

impl ModuleT for Block {
    fn forward_t(&self, x: &Tensor, _: bool) -> Tensor {
        let through = x.apply(&self.first).relu().apply(&self.second);
        let shortcut =
            self.shortcut.as_ref().map_or_else(|| x.shallow_clone(), |conv| x.apply(conv));
        (through + shortcut).relu()
    }
}

fn resnet_18(root: &nn::Path<'_>) -> nn::SequentialT {
    let config =
        |stride, padding| nn::ConvConfig { stride, padding, bias: false, ..Default::default() };
    let mut network =
        nn::seq_t().add(nn::conv2d(root / "conv1", 3, 64, 3, config(1, 1))).add_fn(|x| x.relu());
    let mut input = 64;
    for (stage, channels) in [64, 128, 256, 512].into_iter().enumerate() {
        for block in 0..2 {
            let stride = if stage > 0 && block == 0 { 2 } else { 1 };
            let path = root / format!("layer{stage}_{block}");
            let shortcut = (stride > 1)
                .then(|| nn::conv2d(&path / "shortcut", input, channels, 1, config(stride, 0)));
            let first = nn::conv2d(&path / "first", input, channels, 3, config(stride, 1));
            let second = nn::conv2d(&path / "second", channels, channels, 3, config(1, 1));
            network = network.add(Block { first, second, shortcut });
            input = channels;
        }
    }
    network.add_fn(|x| x.adaptive_avg_pool2d([1, 1]).flat_view()).add(nn::linear(
        root / "fc",
        512,
        10,
        Default::default(),
    ))
}
