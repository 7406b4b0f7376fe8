//! [`study`]: the barriers of a round, measured on a model set.
//!
//! Formula, baselines, twins and standard errors are those of a round: [`BarrierStudy`] makes the
//! mixes and the rows.

use std::sync::Arc;

use fedlayer_core::{
    Seed,
    barrier::{BarrierStudy, count_points},
    model::Layout,
    record::AnalysisRow,
    spec::{BarrierSpec, Baseline, Between, SetSpec, Weighting},
};

use crate::{error::AnalysisError, losses::Losses, model_set::ModelSet, work::AnalysisWork};

/// Specifies barriers at α = ½ between every pair. The splits are those of the analysis.
pub(super) fn halves(sets: Vec<SetSpec>, baselines: &[Baseline]) -> BarrierSpec {
    BarrierSpec {
        every: 1,
        sets,
        alpha: vec![0.5],
        splits: Vec::new(),
        baselines: baselines.to_vec(),
        between: Between::Pairs,
        twins: 0,
    }
}

/// Counts the points that the barriers between `models` models evaluate on each split.
pub(super) fn work(
    spec: &BarrierSpec,
    layout: &Arc<Layout>,
    models: usize,
    seed: Seed,
) -> AnalysisWork {
    let evaluations = count_points(spec, layout, seed, models as u64);
    AnalysisWork { evaluations, products: 0 }
}

/// Measures the barriers of a round on a model set, on the splits of the analysis.
pub(super) fn study(
    spec: BarrierSpec,
    model_set: &ModelSet,
    seed: Seed,
    losses: &mut Losses<'_>,
) -> Result<Vec<AnalysisRow>, AnalysisError> {
    let weighting = Weighting::Examples;
    let spec = BarrierSpec { splits: losses.splits(), ..spec };
    let study = BarrierStudy::new(&spec, weighting, model_set.round, seed, &model_set.ends())?;
    let evaluations = losses.evaluate(&study.probes())?;
    Ok(study.rows(&evaluations).into_iter().map(AnalysisRow::from).collect())
}
