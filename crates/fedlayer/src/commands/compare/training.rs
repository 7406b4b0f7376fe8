//! [`differing_training`]: the strategies of each run that do not train like its first one.

use fedlayer_report::DifferingRun;
use fedlayer_scenario::Scenario;

use super::compared_run::ComparedRun;
use crate::{
    exit::Failure,
    table::{StrategyLocals, differing_strategies},
};

/// The strategies of a run that do not train like its first one.
pub(super) struct DifferingTraining {
    /// The name of the first strategy.
    pub(super) reference: String,
    pub(super) strategies: Vec<DifferingRun>,
}

/// Returns the local training of the strategies of a run, variant by variant. Variants with a
/// scenario that is missing or not understood are left out.
pub(super) fn locals(variants: &[ComparedRun<'_>]) -> Vec<StrategyLocals> {
    let of_one = |scenario: &Scenario| -> Option<StrategyLocals> {
        let names = scenario.strategy.iter().map(|strategy| strategy.name.clone());
        Some(names.zip(scenario.locals()?).collect())
    };
    variants.iter().filter_map(|variant| of_one(variant.setup.as_ref()?)).collect()
}

/// Returns, for each run, the strategies that do not train like its first one.
pub(super) fn differing_training(
    compared: &[ComparedRun<'_>],
) -> Result<Vec<DifferingTraining>, Failure> {
    compared.chunk_by(|a, b| a.folder == b.folder).map(of_run).collect()
}

fn of_run(variants: &[ComparedRun<'_>]) -> Result<DifferingTraining, Failure> {
    let locals = locals(variants);
    let named = |name: &str| variants.first().map_or(String::new(), |run| run.name_in_run(name));
    let first = locals.first().and_then(|strategies| strategies.first());
    let differing = differing_strategies(&locals)?.into_iter();
    let strategies = differing.map(|other| DifferingRun { run: named(&other.run), ..other });
    Ok(DifferingTraining {
        reference: first.map_or(String::new(), |(name, _)| named(name)),
        strategies: strategies.collect(),
    })
}
