//! [`measure`]: the part of a round between training and commit: barriers, average, evaluation,
//! record.

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
    record::{BarrierRow, EvaluationRecord, MissingRecord, RoundRecord},
    round::{CohortUpdates, EvaluatedSplits, Federation, LayerSchedule, RoundEvaluation, traffic},
    spec::EvaluatedClients,
    trainer::{Evaluation, Probe, Update},
};
use tokio::task::spawn_blocking;
use tracing::{Instrument, debug};

use crate::{Link, LinkError, Reply, RunError, Timings, Work, WorkerTask};

/// A round that is ready to be committed.
pub(crate) struct MeasuredRound {
    pub(crate) record: RoundRecord,
    pub(crate) barriers: Vec<BarrierRow>,
    pub(crate) federation: Arc<Federation>,
    pub(crate) timings: Timings,
}

/// Measures the barriers between the updates, averages them into a copy of `federation`, and
/// evaluates the result.
///
/// `starts` holds the model that each client started the round from.
pub(crate) async fn measure<L: Link>(
    link: &Arc<L>,
    plan: &Arc<Plan>,
    schedule: &LayerSchedule,
    federation: Arc<Federation>,
    starts: BTreeMap<ClientId, Arc<Params>>,
    gathered: CohortUpdates,
) -> Result<MeasuredRound, RunError> {
    let mut timings = Timings::default();
    let set = schedule.layers(gathered.round, plan.root_seed());
    let barriers = timed(&mut timings.barriers, barriers(link, plan, starts, &gathered)).await?;
    let reported: Vec<ClientId> = gathered.updates.iter().map(|update| update.client).collect();
    let bytes = traffic(&federation, &reported, gathered.missing.keys().copied(), &set);
    let gathered = Arc::new(gathered);
    let federation =
        timed(&mut timings.average, average(plan, federation, &set, &gathered)).await?;
    let evaluation =
        timed(&mut timings.evaluate, evaluate(link, plan, &federation, gathered.round, &reported))
            .await?;
    let examples: u64 = gathered.updates.iter().map(|update| update.examples).sum();
    let losses = gathered.updates.iter().map(|update| update.examples as f64 * update.loss);
    let record = RoundRecord {
        round: gathered.round,
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
        reported,
    };
    Ok(MeasuredRound { record, barriers, federation, timings })
}

/// Measures the barriers of the round if they are due.
async fn barriers<L: Link>(
    link: &Arc<L>,
    plan: &Arc<Plan>,
    starts: BTreeMap<ClientId, Arc<Params>>,
    gathered: &CohortUpdates,
) -> Result<Vec<BarrierRow>, RunError> {
    let Some(spec) = plan.barriers.as_ref().filter(|spec| plan.is_due(spec.every, gathered.round))
    else {
        return Ok(Vec::new());
    };
    debug!("measuring barriers");
    let ends = end_models(&starts, &gathered.updates)?;
    let (spec, weights) = (spec.clone(), plan.strategy.weights);
    let (round, seed) = (gathered.round, plan.root_seed());
    let planned =
        spawn_blocking(move || BarrierStudy::new(&spec, weights, round, seed, &ends)).await?;
    let study = planned?;
    let evaluations = evaluate_probes(link, plan, study.probes()).await?;
    Ok(spawn_blocking(move || study.rows(&evaluations)).await?)
}

/// Pairs each update with the model that its client started from.
///
/// # Errors
/// When a start is unknown. Barriers without that client would be those of another cohort.
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
    let splits = EvaluatedSplits::of(&plan.data);
    let checkup = match plan.evaluate.clients {
        EvaluatedClients::Cohort => {
            RoundEvaluation::new(federation, reported.iter().copied(), splits)
        }
        EvaluatedClients::All => {
            RoundEvaluation::new(federation, (0..plan.clients.count).map(ClientId), splits)
        }
    };
    let evaluations = evaluate_probes(link, plan, checkup.probes()).await?;
    Ok(Some(checkup.record(&evaluations)))
}

/// Evaluates probes on all workers at once. The result of a probe does not depend on the other
/// probes of its call, so the probes may be split anywhere.
async fn evaluate_probes<L: Link>(
    link: &Arc<L>,
    plan: &Arc<Plan>,
    probes: Vec<Probe>,
) -> Result<Vec<Evaluation>, RunError> {
    let expected = probes.len();
    let chunk = expected.div_ceil(link.slots()).clamp(1, link.max_probes());
    let calls: Vec<_> = probes
        .chunks(chunk)
        .map(|probes| {
            let task = WorkerTask { plan: plan.clone(), work: Work::Evaluate(probes.to_vec()) };
            let link = link.clone();
            tokio::spawn(async move { link.call(task).await }.in_current_span())
        })
        .collect();
    let mut evaluations = Vec::with_capacity(expected);
    for call in calls {
        match call.await?? {
            Reply::Evaluated(more) => evaluations.extend(more),
            Reply::Initial(_) | Reply::Trained(_) => {}
        }
    }
    if evaluations.len() != expected {
        return Err(LinkError::Mismatch { found: evaluations.len(), expected }.into());
    }
    Ok(evaluations)
}

/// Runs a part of the round and adds its duration to `spent`.
async fn timed<T>(spent: &mut Duration, part: impl Future<Output = T>) -> T {
    let start = Instant::now();
    let result = part.await;
    *spent += start.elapsed();
    result
}

#[cfg(test)]
mod tests {
    use fedlayer_core::model::Layout;

    use super::*;

    #[test]
    fn a_client_without_a_known_start_is_an_error_and_not_left_out() {
        let layout = Arc::new(Layout::new([("w", vec![1])]).unwrap());
        let params = Arc::new(Params::zeros(layout));
        let update = |client| {
            let (client, params) = (ClientId(client), params.clone());
            Update { client, params, optimizer: None, examples: 1, steps: 1, loss: 0.0 }
        };
        let updates = [update(3), update(5)];
        let mut starts = BTreeMap::from([(ClientId(3), params.clone())]);
        let error = end_models(&starts, &updates).unwrap_err();
        assert!(matches!(error, RunError::UnknownStart { client: ClientId(5) }), "{error}");
        starts.insert(ClientId(5), params.clone());
        assert_eq!(end_models(&starts, &updates).unwrap().len(), 2);
    }
}
