//! [`LocalPool`]: the link to the worker threads of this process.
//!
//! The threads take tasks from one queue. libtorch never runs on an async thread.

use std::{
    any::Any,
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, mpsc},
    thread,
};

use fedlayer_core::{
    Plan,
    trainer::{Trainer, TrainerError},
};
use tokio::sync::oneshot;
use tracing::{Span, debug_span};

use crate::{Link, LinkError, Reply, Work, WorkerTask};

/// Makes the trainers of a pool's worker threads, each on its own thread.
pub trait TrainerFactory: Send + Sync + 'static {
    /// Called once on every worker thread, before any work.
    fn enter_thread(&self) {}

    /// Makes a trainer for a plan. It must also serve every other plan for which
    /// [`Plan::trains_as`] holds.
    ///
    /// # Errors
    /// When the plan cannot be trained.
    fn trainer(&self, plan: &Plan) -> Result<Box<dyn Trainer>, TrainerError>;
}

/// Worker threads of this process. They end when the pool is dropped and their current tasks are
/// done.
#[derive(Debug)]
pub struct LocalPool {
    tasks: mpsc::Sender<QueuedTask>,
    slots: usize,
}

/// A task in the queue.
struct QueuedTask {
    task: WorkerTask,
    /// The caller's span, so that a worker's log lines name the run and the round.
    span: Span,
    reply: oneshot::Sender<Result<Reply, LinkError>>,
}

/// Trainers cached per worker thread. The one that was made first is dropped first.
const CACHED_TRAINERS: usize = 16;

impl LocalPool {
    /// Starts `slots` worker threads (at least one) for the plans of one scenario.
    ///
    /// # Errors
    /// When the system gives no more threads.
    pub fn start(slots: usize, factory: Arc<dyn TrainerFactory>) -> std::io::Result<Self> {
        let slots = slots.max(1);
        let (tasks, queue) = mpsc::channel();
        let queue = Arc::new(Mutex::new(queue));
        for index in 0..slots {
            let (queue, factory) = (queue.clone(), factory.clone());
            thread::Builder::new()
                .name(format!("worker-{index}"))
                .spawn(move || serve_tasks(&queue, &*factory))?;
        }
        Ok(Self { tasks, slots })
    }
}

impl Link for LocalPool {
    fn slots(&self) -> usize {
        self.slots
    }

    async fn call(&self, task: WorkerTask) -> Result<Reply, LinkError> {
        let (reply, answer) = oneshot::channel();
        let queued = QueuedTask { task, span: Span::current(), reply };
        self.tasks.send(queued).map_err(|_| LinkError::Gone)?;
        answer.await.map_err(|_| LinkError::Gone)?
    }
}

/// Serves tasks on a worker thread until the pool is dropped.
fn serve_tasks(queue: &Mutex<mpsc::Receiver<QueuedTask>>, factory: &dyn TrainerFactory) {
    factory.enter_thread();
    let mut trainers = TrainerCache { factory, trainers: VecDeque::new() };
    loop {
        let next = match queue.lock() {
            Ok(queue) => queue.recv(),
            Err(_) => return,
        };
        let Ok(QueuedTask { task, span, reply }) = next else { return };
        // A caller that has given up belongs to an abandoned round.
        if reply.is_closed() {
            continue;
        }
        let _within = span.entered();
        // A caller that gives up meanwhile does not need the result.
        let _gone = reply.send(trainers.serve(task));
    }
}

/// The trainers of a worker thread.
struct TrainerCache<'a> {
    factory: &'a dyn TrainerFactory,
    /// Sorted by age, the oldest first; each with the plan that it was made for.
    trainers: VecDeque<(Arc<Plan>, Box<dyn Trainer>)>,
}

impl TrainerCache<'_> {
    /// Does a task with the trainer of its plan. A panic leaves the trainer in an unknown state,
    /// and drops it.
    fn serve(&mut self, task: WorkerTask) -> Result<Reply, LinkError> {
        let WorkerTask { plan, work } = task;
        let index = self.index_of(plan)?;
        let trainer = &mut *self.trainers[index].1;
        let done = catch_unwind(AssertUnwindSafe(|| perform(trainer, work)));
        done.unwrap_or_else(|panic| {
            self.trainers.remove(index);
            Err(broken(&*panic))
        })
    }

    /// Returns the index of a plan's trainer, which is made if there is none.
    fn index_of(&mut self, plan: Arc<Plan>) -> Result<usize, LinkError> {
        let mut trainers = self.trainers.iter();
        if let Some(index) = trainers.position(|(known, _)| known.trains_as(&plan)) {
            return Ok(index);
        }
        let trainer = make_trainer(self.factory, &plan)?;
        if self.trainers.len() == CACHED_TRAINERS {
            self.trainers.pop_front();
        }
        self.trainers.push_back((plan, trainer));
        Ok(self.trainers.len() - 1)
    }
}

/// Makes a trainer for a plan. A panic of the factory is an error.
fn make_trainer(factory: &dyn TrainerFactory, plan: &Plan) -> Result<Box<dyn Trainer>, LinkError> {
    let made = catch_unwind(AssertUnwindSafe(|| factory.trainer(plan)));
    made.map_err(|panic| broken(&*panic))?.map_err(refused)
}

/// Does a task with a trainer.
fn perform(trainer: &mut dyn Trainer, work: Work) -> Result<Reply, LinkError> {
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
        Work::Differentiate { probe, along } => {
            let _span = debug_span!("derivative", directions = along.len()).entered();
            let derivatives = trainer.differentiate(&probe.point, probe.split, &along);
            derivatives.map(Reply::Differentiated).map_err(refused)
        }
    }
}

/// Converts the error of a trainer.
fn refused(error: TrainerError) -> LinkError {
    LinkError::Refused(error.to_string())
}

/// Returns the error of a panic, with its message.
fn broken(panic: &(dyn Any + Send)) -> LinkError {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    LinkError::Broken(text.unwrap_or_else(|| "a panic without words".to_owned()))
}
