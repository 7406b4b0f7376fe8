//! Barriers, cumulative, window: the barriers that a run measures in a round, on a subject.
//!
//! The formula, the baselines, the twins and the standard errors are a round's: [`BarrierStudy`] makes the mixes and the rows.

use crate::{
    BarrierStudy, Seed,
    analysis::{AnalysisError, AnalysisRow, ModelSet, losses::Losses},
    spec::{
        BarrierSpec, Barriers, Baseline, Between, Cumulative, Order, SetSpec, Weighting, Window,
    },
};

/// Barriers of layer sets, into every model from every other one, or from the mean of all.
pub(super) fn barriers(
    spec: &Barriers,
    subject: &ModelSet,
    seed: Seed,
    losses: &mut Losses<'_>,
) -> Result<Vec<AnalysisRow>, AnalysisError> {
    subject.pair("barriers")?;
    study(
        &BarrierSpec {
            every: 1,
            sets: spec.sets.clone(),
            alpha: spec.alpha.clone(),
            splits: losses.splits(),
            baselines: spec.baselines.clone(),
            between: spec.between,
            twins: spec.twins,
        },
        subject,
        seed,
        losses,
    )
}

/// Barriers of sets that grow by one layer at a time; the full one beside them.
pub(super) fn cumulative(
    spec: &Cumulative,
    subject: &ModelSet,
    seed: Seed,
    losses: &mut Losses<'_>,
) -> Result<Vec<AnalysisRow>, AnalysisError> {
    subject.pair("cumulative")?;
    let order = |order: &Order| match order {
        Order::Shallow => SetSpec::Shallow,
        Order::Deep => SetSpec::Deep,
        Order::Random => SetSpec::Random,
        Order::Alternating => SetSpec::Alternating,
    };
    let sets = spec.orders.iter().map(order).chain([SetSpec::Full]).collect();
    study(&halves(sets, &spec.baselines, losses), subject, seed, losses)
}

/// Barriers of neighbouring layers.
pub(super) fn window(
    spec: &Window,
    subject: &ModelSet,
    seed: Seed,
    losses: &mut Losses<'_>,
) -> Result<Vec<AnalysisRow>, AnalysisError> {
    subject.pair("window")?;
    let windows = spec.widths.iter().map(|&width| SetSpec::Window(width));
    let sets = windows.chain([SetSpec::Full]).collect();
    study(&halves(sets, &spec.baselines, losses), subject, seed, losses)
}

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
    subject: &ModelSet,
    seed: Seed,
    losses: &mut Losses<'_>,
) -> Result<Vec<AnalysisRow>, AnalysisError> {
    let weighting = Weighting::Examples;
    let study = BarrierStudy::new(spec, weighting, subject.round, seed, &subject.ends())?;
    let evaluations = losses.evaluate(&study.probes())?;
    Ok(study.rows(&evaluations).into_iter().map(AnalysisRow::from).collect())
}
