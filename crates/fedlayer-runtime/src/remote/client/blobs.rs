//! [`BlobFetcher`]: gets the values of a job, from the cache or from the coordinator.

use std::sync::{Arc, MutexGuard, PoisonError};

use fedlayer_core::model::{Layout, Params};
use tokio::{sync::Mutex, time::timeout};
use tokio_stream::StreamExt;
use tonic::{Code, Streaming};

use super::{
    super::protocol::{
        codec::MalformedMessage,
        digest::ValueHasher,
        limits::PIECE_TIMEOUT,
        message::{Digest, Fetch, JobHead, Piece, SessionId},
        pieces::Assembly,
    },
    cache::{ModelCache, SharedCache},
    connection::CoordinatorClient,
    error::SessionError,
};

/// Gets the values of jobs.
pub(super) struct BlobFetcher {
    pub(super) client: CoordinatorClient,
    pub(super) session: SessionId,
    pub(super) cache: SharedCache,
    /// Lets one slot fetch at a time, so that no values are sent twice.
    pub(super) fetching: Arc<Mutex<()>>,
}

impl BlobFetcher {
    /// Returns the values of a job's blobs, in order, or `None` if the job is not this worker's any
    /// more.
    pub(super) async fn get(
        &mut self,
        head: &JobHead,
        layout: &Arc<Layout>,
    ) -> Result<Option<Vec<Arc<Params>>>, SessionError> {
        let fetching = self.fetching.clone();
        let _fetching = fetching.lock().await;
        let mut found: Vec<Option<Arc<Params>>> = {
            let mut cache = self.cache();
            // The same values may have another layout in another plan.
            let fits = |params: &Arc<Params>| params.layout() == layout;
            head.blobs.iter().map(|&name| cache.get(name).filter(fits)).collect()
        };
        let missing: Vec<u32> =
            (0..found.len() as u32).filter(|&index| found[index as usize].is_none()).collect();
        if missing.is_empty() {
            return Ok(found.into_iter().collect());
        }
        let Some(fetched) = self.fetch(head, layout, &missing).await? else { return Ok(None) };
        let mut cache = self.cache();
        let directions = head.work.directions();
        for (index, params) in missing.into_iter().zip(fetched) {
            if !directions.contains(&index) {
                cache.put(head.blobs[index as usize], params.clone());
            }
            found[index as usize] = Some(params);
        }
        Ok(found.into_iter().collect())
    }

    /// Fetches the blobs with the indices `missing` from the coordinator.
    async fn fetch(
        &mut self,
        head: &JobHead,
        layout: &Arc<Layout>,
        missing: &[u32],
    ) -> Result<Option<Vec<Arc<Params>>>, SessionError> {
        let fetch = Fetch { session: self.session, job: head.job, blobs: missing.to_vec() };
        let pieces = match self.client.fetch(fetch).await {
            Ok(pieces) => pieces.into_inner(),
            Err(status) if status.code() == Code::Aborted => return Ok(None),
            Err(status) => return Err(status.into()),
        };
        let names = missing.iter().map(|&index| head.blobs[index as usize]).collect();
        let in_job = |why: String| SessionError::Transient(format!("job {}: {why}", head.job.0));
        receive(pieces, names, layout).await.map(Some).map_err(|error| match error {
            ReceiveError::Session(error) => error,
            ReceiveError::Values(why) => in_job(why),
        })
    }

    fn cache(&self) -> MutexGuard<'_, ModelCache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why values were not received.
enum ReceiveError {
    /// The stream failed.
    Session(SessionError),
    /// The values are not those that were asked for.
    Values(String),
}

impl From<MalformedMessage> for ReceiveError {
    fn from(error: MalformedMessage) -> Self {
        Self::Values(error.to_string())
    }
}

/// Receives models and checks each against its digest in `names`.
async fn receive(
    mut pieces: Streaming<Piece>,
    names: Vec<Digest>,
    layout: &Arc<Layout>,
) -> Result<Vec<Arc<Params>>, ReceiveError> {
    let mut assembly = Assembly::new(vec![layout.value_count(); names.len()]);
    let mut hashers = vec![ValueHasher::default(); names.len()];
    loop {
        let piece = timeout(PIECE_TIMEOUT, pieces.next()).await;
        let piece = piece.map_err(|_| ReceiveError::Values("a piece took too long".to_owned()))?;
        let Some(piece) = piece else { break };
        let piece = piece.map_err(|status| ReceiveError::Session(status.into()))?;
        assembly.append(&piece, |part, values| hashers[part].update(values))?;
    }
    let parts = assembly.finish()?.into_iter().zip(hashers).zip(names);
    parts
        .map(|((values, hasher), name)| {
            if hasher.digest() != name {
                return Err(ReceiveError::Values(format!(
                    "the values of {name} are damaged: their hash differs"
                )));
            }
            let params = Params::new(layout.clone(), values);
            params.map(Arc::new).map_err(|error| ReceiveError::Values(error.to_string()))
        })
        .collect()
}
