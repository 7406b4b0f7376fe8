//! [`PendingAnalysis`]: an analysis of a run that is not made yet.

use std::sync::Arc;

use fedlayer_core::{Plan, spec::AnalysisSpec};

use super::results::{self, Results};
use crate::run_folder::RunFolder;

/// An analysis of a run that is not made yet.
pub(super) struct PendingAnalysis<'a> {
    pub(super) spec: &'a AnalysisSpec,
    /// The name of its files, without ending.
    pub(super) name: String,
    pub(super) plan: &'a Arc<Plan>,
    pub(super) results: Results,
}

/// Finds the analyses that are missing of `plans`, which are all of one variant or of none.
pub(super) fn missing<'a>(
    specs: &'a [AnalysisSpec],
    plans: &'a [Arc<Plan>],
    folder: &RunFolder,
) -> Vec<PendingAnalysis<'a>> {
    let variant = plans.first().and_then(|plan| plan.variant.as_ref());
    let results = || match variant {
        Some(variant) => Results::of(&folder.path().join(&variant.folder)),
        None => Results::of(folder.path()),
    };
    let results = || results().locked(folder.lock());
    let pending = |spec: &'a AnalysisSpec| {
        let (name, results) = (results::name(spec), results());
        let plan = plan_of(spec, plans).filter(|_| !results.is_whole(&name))?;
        Some(PendingAnalysis { spec, name, plan, results })
    };
    specs.iter().filter_map(pending).collect()
}

/// Returns the plan with the models that are analysed: the one of the named strategy and seed, by
/// default the first of each.
pub(crate) fn plan_of<'p>(spec: &AnalysisSpec, plans: &'p [Arc<Plan>]) -> Option<&'p Arc<Plan>> {
    let first = plans.first()?;
    let strategy = spec.strategy.as_ref().unwrap_or(&first.strategy.name);
    let seed = spec.seed.unwrap_or(first.seed);
    plans.iter().find(|plan| plan.strategy.name == *strategy && plan.seed == seed)
}
