//! [`Cache`]: values that a worker has seen, by name, the ones used last within a budget of bytes.

use std::{collections::BTreeMap, sync::Arc};

use fedlayer_core::Params;

use super::message::Digest;

/// Values by name. What a job needs is kept by the job; this only saves asking for it again.
#[derive(Debug)]
pub(crate) struct Cache {
    budget: usize,
    bytes: usize,
    clock: u64,
    kept: BTreeMap<Digest, (u64, Arc<Params>)>,
}

impl Cache {
    /// One that keeps at most `budget` bytes.
    pub(crate) fn new(budget: usize) -> Self {
        Self { budget, bytes: 0, clock: 0, kept: BTreeMap::new() }
    }

    /// The values of this name, if they are there.
    pub(crate) fn get(&mut self, name: Digest) -> Option<Arc<Params>> {
        self.clock += 1;
        let (used, params) = self.kept.get_mut(&name)?;
        *used = self.clock;
        Some(params.clone())
    }

    /// Keeps values, and lets those go that were not used for the longest.
    pub(crate) fn put(&mut self, name: Digest, params: Arc<Params>) {
        self.clock += 1;
        let bytes = 4 * params.values().len();
        if bytes > self.budget || self.kept.insert(name, (self.clock, params)).is_some() {
            return;
        }
        self.bytes += bytes;
        while self.bytes > self.budget {
            let oldest = self.kept.iter().min_by_key(|(_, (used, _))| *used).map(|(name, _)| *name);
            let Some((_, params)) = oldest.and_then(|name| self.kept.remove(&name)) else { break };
            self.bytes -= 4 * params.values().len();
        }
    }
}

#[cfg(test)]
mod tests {
    use fedlayer_core::Layout;

    use super::*;

    #[test]
    fn what_was_not_used_for_the_longest_goes_first() {
        let layout = Arc::new(Layout::new([("w", vec![2])]).unwrap());
        let params = || Arc::new(Params::zeros(layout.clone()));
        let name = |number| Digest([number; 32]);
        let mut cache = Cache::new(24);
        (0..3).for_each(|number| cache.put(name(number), params()));
        assert!(cache.get(name(0)).is_some());
        cache.put(name(3), params());
        let there: Vec<bool> = (0..4).map(|number| cache.get(name(number)).is_some()).collect();
        assert_eq!(there, [true, false, true, true]);
        let mut none = Cache::new(7);
        none.put(name(0), params());
        assert!(none.get(name(0)).is_none());
    }
}
