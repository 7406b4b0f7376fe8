//! The predicted trainings and evaluations of every round equal those that a worker is asked for.

use std::sync::{Arc, Mutex};

use fedlayer_core::Plan;
use fedlayer_runtime::{
    CommittedRound, Journal, JournalError, Link, LinkError, LocalPool, Reply, Work, WorkerTask,
    run_plan, shutdown,
};
use fedlayer_torch::Device;

use super::round_counts::RoundCounts;
use crate::{data::Data, folders::Folders, trainers::Trainers};

/// The clients and the probes that workers were asked for.
type Asked = (u64, u64);

/// A link to worker threads that counts what is asked of them.
struct CountingLink {
    pool: LocalPool,
    asked: Arc<Mutex<Asked>>,
}

impl Link for CountingLink {
    fn slots(&self) -> usize {
        self.pool.slots()
    }

    async fn call(&self, task: WorkerTask) -> Result<Reply, LinkError> {
        {
            let mut asked = self.asked.lock().unwrap();
            match &task.work {
                Work::Initial(_) | Work::Differentiate { .. } => {}
                Work::Train(jobs) => asked.0 += jobs.len() as u64,
                Work::Evaluate(probes) => asked.1 += probes.len() as u64,
            }
        }
        self.pool.call(task).await
    }
}

/// A journal that notes what was asked for in each round. A round is committed before the next one
/// begins.
struct CountingJournal {
    asked: Arc<Mutex<Asked>>,
    rounds: Arc<Mutex<Vec<Asked>>>,
}

impl Journal for CountingJournal {
    fn commit(&mut self, _committed: &CommittedRound<'_>) -> Result<(), JournalError> {
        self.rounds.lock().unwrap().push(std::mem::take(&mut *self.asked.lock().unwrap()));
        Ok(())
    }
}

/// Runs a plan and returns what was asked for in each round.
async fn run(plan: &Arc<Plan>) -> Vec<Asked> {
    let trainers = Trainers::new(Device::Cpu, Data::new(Folders::new(None)));
    let data = trainers.data(plan).unwrap();
    let examples = move |client| data.train_examples(client);
    let asked = Arc::new(Mutex::new((0, 0)));
    let pool = LocalPool::start(2, Arc::new(trainers)).unwrap();
    let link = Arc::new(CountingLink { pool, asked: asked.clone() });
    let rounds = Arc::new(Mutex::new(Vec::new()));
    let journal = CountingJournal { asked, rounds: rounds.clone() };
    let (_stopper, word) = shutdown();
    run_plan(plan.clone(), examples, link, journal, None, word).await.unwrap();
    std::mem::take(&mut *rounds.lock().unwrap())
}

fn plans(tables: &str) -> Vec<Arc<Plan>> {
    let text = format!(
        "rounds = 5\ndata.set = \"digits\"\nmodel.toy = {{ curvature = [1.0, 0.5, 2.0] }}\n\
         local = {{ epochs = 1, batch = 64, optimizer = {{ sgd = {{ lr = 0.1 }} }} }}\n{tables}"
    );
    let data = Data::new(Folders::new(None));
    let read = fedlayer_scenario::read("test", &text, &[], &data);
    read.unwrap().plans.into_iter().map(Arc::new).collect()
}

const STRATEGIES: &str = "strategy = [{ name = \"all\", average = \"all\" }, { name = \"none\", average = \"none\" }, \
     { name = \"random\", average = { random = 3 } }, \
     { name = \"first\", average = [{ rounds = \"1-3\", average = \"all\" }, { rounds = \"4-\", average = { rotate = 1 } }] }]\n";

#[tokio::test]
async fn every_round_asks_for_what_was_predicted() {
    let scenarios = [
        "clients.count = 4",
        "clients.count = 4\nevaluate = { every = 2, clients = \"all\" }\nbarriers = {}",
        "clients = { count = 6, per_round = 3 }\nbarriers = { every = 2, between = \"pairs\" }",
        "clients.count = 3\nbarriers = { baselines = [\"base\"], splits = [\"test\"], twins = 3, alpha = [0.5, 1.0] }",
        "clients.count = 3\nbarriers = { sets = [\"shallow\", \"deep\", { window = 2 }, { named = [\"q1\", \"q3\"] }], between = \"pairs\", alpha = [0.25, 0.5], twins = 1 }",
        "clients.count = 1\nbarriers = { baselines = [\"chord\"] }",
    ];
    for tables in scenarios {
        for plan in plans(&format!("{tables}\n{STRATEGIES}")) {
            let counts = RoundCounts::of(&plan);
            let predicted: Vec<Asked> = (1..=plan.rounds)
                .map(|round| counts.in_round(&plan, round))
                .map(|round| (round.trainings, round.probes()))
                .collect();
            assert_eq!(run(&plan).await, predicted, "{tables}\n{}", plan.strategy.name);
        }
    }
}
