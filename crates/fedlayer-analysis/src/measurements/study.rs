//! [`study`]: the barriers that a run measures in a round, on a model set.
//!
//! The formula, the baselines, the twins and the standard errors are a round's: [`BarrierStudy`] makes the mixes and the rows.

use fedlayer_core::{
    Seed,
    barrier::BarrierStudy,
    record::AnalysisRow,
    spec::{BarrierSpec, Baseline, Between, SetSpec, Weighting},
};

use crate::{error::AnalysisError, losses::Losses, model_set::ModelSet};

/// Barriers at α = ½ between every pair.
pub(super) fn halves(
    sets: Vec<SetSpec>,
    baselines: &[Baseline],
    losses: &Losses<'_>,
) -> BarrierSpec {
    BarrierSpec {
        every: 1,
        sets,
        alpha: vec![0.5],
        splits: losses.splits(),
        baselines: baselines.to_vec(),
        between: Between::Pairs,
        twins: 0,
    }
}

/// The rows of a round's study, on a subject.
pub(super) fn study(
    spec: &BarrierSpec,
    model_set: &ModelSet,
    seed: Seed,
    losses: &mut Losses<'_>,
) -> Result<Vec<AnalysisRow>, AnalysisError> {
    let weighting = Weighting::Examples;
    let study = BarrierStudy::new(spec, weighting, model_set.round, seed, &model_set.ends())?;
    let evaluations = losses.evaluate(&study.probes())?;
    Ok(study.rows(&evaluations).into_iter().map(AnalysisRow::from).collect())
}
