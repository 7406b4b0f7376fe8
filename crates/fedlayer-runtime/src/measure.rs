//! [`measure`]: the part of a round between training and commit: barriers, choice of layers,
//! average, evaluation, record.

use std::{
    collections::BTreeMap,
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use fedlayer_core::{
    Plan,
    barrier::{BarrierStudy, EndModel, summarize},
    data::ClientId,
    model::{LayerSet, Params},
    record::{BarrierRow, EvaluationRecord, LayerMovement, MissingRecord, RoundRecord},
    round::{
        CohortUpdates, Evidence, Federation, Moved, RoundEvaluation, layer_movements, traffic,
        update_weight,
    },
    spec::Weighting,
    trainer::Update,
};
use tokio::task::spawn_blocking;
use tracing::debug;

use crate::{Link, RunError, Timings, link_calls};

/// A round that is ready to be committed.
pub(crate) struct MeasuredRound {
    pub(crate) record: RoundRecord,
    pub(crate) barriers: Vec<BarrierRow>,
    pub(crate) federation: Arc<Federation>,
    pub(crate) timings: Timings,
}

/// Measures the updates and the barriers between them, chooses the layers with `choose`, averages
/// them into a copy of `federation`, and evaluates the result. The choice sees the measurements of
/// its own round.
///
/// `starts` holds the model that each client started the round from.
pub(crate) async fn measure<L: Link>(
    link: &Arc<L>,
    plan: &Arc<Plan>,
    choose: impl FnOnce(&Evidence<'_>) -> LayerSet,
    federation: Arc<Federation>,
    starts: BTreeMap<ClientId, Arc<Params>>,
    gathered: CohortUpdates,
) -> Result<MeasuredRound, RunError> {
    let mut timings = Timings::default();
    let (round, seed) = (gathered.round, plan.root_seed());
    let ends = Arc::new(end_models(&starts, &gathered.updates)?);
    let layers = timed(&mut timings.average, movements(plan, &ends)).await?;
    let barriers = timed(&mut timings.barriers, barriers(link, plan, round, ends)).await?;
    let set = choose(&Evidence { round, seed, barriers: &barriers, layers: &layers });
    let reported: Vec<ClientId> = gathered.updates.iter().map(|update| update.client).collect();
    let bytes = traffic(&federation, &reported, gathered.missing.keys().copied(), &set);
    let gathered = Arc::new(gathered);
    let federation =
        timed(&mut timings.average, average(plan, federation, &set, &gathered)).await?;
    let evaluation =
        timed(&mut timings.evaluate, evaluate(link, plan, &federation, round, &reported)).await?;
    let examples: u64 = gathered.updates.iter().map(|update| update.examples).sum();
    let losses = gathered.updates.iter().map(|update| update.examples as f64 * update.loss);
    let record = RoundRecord {
        round,
        attempt: gathered.attempt,
        missing: gathered
            .missing
            .iter()
            .map(|(&client, missing)| MissingRecord { client, reason: missing.to_string() })
            .collect(),
        averaged: set.to_string(),
        examples,
        steps: gathered.updates.iter().map(|update| update.steps).sum(),
        train_loss: losses.sum::<f64>() / examples as f64,
        evaluation,
        barriers: (!barriers.is_empty()).then(|| summarize(&barriers)),
        bytes_up: bytes.iter().map(|layer| layer.up).sum(),
        bytes_down: bytes.iter().map(|layer| layer.down).sum(),
        bytes,
        layers,
        reported,
    };
    Ok(MeasuredRound { record, barriers, federation, timings })
}

/// Measures the clients' updates layer by layer, on a thread that may block.
async fn movements(
    plan: &Arc<Plan>,
    ends: &Arc<Vec<EndModel>>,
) -> Result<Vec<LayerMovement>, RunError> {
    let (weighting, ends) = (plan.strategy.weights, ends.clone());
    let measured = spawn_blocking(move || {
        let clients: Vec<Moved<'_>> = ends.iter().map(|end| moved(weighting, end)).collect();
        layer_movements(&clients)
    });
    Ok(measured.await?)
}

fn moved(weighting: Weighting, EndModel { start, update }: &EndModel) -> Moved<'_> {
    Moved { weight: update_weight(weighting, update), start, end: &update.params }
}

/// Measures the barriers of the round if they are due.
async fn barriers<L: Link>(
    link: &Arc<L>,
    plan: &Arc<Plan>,
    round: u32,
    ends: Arc<Vec<EndModel>>,
) -> Result<Vec<BarrierRow>, RunError> {
    let Some(spec) = plan.barriers.as_ref().filter(|spec| plan.is_due(spec.every, round)) else {
        return Ok(Vec::new());
    };
    debug!("measuring barriers");
    let (spec, weights, seed) = (spec.clone(), plan.strategy.weights, plan.root_seed());
    let planned =
        spawn_blocking(move || BarrierStudy::new(&spec, weights, round, seed, &ends)).await?;
    let study = planned?;
    let evaluations = link_calls::evaluate(link, plan, &study.probes()).await?;
    Ok(spawn_blocking(move || study.rows(&evaluations)).await?)
}

/// Pairs each update with the model that its client started from.
///
/// # Errors
/// When a start is unknown. Measurements without that client would be those of another cohort.
fn end_models(
    starts: &BTreeMap<ClientId, Arc<Params>>,
    updates: &[Update],
) -> Result<Vec<EndModel>, RunError> {
    let end = |update: &Update| {
        let start = starts.get(&update.client).cloned();
        let start = start.ok_or(RunError::UnknownStart { client: update.client })?;
        Ok(EndModel { start, update: update.clone() })
    };
    updates.iter().map(end).collect()
}

/// Averages the updates into the federation, on a thread that may block.
async fn average(
    plan: &Arc<Plan>,
    mut federation: Arc<Federation>,
    set: &LayerSet,
    gathered: &Arc<CohortUpdates>,
) -> Result<Arc<Federation>, RunError> {
    debug!("averaging");
    let (weights, set, gathered) = (plan.strategy.weights, set.clone(), gathered.clone());
    spawn_blocking(move || {
        Arc::make_mut(&mut federation).commit(gathered.round, &set, weights, &gathered.updates)?;
        Ok(federation)
    })
    .await?
}

/// Evaluates the averaged models if an evaluation is due.
async fn evaluate<L: Link>(
    link: &Arc<L>,
    plan: &Arc<Plan>,
    federation: &Federation,
    round: u32,
    reported: &[ClientId],
) -> Result<Option<EvaluationRecord>, RunError> {
    if !plan.is_due(plan.evaluate.every, round) {
        return Ok(None);
    }
    debug!("evaluating");
    let checkup = RoundEvaluation::of_round(plan, federation, reported);
    let evaluations = link_calls::evaluate(link, plan, &checkup.probes()).await?;
    Ok(Some(checkup.record(&evaluations)))
}

/// Runs a part of the round and adds its duration to `spent`.
async fn timed<T>(spent: &mut Duration, part: impl Future<Output = T>) -> T {
    let start = Instant::now();
    let result = part.await;
    *spent += start.elapsed();
    result
}

#[cfg(test)]
mod tests;
