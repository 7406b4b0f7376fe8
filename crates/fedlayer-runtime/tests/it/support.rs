//! A plan of toy clients, a journal in memory, and a trainer with clients that fail on demand.

use std::sync::{Arc, Condvar, Mutex};

use fedlayer_core::{
    Plan, Seed,
    data::{ClientId, DataFacts, Examples, FederatedData, Split},
    model::{Layout, Params, Point},
    record::{BarrierRow, RoundRecord},
    round::Federation,
    spec::{
        Average, BarrierSpec, CheckpointSpec, ClientsSpec, DataSet, DataSpec, EvaluateSpec,
        LocalSpec, ModelSpec, Optimizer, Rule, Sgd, Statistics, StrategySpec, Toy, Weighting,
    },
    trainer::{
        Derivatives, Evaluation, Probe, ToyTrainer, TrainJob, Trainer, TrainerError, Update,
    },
};
use fedlayer_runtime::{
    CommittedRound, Journal, JournalError, LocalPool, ResumePoint, RunError, Shutdown, Stopper,
    TrainerFactory, run_plan, shutdown,
};

/// Six clients, each with four examples of three features around its own corner, and a validation
/// set at the origin.
pub(crate) fn data() -> Arc<FederatedData> {
    let examples = |count: u32| {
        let values = (0..count * 3).map(|i| ((i * 7) % 11) as f32 / 11.0 + (i / 12) as f32);
        Examples::new(vec![3], 2, values.collect(), (0..count).map(|i| i % 2).collect())
    };
    let clients = (0..6).map(|client| {
        let first = client * 5;
        ((first..first + 4).collect(), vec![first + 4])
    });
    let data = FederatedData::new(Arc::new(examples(30)), Arc::new(examples(8)), clients);
    // The models move away from the origin, so the validation loss grows.
    let origin = Examples::new(vec![3], 2, vec![0.0; 12], vec![0, 1, 0, 1]);
    Arc::new(data.with_validation(Some(Arc::new(origin))))
}

/// A plan of six toy clients that averages `rule` in five rounds, with barriers in each.
pub(crate) fn plan(rule: Rule) -> Plan {
    let model = ModelSpec::Toy(Toy { curvature: vec![1.0, 0.5, 2.0] });
    let facts = DataFacts { shape: vec![3], classes: 2, targets: 1, pool: 30, test: 8 };
    Plan {
        seed: 7,
        rounds: 5,
        data: DataSpec::new(DataSet::Digits),
        clients: ClientsSpec {
            count: 6,
            per_round: None,
            dropout: 0.0,
            min_clients: 1,
            deadline: None,
            attempts: 2,
        },
        layout: Arc::new(model.layout(&facts).unwrap()),
        model,
        initial: None,
        local: LocalSpec::new(2, 2, Optimizer::Sgd(Sgd::new(0.1))),
        barriers: Some(BarrierSpec::default()),
        evaluate: EvaluateSpec::default(),
        checkpoints: CheckpointSpec::default(),
        variant: None,
        strategy: StrategySpec {
            name: "strategy".into(),
            average: Average::Always(rule),
            weights: Weighting::Examples,
            statistics: Statistics::default(),
        },
    }
}

/// The failure of a client of [`Staged`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The worker panics.
    Panic,
    /// The training returns an error.
    Fail,
    /// The update holds NaN.
    NotANumber,
    /// The training does not return before the gate is opened.
    Hang,
}

/// A gate that is closed until it is opened.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    open: Mutex<bool>,
    changed: Condvar,
}

impl Gate {
    pub(crate) fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.changed.notify_all();
    }

    fn pass(&self) {
        let open = self.open.lock().unwrap();
        drop(self.changed.wait_while(open, |open| !*open).unwrap());
    }
}

/// Makes toy trainers. Some clients fail in some rounds.
pub(crate) struct Staged {
    pub(crate) troubles: Vec<(u32, ClientId, Trouble)>,
    pub(crate) gate: Arc<Gate>,
}

impl Staged {
    pub(crate) fn calm() -> Self {
        Self::troubled(Vec::new())
    }

    /// Makes clients fail, given as (round, client, failure).
    pub(crate) fn troubled(troubles: Vec<(u32, ClientId, Trouble)>) -> Self {
        Self { troubles, gate: Arc::default() }
    }
}

impl TrainerFactory for Staged {
    fn trainer(&self, plan: &Plan) -> Result<Box<dyn Trainer>, TrainerError> {
        let toy = ToyTrainer::new(plan, data())?;
        Ok(Box::new(StagedTrainer {
            toy,
            troubles: self.troubles.clone(),
            gate: self.gate.clone(),
        }))
    }
}

struct StagedTrainer {
    toy: ToyTrainer,
    troubles: Vec<(u32, ClientId, Trouble)>,
    gate: Arc<Gate>,
}

impl Trainer for StagedTrainer {
    fn layout(&self) -> &Arc<Layout> {
        self.toy.layout()
    }

    fn initial(&mut self, seed: Seed) -> Result<Params, TrainerError> {
        self.toy.initial(seed)
    }

    fn train(&mut self, jobs: &[TrainJob]) -> Vec<Result<Update, TrainerError>> {
        let mut results = self.toy.train(jobs);
        for (job, result) in jobs.iter().zip(&mut results) {
            let is_due = |(round, client, _): &&(u32, ClientId, Trouble)| {
                (*round, *client) == (job.round, job.client)
            };
            match self.troubles.iter().find(is_due).map(|(_, _, trouble)| trouble) {
                None => {}
                Some(Trouble::Panic) => panic!("client {} pulled the plug", job.client),
                Some(Trouble::Fail) => *result = Err(TrainerError("out of memory".into())),
                Some(Trouble::Hang) => self.gate.pass(),
                Some(Trouble::NotANumber) => {
                    let update = result.as_mut().unwrap();
                    Arc::make_mut(&mut update.params).values_mut()[1] = f32::NAN;
                }
            }
        }
        results
    }

    fn evaluate(&mut self, probes: &[Probe]) -> Result<Vec<Evaluation>, TrainerError> {
        self.toy.evaluate(probes)
    }

    fn differentiate(
        &mut self,
        _point: &Point,
        _split: Split,
        _along: &[Vec<f32>],
    ) -> Result<Derivatives, TrainerError> {
        Err(TrainerError("a staged trainer gives no derivatives".to_owned()))
    }
}

/// The records and models of a run.
#[derive(Debug, Default, Clone)]
pub(crate) struct Written {
    pub(crate) records: Vec<RoundRecord>,
    pub(crate) barriers: Vec<BarrierRow>,
    pub(crate) federations: Vec<Arc<Federation>>,
    /// Whether each round was the best so far, and whether it was the last.
    pub(crate) marks: Vec<(bool, bool)>,
}

/// A journal in memory that fails in the round `full_in`.
#[derive(Clone, Default)]
pub(crate) struct Memory {
    pub(crate) written: Arc<Mutex<Written>>,
    pub(crate) full_in: Option<u32>,
}

impl Journal for Memory {
    fn commit(&mut self, committed: &CommittedRound<'_>) -> Result<(), JournalError> {
        if self.full_in == Some(committed.record.round) {
            return Err(JournalError::new("the disk is full"));
        }
        let mut written = self.written.lock().unwrap();
        written.records.push(committed.record.clone());
        written.barriers.extend_from_slice(committed.barriers);
        written.federations.push(committed.federation.clone());
        written.marks.push((committed.is_best, committed.is_last));
        Ok(())
    }
}

/// One run of a plan.
pub(crate) struct Run {
    plan: Arc<Plan>,
    staged: Arc<Staged>,
    workers: usize,
    pub(crate) journal: Memory,
    from: Option<ResumePoint>,
    pub(crate) stopper: Arc<Stopper>,
    word: Shutdown,
}

impl Run {
    pub(crate) fn new(plan: Plan, staged: Staged) -> Self {
        let (stopper, word) = shutdown();
        Self {
            plan: Arc::new(plan),
            staged: Arc::new(staged),
            workers: 2,
            journal: Memory::default(),
            from: None,
            stopper: Arc::new(stopper),
            word,
        }
    }

    pub(crate) fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    pub(crate) fn from(mut self, progress: ResumePoint) -> Self {
        self.from = Some(progress);
        self
    }

    pub(crate) fn gate(&self) -> Arc<Gate> {
        self.staged.gate.clone()
    }

    pub(crate) async fn go(self) -> (Result<(), RunError>, Written) {
        let pool = Arc::new(LocalPool::start(self.workers, self.staged).unwrap());
        let data = data();
        let examples = move |client| data.train_examples(client);
        let written = self.journal.written.clone();
        let end = run_plan(self.plan, examples, pool, self.journal, self.from, self.word).await;
        let written = written.lock().unwrap().clone();
        (end, written)
    }
}
