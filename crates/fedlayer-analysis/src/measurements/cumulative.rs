//! `cumulative`: barriers of sets that grow by one layer at a time.

use fedlayer_core::{
    Seed,
    record::AnalysisRow,
    spec::{BarrierSpec, Cumulative, Order, SetSpec},
};

use crate::{
    error::AnalysisError,
    losses::Losses,
    measurements::study,
    model_set::ModelSet,
    work::{AnalysisWork, ModelSetShape},
};

/// Measures the barriers of sets that grow by one layer at a time, and the full barrier.
pub(crate) fn measure(
    spec: &Cumulative,
    model_set: &ModelSet,
    seed: Seed,
    losses: &mut Losses<'_>,
) -> Result<Vec<AnalysisRow>, AnalysisError> {
    model_set.pair("cumulative")?;
    study::study(sweeps(spec), model_set, seed, losses)
}

/// Counts the work of [`measure`].
pub(crate) fn work(spec: &Cumulative, shape: &ModelSetShape, seed: Seed) -> AnalysisWork {
    study::work(&sweeps(spec), &shape.layout, shape.models, seed)
}

/// Returns the sweep of each order, and the full model.
fn sweeps(spec: &Cumulative) -> BarrierSpec {
    let order = |order: &Order| match order {
        Order::Shallow => SetSpec::Shallow,
        Order::Deep => SetSpec::Deep,
        Order::Random => SetSpec::Random,
        Order::Alternating => SetSpec::Alternating,
    };
    let sets = spec.orders.iter().map(order).chain([SetSpec::Full]).collect();
    study::halves(sets, &spec.baselines)
}
