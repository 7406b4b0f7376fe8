//! [`digest`]: values are named by the blake3 hash of their little-endian bytes.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, OnceLock, PoisonError, Weak},
};

use fedlayer_core::model::Params;

use super::{
    message::{Digest, ValueSource},
    numbers::NumberSlice,
};

/// Hashes values that arrive in pieces.
#[derive(Debug, Clone, Default)]
pub(crate) struct ValueHasher(blake3::Hasher);

impl ValueHasher {
    /// Hashes the next values.
    pub(crate) fn update(&mut self, values: &[f32]) {
        self.0.update(&NumberSlice::F32(values).le_bytes());
    }

    /// Returns the digest of all values so far.
    pub(crate) fn digest(&self) -> Digest {
        Digest(*self.0.finalize().as_bytes())
    }
}

/// Returns the digest of `values`.
pub(crate) fn digest(values: &[f32]) -> Digest {
    let mut hasher = ValueHasher::default();
    hasher.update(values);
    hasher.digest()
}

/// The digests of models that are in use, so that a model is hashed once and not for every job.
#[derive(Debug, Default)]
pub(crate) struct DigestCache(Mutex<BTreeMap<usize, CachedDigest>>);

/// A model and its digest, which is computed on first use.
#[derive(Debug)]
struct CachedDigest {
    model: Weak<Params>,
    digest: Arc<OnceLock<Digest>>,
}

impl DigestCache {
    /// Returns the digest of a source's values.
    pub(crate) fn digest(&self, source: &ValueSource) -> Digest {
        let ValueSource::Params(params) = source else {
            return Digest(*blake3::hash(&source.numbers().le_bytes()).as_bytes());
        };
        // The map is not locked while a model is hashed: only callers with the same model wait.
        *self.cell(params).get_or_init(|| digest(params.values()))
    }

    /// Returns the cell that holds or will hold a model's digest.
    fn cell(&self, params: &Arc<Params>) -> Arc<OnceLock<Digest>> {
        let mut cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The weak reference keeps the allocation, so no other model can get the same address.
        let address = Arc::as_ptr(params) as usize;
        if let Some(known) = cache.get(&address) {
            return known.digest.clone();
        }
        cache.retain(|_, known| known.model.strong_count() > 0);
        let cell = Arc::default();
        let known = CachedDigest { model: Arc::downgrade(params), digest: Arc::clone(&cell) };
        cache.insert(address, known);
        cell
    }
}
