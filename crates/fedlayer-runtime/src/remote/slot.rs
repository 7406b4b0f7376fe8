//! [`Slot`]: works on one job at a time: pulls it, asks for what is missing of it, trains, pushes what came out. [`Beats`] tells of it.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use fedlayer_core::{Layout, Params, Plan};
use tokio::{
    sync::{mpsc, watch},
    task::spawn_blocking,
    time::{interval, timeout},
};
use tokio_stream::{StreamExt, iter, once};
use tonic::Code;
use tracing::{debug, warn};

use super::{
    asked::check,
    cache::Cache,
    codec::Malformed,
    limits,
    message::{
        Fetch, JobHead, JobId, Pull, Pulled, Receipt, ReplyHead, ReplyPart, RunId, SessionId,
        Source, WorkerNote,
    },
    pieces::{Assembly, pieces},
    translate::{Naming, digest, outcome, task},
    worker::{Client, Trouble},
};
use crate::{Link, LocalPool};

pub(super) type Held = Arc<Mutex<BTreeSet<JobId>>>;

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Says now and then that the worker lives, and what it is at; until it is dropped.
pub(super) struct Beats(tokio::task::JoinHandle<()>);

impl Beats {
    pub(super) fn start(tell: mpsc::Sender<WorkerNote>, held: Held, every: Duration) -> Self {
        Self(tokio::spawn(async move {
            let mut beat = interval(every.max(Duration::from_millis(1)));
            loop {
                beat.tick().await;
                let held = locked(&held).iter().copied().collect();
                if tell.send(WorkerNote::Beat { held }).await.is_err() {
                    return;
                }
            }
        }))
    }
}

impl Drop for Beats {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Works on one job at a time.
pub(super) struct Slot {
    pub(super) client: Client,
    pub(super) run: RunId,
    pub(super) session: SessionId,
    pub(super) plans: Vec<Arc<Plan>>,
    pub(super) pool: Arc<LocalPool>,
    pub(super) cache: Arc<Mutex<Cache>>,
    /// One slot at a time asks for values, so that none are sent twice.
    pub(super) fetching: Arc<tokio::sync::Mutex<()>>,
    pub(super) held: Held,
}

impl Slot {
    /// Job after job, until it is told to end.
    pub(super) async fn run(mut self, mut draining: watch::Receiver<bool>) -> Result<(), Trouble> {
        loop {
            let pull = self.client.pull(Pull { session: self.session });
            let pulled = tokio::select! {
                biased;
                _ = draining.wait_for(|draining| *draining) => return Ok(()),
                pulled = pull => pulled?.into_inner(),
            };
            let Pulled::Job(head) = pulled else { continue };
            let _holding = Holding::new(&self.held, head.job);
            self.job(*head).await?;
        }
    }

    async fn job(&mut self, head: JobHead) -> Result<(), Trouble> {
        let job = head.job;
        let malformed = |error: Malformed| Trouble::Passing(format!("job {}: {error}", job.0));
        let plan = check(&head, &self.plans).map_err(malformed)?.clone();
        let Some(blobs) = self.blobs(&head, &plan.layout).await? else { return Ok(()) };
        let task = task(&head, &plan, &blobs).map_err(malformed)?;
        let work = task.work.clone();
        let reply = self.pool.call(task).await;
        let (outcome, sources) = outcome(&work, reply);
        let models = models(&sources);
        let head = ReplyHead { run: self.run, session: self.session, job, outcome };
        let parts = once(ReplyPart::Head(Box::new(head)))
            .chain(iter(pieces(sources).map(ReplyPart::Piece)));
        let (pushed, ()) = tokio::join!(self.client.push(parts), keep(self.cache.clone(), models));
        match pushed?.into_inner() {
            Receipt::Taken => {}
            Receipt::Refused(unwanted) => debug!(job = job.0, "not taken: {unwanted}"),
        }
        Ok(())
    }

    /// The values that a job names, out of the cache or from the coordinator; nothing where the job is over meanwhile.
    async fn blobs(
        &mut self,
        head: &JobHead,
        layout: &Arc<Layout>,
    ) -> Result<Option<Vec<Arc<Params>>>, Trouble> {
        let passing = |what: String| Trouble::Passing(format!("job {}: {what}", head.job.0));
        let turn = self.fetching.clone();
        let _turn = turn.lock().await;
        let mut found: Vec<Option<Arc<Params>>> = {
            let mut cache = locked(&self.cache);
            // Another plan's values of the same name may have another layout.
            let fits = |params: &Arc<Params>| params.layout() == layout;
            head.blobs.iter().map(|&name| cache.get(name).filter(fits)).collect()
        };
        let missing: Vec<u32> =
            (0..found.len() as u32).filter(|&index| found[index as usize].is_none()).collect();
        if !missing.is_empty() {
            let question = Fetch { session: self.session, job: head.job, blobs: missing.clone() };
            let mut stream = match self.client.fetch(question).await {
                Ok(stream) => stream.into_inner(),
                Err(status) if status.code() == Code::Aborted => return Ok(None),
                Err(status) => return Err(status.into()),
            };
            let mut assembly = Assembly::new(vec![layout.value_count(); missing.len()]);
            let mut names = vec![Naming::default(); missing.len()];
            loop {
                let piece = timeout(limits::PIECE, stream.next()).await;
                let piece = piece.map_err(|_| passing("a piece took too long".to_owned()))?;
                let Some(piece) = piece else { break };
                assembly
                    .take(&piece?, |part, values| names[part].add(values))
                    .map_err(|error| passing(error.to_string()))?;
            }
            let values = assembly.finish().map_err(|error| passing(error.to_string()))?;
            let mut cache = locked(&self.cache);
            for ((index, naming), values) in missing.into_iter().zip(names).zip(values) {
                let name = head.blobs[index as usize];
                if naming.name() != name {
                    return Err(passing(format!("values named {name} came damaged")));
                }
                let params = Params::new(layout.clone(), values);
                let params = Arc::new(params.map_err(|error| passing(error.to_string()))?);
                cache.put(name, params.clone());
                found[index as usize] = Some(params);
            }
        }
        Ok(found.into_iter().collect())
    }
}

/// The models among values that go out.
fn models(sources: &[Source]) -> Vec<Arc<Params>> {
    let model = |source: &Source| match source {
        Source::Params(params) => Some(params.clone()),
        Source::Slot(..) | Source::Values(_) => None,
    };
    sources.iter().filter_map(model).collect()
}

/// Keeps the models that were trained here: barriers and evaluations will ask for them. Naming a large one takes a while.
async fn keep(cache: Arc<Mutex<Cache>>, models: Vec<Arc<Params>>) {
    let kept = spawn_blocking(move || {
        for params in models {
            let name = digest(params.values());
            locked(&cache).put(name, params);
        }
    });
    if let Err(broken) = kept.await {
        warn!("values could not be kept: {broken}");
    }
}

/// A job that the worker is at, until this is dropped.
struct Holding(Held, JobId);

impl Holding {
    fn new(held: &Held, job: JobId) -> Self {
        locked(held).insert(job);
        Self(held.clone(), job)
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        locked(&self.0).remove(&self.1);
    }
}
