//! [`WorkerPool`]: the link inside one process. Threads pull tasks from one queue; libtorch never runs on an async thread.

use std::{
    any::Any,
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, mpsc},
    thread,
};

use fedlayer_core::{Plan, Trainer};
use tokio::sync::oneshot;
use tracing::{Span, debug_span};

use crate::{Link, LinkError, Reply, Task, Work};

/// Makes trainers for the workers of a pool, each on its own thread.
pub trait TrainerFactory: Send + Sync + 'static {
    /// Called once on every worker thread, before any work.
    fn enter_thread(&self) {}

    /// A trainer for a plan. It must serve every plan that differs from this one in the strategy alone.
    ///
    /// # Errors
    /// Says why the plan cannot be trained.
    fn trainer(&self, plan: &Plan) -> Result<Box<dyn Trainer>, String>;
}

/// Worker threads of this process. They end when the pool is dropped and their current task is done.
#[derive(Debug)]
pub struct WorkerPool {
    queue: mpsc::Sender<Request>,
    slots: usize,
}

struct Request {
    task: Task,
    /// Where the work was asked for, so that a log line of a worker says of which run and round it is.
    span: Span,
    reply: oneshot::Sender<Result<Reply, LinkError>>,
}

/// Trainers of so many seeds stay on a worker thread; more are made again when they are needed.
const KEPT_TRAINERS: usize = 16;

impl WorkerPool {
    /// Starts `slots` worker threads (at least one) for the plans of one scenario.
    ///
    /// # Errors
    /// When the system gives no more threads.
    pub fn start(slots: usize, factory: Arc<dyn TrainerFactory>) -> std::io::Result<Self> {
        let slots = slots.max(1);
        let (queue, requests) = mpsc::channel();
        let requests = Arc::new(Mutex::new(requests));
        for index in 0..slots {
            let (requests, factory) = (requests.clone(), factory.clone());
            thread::Builder::new()
                .name(format!("worker-{index}"))
                .spawn(move || work(&requests, &*factory))?;
        }
        Ok(Self { queue, slots })
    }
}

impl Link for WorkerPool {
    fn slots(&self) -> usize {
        self.slots
    }

    async fn call(&self, task: Task) -> Result<Reply, LinkError> {
        let (reply, answer) = oneshot::channel();
        self.queue
            .send(Request { task, span: Span::current(), reply })
            .map_err(|_| LinkError::Gone)?;
        answer.await.map_err(|_| LinkError::Gone)?
    }
}

/// The life of a worker thread: it ends when the queue does.
fn work(requests: &Mutex<mpsc::Receiver<Request>>, factory: &dyn TrainerFactory) {
    factory.enter_thread();
    // Plans of one scenario that share a seed share everything that a trainer depends on.
    let mut trainers: BTreeMap<u64, Box<dyn Trainer>> = BTreeMap::new();
    loop {
        let next = match requests.lock() {
            Ok(requests) => requests.recv(),
            Err(_) => return,
        };
        let Ok(Request { task, span, reply }) = next else { return };
        // Whoever asked is gone: an abandoned round.
        if reply.is_closed() {
            continue;
        }
        let _within = span.entered();
        let seed = task.plan.seed;
        let done = catch_unwind(AssertUnwindSafe(|| {
            if !trainers.contains_key(&seed) {
                let trainer = factory.trainer(&task.plan).map_err(LinkError::Refused)?;
                if trainers.len() == KEPT_TRAINERS {
                    trainers.pop_first();
                }
                trainers.insert(seed, trainer);
            }
            match trainers.get_mut(&seed) {
                Some(trainer) => perform(&mut **trainer, task.work),
                None => Err(LinkError::Gone),
            }
        }));
        let result = done.unwrap_or_else(|panic| {
            // What a trainer is after a panic, nobody knows.
            trainers.remove(&seed);
            Err(LinkError::Broken(message(&*panic)))
        });
        // The asker may have gone meanwhile; then nobody misses the result.
        let _gone = reply.send(result);
    }
}

/// Does one task with a trainer.
fn perform(trainer: &mut dyn Trainer, work: Work) -> Result<Reply, LinkError> {
    let refused = |error: fedlayer_core::TrainerError| LinkError::Refused(error.to_string());
    match work {
        Work::Initial(seed) => trainer.initial(seed).map(Reply::Initial).map_err(refused),
        Work::Train(jobs) => {
            let clients: Vec<u32> = jobs.iter().map(|job| job.client.0).collect();
            let _span = debug_span!("client", ?clients).entered();
            let results = trainer.train(&jobs).into_iter();
            Ok(Reply::Trained(results.map(|r| r.map_err(|error| error.to_string())).collect()))
        }
        Work::Evaluate(probes) => {
            let _span = debug_span!("probe", probes = probes.len()).entered();
            trainer.evaluate(&probes).map(Reply::Evaluated).map_err(refused)
        }
    }
}

/// The words of a panic.
fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without words".to_owned())
}
