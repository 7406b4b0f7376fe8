//! [`study`]: the barriers of a round, measured on a model set.
//!
//! Formula, baselines, twins and standard errors are those of a round: [`BarrierStudy`] makes the
//! mixes and the rows.

use fedlayer_core::{
    Seed,
    barrier::BarrierStudy,
    record::AnalysisRow,
    spec::{BarrierSpec, Baseline, Between, SetSpec, Weighting},
};

use crate::{error::AnalysisError, losses::Losses, model_set::ModelSet};

/// Specifies barriers at α = ½ between every pair.
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

/// Measures the barriers of a round on a model set.
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
