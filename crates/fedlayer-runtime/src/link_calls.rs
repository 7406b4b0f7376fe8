//! The calls that coordinators and analyses make of a [`Link`].
//!
//! Probes and directions are split over all workers. The result of each does not depend on the
//! others of its task, so they may be split anywhere.

use std::sync::Arc;

use fedlayer_core::{
    Plan, Seed,
    model::Params,
    trainer::{Derivatives, Evaluation, Probe, TrainJob, Update},
};
use tokio::task::JoinSet;
use tracing::Instrument;

use crate::{Link, LinkError, Reply, Work, WorkerTask};

/// Draws the initial parameters of a plan.
pub(crate) async fn initial<L: Link>(
    link: &Arc<L>,
    plan: &Arc<Plan>,
    seed: Seed,
) -> Result<Params, LinkError> {
    let task = WorkerTask { plan: plan.clone(), work: Work::Initial(seed) };
    match link.call(task).await? {
        Reply::Initial(params) => Ok(params),
        _ => Err(LinkError::Mismatch { found: 0, expected: 1 }),
    }
}

/// Trains the clients of `jobs` on one worker, because a stack of clients is part of the plan.
/// Returns one result per job, in order.
pub(crate) async fn train<L: Link>(
    link: &Arc<L>,
    plan: &Arc<Plan>,
    jobs: Vec<TrainJob>,
) -> Result<Vec<Result<Update, String>>, LinkError> {
    let expected = jobs.len();
    let task = WorkerTask { plan: plan.clone(), work: Work::Train(jobs) };
    let results = match link.call(task).await? {
        Reply::Trained(results) => results,
        _ => Vec::new(),
    };
    check_count(results.len(), expected)?;
    Ok(results)
}

/// Evaluates probes on all workers. Neighbouring probes go to the same worker, which evaluates
/// their common layers once.
pub(crate) async fn evaluate<L: Link>(
    link: &Arc<L>,
    plan: &Arc<Plan>,
    probes: &[Probe],
) -> Result<Vec<Evaluation>, LinkError> {
    let expected = probes.len();
    let chunk = expected.div_ceil(link.slots()).clamp(1, link.max_probes());
    let works = probes.chunks(chunk).map(|probes| Work::Evaluate(probes.to_vec()));
    let mut evaluations = Vec::with_capacity(expected);
    for reply in call_all(link, plan, works).await? {
        if let Reply::Evaluated(more) = reply {
            evaluations.extend(more);
        }
    }
    check_count(evaluations.len(), expected)?;
    Ok(evaluations)
}

/// Differentiates the mean loss of a probe on all workers, which share the directions. Each of them
/// computes the gradient; that of the first is returned.
pub(crate) async fn differentiate<L: Link>(
    link: &Arc<L>,
    plan: &Arc<Plan>,
    probe: &Probe,
    along: &[Vec<f32>],
) -> Result<Derivatives, LinkError> {
    let most = link.max_directions(plan.layout.value_count());
    let chunk = along.len().div_ceil(link.slots()).clamp(1, most);
    // The first task computes the gradient even without directions.
    let (first, rest) = along.split_at(chunk.min(along.len()));
    let works = std::iter::once(first)
        .chain(rest.chunks(chunk))
        .map(|along| Work::Differentiate { probe: probe.clone(), along: Arc::new(along.to_vec()) });
    let mut whole: Option<Derivatives> = None;
    for reply in call_all(link, plan, works).await? {
        match (&mut whole, reply) {
            (Some(whole), Reply::Differentiated(more)) => whole.products.extend(more.products),
            (None, Reply::Differentiated(first)) => whole = Some(first),
            _ => return Err(LinkError::Mismatch { found: 0, expected: along.len() }),
        }
    }
    let whole = whole.ok_or(LinkError::Gone)?;
    check_count(whole.products.len(), along.len())?;
    Ok(whole)
}

/// Makes calls side by side. Returns their replies in order, or the first error, which cancels the
/// other calls.
async fn call_all<L: Link>(
    link: &Arc<L>,
    plan: &Arc<Plan>,
    works: impl Iterator<Item = Work>,
) -> Result<Vec<Reply>, LinkError> {
    let mut calls = JoinSet::new();
    for (index, work) in works.enumerate() {
        let (link, task) = (link.clone(), WorkerTask { plan: plan.clone(), work });
        calls.spawn(async move { (index, link.call(task).await) }.in_current_span());
    }
    let mut replies = Vec::with_capacity(calls.len());
    while let Some(called) = calls.join_next().await {
        let (index, reply) = called.map_err(|panic| LinkError::Broken(panic.to_string()))?;
        replies.push((index, reply?));
    }
    replies.sort_unstable_by_key(|(index, _)| *index);
    Ok(replies.into_iter().map(|(_, reply)| reply).collect())
}

fn check_count(found: usize, expected: usize) -> Result<(), LinkError> {
    if found == expected { Ok(()) } else { Err(LinkError::Mismatch { found, expected }) }
}
