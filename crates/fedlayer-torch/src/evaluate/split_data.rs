//! [`Splits`], [`Seen`] and [`Found`]: the examples of a split, in batches that the split alone decides, and what a network finds of them.

use std::sync::Arc;

use fedlayer_core::{ClientId, Evaluation, Examples, Split};
use tch::{Kind, TchError, Tensor};

use crate::{
    engine::{Body, Engine, Stacked, Table},
    gather::Batch,
};

/// The most examples that are evaluated at once by a network that can be stacked.
const BATCH: usize = 1024;

/// The most examples that are evaluated at once by any other network.
const ALONE_BATCH: usize = 256;

/// The most logits that are computed at once: 64 MB.
const LOGITS: usize = 1 << 24;

/// The examples of the splits that were asked for; the common ones stay, of the clients' own only the last.
#[derive(Debug, Default)]
pub(crate) struct Splits {
    train: Option<Seen>,
    test: Option<Seen>,
    own: Option<(ClientId, Seen)>,
}

/// The examples of a split.
#[derive(Debug)]
pub(crate) enum Seen {
    /// On the device.
    Table(Table),
    /// In the host's memory: those at these indices, or all.
    Host(Arc<Examples>, Option<Arc<[u32]>>),
}

impl Seen {
    /// Another handle to the same examples.
    fn share(&self) -> Self {
        match self {
            Self::Table(table) => Self::Table(table.share()),
            Self::Host(examples, rows) => Self::Host(examples.clone(), rows.clone()),
        }
    }

    /// Where each batch begins, and how many examples it has.
    pub(crate) fn batches(&self, engine: &Engine) -> impl Iterator<Item = (usize, usize)> + use<> {
        let most = match &engine.body {
            Body::Stacked(_) => BATCH,
            Body::Alone(_) => ALONE_BATCH,
        };
        let logits = engine.facts.targets * engine.facts.classes;
        let (most, all) = ((LOGITS / logits.max(1)).clamp(1, most), self.len());
        (0..all).step_by(most).map(move |start| (start, most.min(all - start)))
    }

    /// The number of examples.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Table(table) => table.len(),
            Self::Host(examples, None) => examples.len(),
            Self::Host(_, Some(rows)) => rows.len(),
        }
    }

    /// The examples from `start` on, `count` of them.
    pub(crate) fn batch(
        &self,
        engine: &Engine,
        start: usize,
        count: usize,
    ) -> Result<Batch, TchError> {
        let range = start..start + count;
        match self {
            Self::Table(table) => Ok(Batch {
                inputs: table.inputs.f_narrow(0, start as i64, count as i64)?, // (B, F)
                labels: table.labels.f_narrow(0, start as i64, count as i64)?, // (B)
            }),
            Self::Host(examples, None) => Batch::plain(examples, range, engine.device.into()),
            Self::Host(examples, Some(rows)) => {
                let rows = rows[range].iter().map(|&row| row as usize);
                Batch::plain(examples, rows, engine.device.into())
            }
        }
    }
}

impl Splits {
    /// The examples of a split.
    pub(crate) fn get(&mut self, engine: &Engine, split: Split) -> Result<Seen, TchError> {
        let known = match split {
            Split::Train => self.train.as_ref(),
            Split::Test => self.test.as_ref(),
            Split::ClientTest(client) => {
                self.own.as_ref().filter(|(owner, _)| *owner == client).map(|(_, seen)| seen)
            }
        };
        if let Some(seen) = known {
            return Ok(seen.share());
        }
        let seen = match &engine.body {
            Body::Stacked(stacked) => Seen::Table(table(engine, stacked, split)?),
            Body::Alone(_) => host(engine, split),
        };
        let shared = seen.share();
        match split {
            Split::Train => self.train = Some(seen),
            Split::Test => self.test = Some(seen),
            Split::ClientTest(client) => self.own = Some((client, seen)),
        }
        Ok(shared)
    }
}

/// The examples of a split in the host's memory. Where clients are drawn there is no training split.
pub(crate) fn host(engine: &Engine, split: Split) -> Seen {
    let data = &engine.data;
    match split {
        Split::Train => match data.pool() {
            Some(pool) => Seen::Host(pool.clone(), Some(data.union_train().into())),
            None => Seen::Host(data.test.clone(), Some([].into())),
        },
        Split::Test => Seen::Host(data.test.clone(), None),
        Split::ClientTest(client) => {
            let client = data.client(client);
            Seen::Host(client.examples, Some(client.test.into()))
        }
    }
}

fn table(engine: &Engine, stacked: &Stacked, split: Split) -> Result<Table, TchError> {
    match (host(engine, split), &stacked.pool) {
        (Seen::Host(examples, None), _) => Table::shared(&examples, engine.device),
        (Seen::Host(examples, Some(rows)), pool) => {
            let rows: Vec<i64> = rows.iter().copied().map(i64::from).collect();
            match pool {
                Some(pool) => pool.select(&rows),
                None => Table::new(&examples, engine.device)?.select(&rows),
            }
        }
        (Seen::Table(table), _) => Ok(table),
    }
}

/// What was found of the batches of a split, on the device.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Per batch: the mean loss of each example's labels. `(B)`
    losses: Vec<Tensor>,
    /// Per batch: the share of each example's labels that were found. `(B)`
    correct: Vec<Tensor>,
}

impl Found {
    /// Adds a batch's logits `(B·targets, C)`.
    pub(crate) fn add(
        &mut self,
        engine: &Engine,
        logits: &Tensor,
        labels: &Tensor,
    ) -> Result<(), TchError> {
        let of_labels = engine.criterion.each(logits, labels)?; // (B·targets)
        // Of equal logits the first one counts.
        let right = logits.f_argmax(1, false)?.f_eq_tensor(labels)?; // (B·targets)
        let means = |of_labels: &Tensor| {
            let rows = of_labels.f_to_kind(Kind::Float)?;
            rows.f_view([-1, engine.facts.targets as i64])?.f_mean_dim(1, false, Kind::Float)
        };
        self.losses.push(means(&of_labels)?);
        self.correct.push(means(&right)?);
        Ok(())
    }

    /// Everything, in the host's memory.
    pub(crate) fn evaluation(self) -> Result<Evaluation, TchError> {
        let joined = |batches: Vec<Tensor>| -> Result<Vec<f32>, TchError> {
            match batches.is_empty() {
                true => Ok(Vec::new()),
                false => Tensor::f_cat(&batches, 0)?.f_to_device(tch::Device::Cpu)?.try_into(),
            }
        };
        Ok(Evaluation { losses: joined(self.losses)?, correct: Some(joined(self.correct)?) })
    }
}
