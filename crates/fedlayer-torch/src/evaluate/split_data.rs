//! [`SplitCache`] and [`SplitData`]: the examples of a split, in batches that depend on the split
//! alone.

use std::sync::Arc;

use fedlayer_core::data::{Examples, Split};
use tch::TchError;

use crate::{
    engine::Engine,
    examples::{Batch, DeviceExamples},
};

/// The largest batch of a stacked network.
const STACKED_BATCH: usize = 1024;

/// The largest batch of any other network.
const BATCH: usize = 256;

/// The largest number of logits of a batch: 64 MB.
const LOGITS: usize = 1 << 24;

/// The examples of the splits of earlier calls: the common ones, and of the clients' own splits the
/// last one.
#[derive(Debug, Default)]
pub(crate) struct SplitCache {
    train: Option<SplitData>,
    test: Option<SplitData>,
    validation: Option<SplitData>,
    /// The last split that belongs to a client.
    own: Option<(Split, SplitData)>,
}

/// The examples of a split.
#[derive(Debug)]
pub(crate) enum SplitData {
    /// On the device.
    Device(DeviceExamples),
    /// In the host's memory: the examples at these indices, or all.
    Host(Arc<Examples>, Option<Arc<[u32]>>),
}

impl SplitData {
    /// Returns another handle to the same examples.
    fn share(&self) -> Self {
        match self {
            Self::Device(examples) => Self::Device(examples.share()),
            Self::Host(examples, rows) => Self::Host(examples.clone(), rows.clone()),
        }
    }

    /// The first example and the size of each batch.
    pub(crate) fn batches(&self, engine: &Engine) -> impl Iterator<Item = (usize, usize)> + use<> {
        let largest = if engine.network.is_stacked() { STACKED_BATCH } else { BATCH };
        let logits = engine.facts.targets * engine.facts.classes;
        let (size, all) = ((LOGITS / logits.max(1)).clamp(1, largest), self.len());
        (0..all).step_by(size).map(move |start| (start, size.min(all - start)))
    }

    /// The number of examples.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Device(examples) => examples.len(),
            Self::Host(examples, None) => examples.len(),
            Self::Host(_, Some(rows)) => rows.len(),
        }
    }

    /// Returns `count` examples from `start` on.
    pub(crate) fn batch(
        &self,
        engine: &Engine,
        start: usize,
        count: usize,
    ) -> Result<Batch, TchError> {
        let range = start..start + count;
        match self {
            Self::Device(examples) => examples.batch(start, count),
            Self::Host(examples, None) => Batch::new(examples, range, engine.device.into()),
            Self::Host(examples, Some(rows)) => {
                let rows = rows[range].iter().map(|&row| row as usize);
                Batch::new(examples, rows, engine.device.into())
            }
        }
    }
}

impl SplitCache {
    /// Returns the examples of a split.
    pub(crate) fn get(&mut self, engine: &Engine, split: Split) -> Result<SplitData, TchError> {
        let known = match split {
            Split::Train => self.train.as_ref(),
            Split::Test => self.test.as_ref(),
            Split::Validation => self.validation.as_ref(),
            Split::ClientTest(_) | Split::ClientValidation(_) => {
                self.own.as_ref().filter(|(own, _)| *own == split).map(|(_, data)| data)
            }
        };
        if let Some(data) = known {
            return Ok(data.share());
        }
        let data = match engine.network.is_stacked() {
            true => SplitData::Device(on_device(engine, split)?),
            false => on_host(engine, split),
        };
        let shared = data.share();
        match split {
            Split::Train => self.train = Some(data),
            Split::Test => self.test = Some(data),
            Split::Validation => self.validation = Some(data),
            Split::ClientTest(_) | Split::ClientValidation(_) => self.own = Some((split, data)),
        }
        Ok(shared)
    }
}

/// Returns the examples of a split in the host's memory. If clients draw their own examples, the
/// training split is empty; without a validation set so is the validation split.
pub(crate) fn on_host(engine: &Engine, split: Split) -> SplitData {
    let data = &engine.data;
    let nothing = || SplitData::Host(data.test.clone(), Some([].into()));
    match split {
        Split::Train => match data.pool() {
            Some(pool) => SplitData::Host(pool.clone(), Some(data.union_train().into())),
            None => nothing(),
        },
        Split::Test => SplitData::Host(data.test.clone(), None),
        Split::ClientTest(client) => {
            let client = data.client(client);
            SplitData::Host(client.examples, Some(client.test.into()))
        }
        Split::Validation => match &data.validation {
            Some(validation) => SplitData::Host(validation.clone(), None),
            None => nothing(),
        },
        Split::ClientValidation(client) => {
            let client = data.client(client);
            SplitData::Host(client.examples, Some(client.validation.into()))
        }
    }
}

/// Copies the examples of a split to the device.
fn on_device(engine: &Engine, split: Split) -> Result<DeviceExamples, TchError> {
    match (on_host(engine, split), &engine.pool) {
        (SplitData::Host(examples, None), _) => DeviceExamples::shared(&examples, engine.device),
        (SplitData::Host(examples, Some(rows)), pool) => {
            let rows: Vec<i64> = rows.iter().copied().map(i64::from).collect();
            match pool {
                Some(pool) => pool.select(&rows),
                None => DeviceExamples::new(&examples, engine.device)?.select(&rows),
            }
        }
        (SplitData::Device(examples), _) => Ok(examples),
    }
}
