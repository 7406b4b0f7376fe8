//! `barriers`: barriers of layer sets.

use fedlayer_core::{
    Seed,
    record::AnalysisRow,
    spec::{BarrierSpec, Barriers},
};

use crate::{
    error::AnalysisError, losses::Losses, measurements::study::study, model_set::ModelSet,
};

/// Measures the barriers of layer sets, into every model from every other model or from their mean.
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
