//! `cumulative`: barriers of sets that grow by one layer at a time.

use fedlayer_core::{
    Seed,
    record::AnalysisRow,
    spec::{Cumulative, Order, SetSpec},
};

use crate::{
    error::AnalysisError,
    losses::Losses,
    measurements::study::{halves, study},
    model_set::ModelSet,
};

/// Measures the barriers of sets that grow by one layer at a time, and the full barrier.
pub(crate) fn measure(
    spec: &Cumulative,
    model_set: &ModelSet,
    seed: Seed,
    losses: &mut Losses<'_>,
) -> Result<Vec<AnalysisRow>, AnalysisError> {
    model_set.pair("cumulative")?;
    let order = |order: &Order| match order {
        Order::Shallow => SetSpec::Shallow,
        Order::Deep => SetSpec::Deep,
        Order::Random => SetSpec::Random,
        Order::Alternating => SetSpec::Alternating,
    };
    let sets = spec.orders.iter().map(order).chain([SetSpec::Full]).collect();
    study(&halves(sets, &spec.baselines, losses), model_set, seed, losses)
}
