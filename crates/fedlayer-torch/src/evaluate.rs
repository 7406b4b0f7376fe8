//! [`Splits`] and [`evaluate`]: the loss of each example of a split, and whether it was classified rightly.
//!
//! Each probe is computed alone, in batches that the split alone decides, so that its bytes never depend on the other probes of a call.

use fedlayer_core::{ClientId, Evaluation, Params, Split};
use tch::{Kind, TchError, Tensor};

use crate::engine::{Engine, Table};

/// The most examples that are evaluated at once.
const BATCH: usize = 1024;

/// The examples of the splits that were asked for; the common ones stay, of the clients' own only the last.
#[derive(Debug, Default)]
pub(crate) struct Splits {
    train: Option<Table>,
    test: Option<Table>,
    own: Option<(ClientId, Table)>,
}

impl Splits {
    /// The examples of a split.
    pub(crate) fn get(&mut self, engine: &Engine, split: Split) -> Result<Table, TchError> {
        let data = &engine.data;
        let pooled = |rows: &[u32]| {
            let rows: Vec<i64> = rows.iter().copied().map(i64::from).collect();
            engine.pool.select(&rows)
        };
        let known = match split {
            Split::Train => self.train.as_ref(),
            Split::Test => self.test.as_ref(),
            Split::ClientTest(client) => {
                self.own.as_ref().filter(|(owner, _)| *owner == client).map(|(_, table)| table)
            }
        };
        if let Some(table) = known {
            return Ok(table.share());
        }
        let table = match split {
            Split::Train => pooled(&data.union_train())?,
            Split::Test => Table::new(&data.test, engine.device)?,
            Split::ClientTest(client) => pooled(data.client_test(client))?,
        };
        let shared = table.share();
        match split {
            Split::Train => self.train = Some(table),
            Split::Test => self.test = Some(table),
            Split::ClientTest(client) => self.own = Some((client, table)),
        }
        Ok(shared)
    }
}

/// The parameters of one network as views of a tensor, ready for [`evaluate`].
pub(crate) fn place(engine: &Engine, params: &Params) -> Result<Vec<Tensor>, TchError> {
    engine.network.views(&engine.rows(params.values(), engine.parameters)?)
}

/// Evaluates the network whose parameters `views` are on the examples of a split.
pub(crate) fn evaluate(
    engine: &Engine,
    views: &[Tensor],
    table: &Table,
) -> Result<Evaluation, TchError> {
    let mut losses: Vec<f32> = Vec::with_capacity(table.len());
    let mut correct: Vec<bool> = Vec::with_capacity(table.len());
    for start in (0..table.len()).step_by(BATCH) {
        let (start, count) = (start as i64, BATCH.min(table.len() - start) as i64);
        let inputs = table.inputs.f_narrow(0, start, count)?.f_unsqueeze(0)?; // (1, B, F)
        let labels = table.labels.f_narrow(0, start, count)?; // (B)
        let logits = engine.network.forward(views, &inputs)?.logits.f_squeeze_dim(0)?; // (B, C)
        let targets = engine.criterion.targets(&labels)?; // (B, C)
        let residual = logits.f_empty_like()?; // (B, C)
        engine.criterion.residual(&residual, &logits, &targets)?;
        let of_batch = engine.criterion.losses(&residual, &labels)?; // (B)
        losses.extend(Vec::<f32>::try_from(of_batch.f_to_kind(Kind::Float)?)?);
        // Of equal logits the first one counts.
        let right = logits.f_argmax(1, false)?.f_eq_tensor(&labels)?; // (B)
        correct.extend(Vec::<bool>::try_from(right)?);
    }
    Ok(Evaluation { losses, correct: Some(correct) })
}
