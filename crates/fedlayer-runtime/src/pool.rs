//! [`LocalPool`]: the link inside one process. Threads pull tasks from one queue; libtorch never runs on an async thread.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, mpsc},
    thread,
};

use fedlayer_core::{Plan, Trainer, TrainerError};
use tokio::sync::oneshot;
use tracing::{Span, debug_span};

use crate::{Link, LinkError, Reply, Work, WorkerTask};

/// Makes trainers for the workers of a pool, each on its own thread.
pub trait TrainerFactory: Send + Sync + 'static {
    /// Called once on every worker thread, before any work.
    fn enter_thread(&self) {}

    /// A trainer for a plan. It must serve every plan that trains as this one does ([`Plan::trains_as`]).
    ///
    /// # Errors
    /// Says why the plan cannot be trained.
    fn trainer(&self, plan: &Plan) -> Result<Box<dyn Trainer>, String>;
}

/// Worker threads of this process. They end when the pool is dropped and their current task is done.
#[derive(Debug)]
pub struct LocalPool {
    queue: mpsc::Sender<Request>,
    slots: usize,
}

struct Request {
    plan: Arc<Plan>,
    /// Where the work was asked for, so that a log line of a worker says of which run and round it is.
    span: Span,
    errand: Box<dyn Errand>,
}

/// What is to be done with a plan's trainer, whatever comes of it.
trait Errand: Send {
    /// Whether somebody still waits for it.
    fn is_wanted(&self) -> bool;

    /// Does it and answers. Says whether the trainer is sound: what it is after a panic, nobody knows.
    fn run(self: Box<Self>, trainer: Result<&mut dyn Trainer, LinkError>) -> bool;
}

/// An errand and where its result goes.
struct Asked<T, F> {
    act: F,
    reply: oneshot::Sender<Result<T, LinkError>>,
}

impl<T, F> Errand for Asked<T, F>
where
    T: Send,
    F: FnOnce(&mut dyn Trainer) -> Result<T, LinkError> + Send,
{
    fn is_wanted(&self) -> bool {
        !self.reply.is_closed()
    }

    fn run(self: Box<Self>, trainer: Result<&mut dyn Trainer, LinkError>) -> bool {
        let Self { act, reply } = *self;
        let done = match trainer {
            Ok(trainer) => catch_unwind(AssertUnwindSafe(|| act(trainer))),
            Err(error) => Ok(Err(error)),
        };
        let is_sound = done.is_ok();
        // The asker may have gone meanwhile; then nobody misses the result.
        let _gone = reply.send(done.unwrap_or_else(|panic| Err(broken(&*panic))));
        is_sound
    }
}

/// So many trainers stay on a worker thread; more are made again when they are needed.
const KEPT_TRAINERS: usize = 16;

impl LocalPool {
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

    /// Has some worker do something with the trainer of a plan. Dropping the receiver gives it up.
    pub(crate) fn ask<T: Send + 'static>(
        &self,
        plan: Arc<Plan>,
        act: impl FnOnce(&mut dyn Trainer) -> Result<T, LinkError> + Send + 'static,
    ) -> Result<oneshot::Receiver<Result<T, LinkError>>, LinkError> {
        let (reply, answer) = oneshot::channel();
        let errand = Box::new(Asked { act, reply });
        self.queue
            .send(Request { plan, span: Span::current(), errand })
            .map_err(|_| LinkError::Gone)?;
        Ok(answer)
    }
}

impl Link for LocalPool {
    fn slots(&self) -> usize {
        self.slots
    }

    async fn call(&self, task: WorkerTask) -> Result<Reply, LinkError> {
        let WorkerTask { plan, work } = task;
        let answer = self.ask(plan, |trainer| perform(trainer, work))?;
        answer.await.map_err(|_| LinkError::Gone)?
    }
}

/// The life of a worker thread: it ends when the queue does.
fn work(requests: &Mutex<mpsc::Receiver<Request>>, factory: &dyn TrainerFactory) {
    factory.enter_thread();
    let mut trainers: Vec<(Arc<Plan>, Box<dyn Trainer>)> = Vec::new();
    loop {
        let next = match requests.lock() {
            Ok(requests) => requests.recv(),
            Err(_) => return,
        };
        let Ok(Request { plan, span, errand }) = next else { return };
        // Whoever asked is gone: an abandoned round.
        if !errand.is_wanted() {
            continue;
        }
        let _within = span.entered();
        let known = trainers.iter().position(|(known, _)| known.trains_as(&plan));
        let made = match known {
            Some(index) => Ok(index),
            None => make(factory, &plan).map(|trainer| {
                if trainers.len() == KEPT_TRAINERS {
                    trainers.remove(0);
                }
                trainers.push((plan, trainer));
                trainers.len() - 1
            }),
        };
        match made {
            Ok(index) => {
                if !errand.run(Ok(&mut *trainers[index].1)) {
                    trainers.remove(index);
                }
            }
            Err(error) => {
                errand.run(Err(error));
            }
        }
    }
}

/// A trainer for a plan.
fn make(factory: &dyn TrainerFactory, plan: &Plan) -> Result<Box<dyn Trainer>, LinkError> {
    let made = catch_unwind(AssertUnwindSafe(|| factory.trainer(plan)));
    made.map_err(|panic| broken(&*panic))?.map_err(LinkError::Refused)
}

/// Does one task with a trainer.
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
    }
}

/// What a trainer says that could not do it.
pub(crate) fn refused(error: TrainerError) -> LinkError {
    LinkError::Refused(error.to_string())
}

/// The words of a panic.
fn broken(panic: &(dyn Any + Send)) -> LinkError {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    LinkError::Broken(text.unwrap_or_else(|| "a panic without words".to_owned()))
}
