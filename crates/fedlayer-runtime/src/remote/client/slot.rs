//! [`Slot`]: works on one job at a time: pulls it, fetches its values, trains, pushes the reply.

use std::sync::{Arc, PoisonError};

use fedlayer_core::{Plan, model::Params};
use tokio::{sync::watch, task::spawn_blocking};
use tokio_stream::{StreamExt, iter, once};
use tracing::{debug, warn};

use super::{
    super::protocol::{
        codec::MalformedMessage,
        digest::digest,
        message::{
            JobHead, Pull, Pulled, Receipt, ReplyHead, ReplyPart, RunId, SessionId, ValueSource,
        },
        pieces::pieces,
        translate::{outcome, task},
        validate_job::validate_job,
    },
    blobs::BlobFetcher,
    cache::SharedCache,
    connection::CoordinatorClient,
    error::SessionError,
    heartbeat::HeldJobs,
};
use crate::{Link, LocalPool};

/// One of a worker's slots.
pub(super) struct Slot {
    pub(super) client: CoordinatorClient,
    pub(super) run: RunId,
    pub(super) session: SessionId,
    pub(super) plans: Arc<[Arc<Plan>]>,
    pub(super) pool: Arc<LocalPool>,
    pub(super) blobs: BlobFetcher,
    pub(super) held: HeldJobs,
}

impl Slot {
    /// Does job after job until the worker drains.
    pub(super) async fn run(
        mut self,
        mut draining: watch::Receiver<bool>,
    ) -> Result<(), SessionError> {
        loop {
            let pull = self.client.pull(Pull { session: self.session });
            let pulled = tokio::select! {
                biased;
                _ = draining.wait_for(|draining| *draining) => return Ok(()),
                pulled = pull => pulled?.into_inner(),
            };
            let Pulled::Job(head) = pulled else { continue };
            let _held = self.held.hold(head.job);
            self.do_job(&head).await?;
        }
    }

    async fn do_job(&mut self, head: &JobHead) -> Result<(), SessionError> {
        let malformed = |error: MalformedMessage| {
            SessionError::Transient(format!("job {}: {error}", head.job.0))
        };
        let plan = validate_job(head, &self.plans).map_err(malformed)?.clone();
        let Some(blobs) = self.blobs.get(head, &plan.layout).await? else { return Ok(()) };
        let task = task(head, &plan, &blobs).map_err(malformed)?;
        let work = task.work.clone();
        let reply = self.pool.call(task).await;
        let (outcome, sources) = outcome(&work, reply);
        let models = models(&sources);
        let reply = ReplyHead { run: self.run, session: self.session, job: head.job, outcome };
        let parts = once(ReplyPart::Head(Box::new(reply)))
            .chain(iter(pieces(sources).map(ReplyPart::Piece)));
        let remembered = remember(self.blobs.cache.clone(), models);
        let (pushed, ()) = tokio::join!(self.client.push(parts), remembered);
        match pushed?.into_inner() {
            Receipt::Taken => {}
            Receipt::Refused(rejection) => {
                debug!(job = head.job.0, "the reply was not taken: {rejection}")
            }
        }
        Ok(())
    }
}

/// Returns the models among the values of a reply.
fn models(sources: &[ValueSource]) -> Vec<Arc<Params>> {
    let model = |source: &ValueSource| match source {
        ValueSource::Params(params) => Some(params.clone()),
        ValueSource::Slot(..)
        | ValueSource::Direction(..)
        | ValueSource::Values(_)
        | ValueSource::Derivative(_) => None,
    };
    sources.iter().filter_map(model).collect()
}

/// Caches models that were trained here, because barriers and evaluations will ask for them.
///
/// Hashing a large model takes too long for an async thread.
async fn remember(cache: SharedCache, models: Vec<Arc<Params>>) {
    let cached = spawn_blocking(move || {
        for params in models {
            let name = digest(params.values());
            cache.lock().unwrap_or_else(PoisonError::into_inner).put(name, params);
        }
    });
    if let Err(panic) = cached.await {
        warn!("models could not be cached: {panic}");
    }
}
