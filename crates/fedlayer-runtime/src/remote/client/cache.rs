//! [`ModelCache`]: the models that a worker used last, by digest, within a budget of bytes.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use fedlayer_core::model::Params;

use super::super::protocol::message::Digest;

/// A cache that the slots of a worker share.
pub(super) type SharedCache = Arc<Mutex<ModelCache>>;

/// The models that were used last. It only saves fetching: a job holds the models that it needs.
#[derive(Debug)]
pub(super) struct ModelCache {
    budget: usize,
    bytes: usize,
    /// Counts uses.
    clock: u64,
    /// The time of the last use, as the value of `clock`, and the model.
    entries: BTreeMap<Digest, (u64, Arc<Params>)>,
}

impl ModelCache {
    /// Makes an empty cache of at most `budget` bytes.
    pub(super) fn new(budget: usize) -> Self {
        Self { budget, bytes: 0, clock: 0, entries: BTreeMap::new() }
    }

    /// Returns a model if it is cached.
    pub(super) fn get(&mut self, name: Digest) -> Option<Arc<Params>> {
        self.clock += 1;
        let (used, params) = self.entries.get_mut(&name)?;
        *used = self.clock;
        Some(params.clone())
    }

    /// Caches a model and drops the least recently used ones over the budget.
    pub(super) fn put(&mut self, name: Digest, params: Arc<Params>) {
        self.clock += 1;
        let bytes = 4 * params.values().len();
        if bytes > self.budget || self.entries.insert(name, (self.clock, params)).is_some() {
            return;
        }
        self.bytes += bytes;
        while self.bytes > self.budget {
            let oldest =
                self.entries.iter().min_by_key(|(_, (used, _))| *used).map(|(name, _)| *name);
            let Some((_, params)) = oldest.and_then(|name| self.entries.remove(&name)) else {
                break;
            };
            self.bytes -= 4 * params.values().len();
        }
    }
}

#[cfg(test)]
mod tests {
    use fedlayer_core::model::Layout;

    use super::*;

    #[test]
    fn the_least_recently_used_model_is_dropped_first() {
        let layout = Arc::new(Layout::new([("w", vec![2])]).unwrap());
        let params = || Arc::new(Params::zeros(layout.clone()));
        let name = |number| Digest([number; 32]);
        let mut cache = ModelCache::new(24);
        (0..3).for_each(|number| cache.put(name(number), params()));
        assert!(cache.get(name(0)).is_some());
        cache.put(name(3), params());
        let there: Vec<bool> = (0..4).map(|number| cache.get(name(number)).is_some()).collect();
        assert_eq!(there, [true, false, true, true]);
        let mut none = ModelCache::new(7);
        none.put(name(0), params());
        assert!(none.get(name(0)).is_none());
    }
}
