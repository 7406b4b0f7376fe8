//! A round of training, compared with a plain libtorch loop over the same work: `cargo xtask
//! bench`.
//!
//! The plain loop is written by hand: one client after the other, autograd, `torch.optim`'s steps,
//! one thread. Ours is a whole round: coordinator, one worker thread, training, averaging, commit.

#![allow(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![allow(clippy::unwrap_used, reason = "a benchmark ends where something is wrong")]

mod ratio;

use std::sync::Arc;

use fedlayer_core::{
    Plan,
    data::{ClientId, FederatedData},
    spec::{DataSpec, Optimizer},
    trainer::{Trainer, TrainerError},
};
use fedlayer_data::{Library, NoFiles};
use fedlayer_runtime::{
    CommittedRound, Journal, JournalError, LocalPool, TrainerFactory, run_plan, shutdown,
};
use fedlayer_torch::{Device, TorchTrainer};
use tch::{
    Kind, Tensor,
    nn::{self, Module, OptimizerConfig},
};

/// Clients of equal size and the network that they train.
struct Workload {
    name: &'static str,
    clients: u32,
    /// Training examples of each client.
    examples: u32,
    features: u32,
    hidden: &'static [u32],
    batch: u32,
    rounds: u32,
}

const WORKLOADS: [Workload; 4] = [
    Workload {
        name: "many small clients",
        clients: 100,
        examples: 17,
        features: 64,
        hidden: &[128, 64],
        batch: 10,
        rounds: 10,
    },
    Workload {
        name: "digits.toml's size",
        clients: 8,
        examples: 144,
        features: 64,
        hidden: &[128, 64],
        batch: 16,
        rounds: 10,
    },
    Workload {
        name: "medium network",
        clients: 8,
        examples: 256,
        features: 256,
        hidden: &[512, 512],
        batch: 64,
        rounds: 10,
    },
    Workload {
        name: "compute-bound",
        clients: 4,
        examples: 512,
        features: 784,
        hidden: &[1024, 1024],
        batch: 128,
        rounds: 10,
    },
];

fn main() {
    fedlayer_torch::one_thread();
    println!(
        "rounds of training against a plain libtorch loop (one thread each, medians of 9 turns)\n"
    );
    println!("{:<22} {:>12} {:>12} {:>14}", "work", "ours ms", "plain ms", "ours ÷ plain");
    let library = Library::new(Box::new(NoFiles));
    for work in &WORKLOADS {
        let plan = Arc::new(work.plan(&library));
        let data = Arc::new(library.load(&plan.data, work.clients, plan.root_seed()).unwrap());
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let factory = Arc::new(Torch { data: data.clone() });
        let pool = Arc::new(LocalPool::start(1, factory).unwrap());
        let (_stopper, word) = shutdown();
        let measured = ratio::compare(
            9,
            || {
                let data = data.clone();
                let examples = move |client| data.train_examples(client);
                let ours =
                    run_plan(plan.clone(), examples, pool.clone(), Nowhere, None, word.clone());
                runtime.block_on(ours).unwrap();
            },
            || plain(&plan, &data),
        );
        let per_round = 1e3 / f64::from(work.rounds);
        println!(
            "{:<22} {:>12.2} {:>12.2} {:>14.3}",
            work.name,
            per_round * measured.first.as_secs_f64(),
            per_round * measured.second.as_secs_f64(),
            measured.ratio,
        );
    }
}

impl Workload {
    /// Makes a plan of the workload that evaluates only after the last round.
    fn plan(&self, library: &Library) -> Plan {
        let Self { clients, examples, features, hidden, batch, rounds, .. } = self;
        // Each client keeps a fifth of its examples as its own test data, and a share of all
        // examples is the common test set.
        let pool = (f64::from(examples * clients) / 0.8).round();
        let text = format!(
            "seeds = [1]\nrounds = {rounds}\nevaluate = {{ every = {rounds} }}\n\
             [data]\nset = {{ synthetic = {{ examples = {}, classes = 10, informative = {features}, \
             redundant = 0, noise = 0, clusters_per_class = 1 }} }}\n\
             test_share = 0.01\n[clients]\ncount = {clients}\n[model]\nmlp = {hidden:?}\n\
             [local]\nepochs = 1\nbatch = {batch}\noptimizer = {{ sgd = {{ lr = 0.01, momentum = 0.9 }} }}\n\
             [[strategy]]\nname = \"all\"\naverage = \"all\"\n",
            (pool / 0.99).round(),
        );
        let check = |data: &DataSpec, clients| Ok(library.check(data, clients).unwrap());
        fedlayer_scenario::read("bench", &text, &[], &check).unwrap().plans.remove(0)
    }
}

/// Trains with a loop written by hand: client after client, then the mean of the models.
fn plain(plan: &Plan, data: &FederatedData) {
    let Optimizer::Sgd(sgd) = &plan.local.optimizer else { unreachable!("the plan says SGD") };
    let pool = data.pool().unwrap();
    let width = pool.features() as i64;
    let inputs = Tensor::from_slice(&pool.all_values()).view([-1, width]); // (N, F)
    let labels: Vec<i64> = pool.labels.iter().map(|&label| label.into()).collect();
    let labels = Tensor::from_slice(&labels); // (N)
    let store = nn::VarStore::new(tch::Device::Cpu);
    let mut network = nn::seq();
    let mut input = width;
    for (index, &hidden) in plan.model.hidden().iter().enumerate() {
        let path = store.root() / format!("fc{index}");
        network = network.add(nn::linear(path, input, hidden.into(), Default::default()));
        network = network.add_fn(|x| x.relu());
        input = hidden.into();
    }
    let classes = pool.classes as i64;
    let network = network.add(nn::linear(store.root() / "out", input, classes, Default::default()));
    let variables = store.trainable_variables();
    let mut global: Vec<Tensor> = variables.iter().map(|v| v.detach().copy()).collect();
    for _ in 0..plan.rounds {
        let mut sums: Vec<Tensor> = global.iter().map(Tensor::zeros_like).collect();
        for client in 0..plan.clients.count {
            tch::no_grad(|| {
                variables.iter().zip(&global).for_each(|(v, g)| v.shallow_clone().copy_(g))
            });
            let config = nn::Sgd { momentum: sgd.momentum, ..Default::default() };
            let mut optimizer = config.build(&store, sgd.lr).unwrap();
            let own = data.client(ClientId(client)).train;
            for batch in own.chunks(plan.local.batch as usize) {
                let rows: Vec<i64> = batch.iter().map(|&row| row.into()).collect();
                let rows = Tensor::from_slice(&rows);
                let output = network.forward(&inputs.index_select(0, &rows)); // (B, C)
                let loss = output.cross_entropy_for_logits(&labels.index_select(0, &rows));
                optimizer.backward_step(&loss);
            }
            tch::no_grad(|| {
                for (sum, variable) in sums.iter_mut().zip(&variables) {
                    let _ = sum.g_add_(&(variable / f64::from(plan.clients.count)));
                }
            });
        }
        global = sums;
    }
    assert!(global.iter().all(|tensor| tensor.isfinite().all().int64_value(&[]) == 1));
    assert_eq!(global[0].kind(), Kind::Float);
}

struct Torch {
    data: Arc<FederatedData>,
}

impl TrainerFactory for Torch {
    fn trainer(&self, plan: &Plan) -> Result<Box<dyn Trainer>, TrainerError> {
        let trainer = TorchTrainer::new(plan, self.data.clone(), Device::Cpu);
        Ok(Box::new(trainer?))
    }
}

/// A journal that writes nothing.
struct Nowhere;

impl Journal for Nowhere {
    fn commit(&mut self, _: &CommittedRound<'_>) -> Result<(), JournalError> {
        Ok(())
    }
}
