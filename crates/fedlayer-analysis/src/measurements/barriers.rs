//! `barriers`: barriers of layer sets.

use fedlayer_core::{
    Seed,
    record::AnalysisRow,
    spec::{BarrierSpec, Barriers},
};

use crate::{
    error::AnalysisError, losses::Losses, measurements::study::study, model_set::ModelSet,
};

/// Barriers of layer sets, into every model from every other one, or from the mean of all.
pub(crate) fn measure(
    spec: &Barriers,
    model_set: &ModelSet,
    seed: Seed,
    losses: &mut Losses<'_>,
) -> Result<Vec<AnalysisRow>, AnalysisError> {
    model_set.pair("barriers")?;
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
        model_set,
        seed,
        losses,
    )
}
