//! [`kept`]: the rounds whose checkpoints are there once a run is over.

use fedlayer_core::spec::{AnalysisSpec, Keep, RoundChoice, RoundWord};

use crate::Scenario;

/// The rounds whose checkpoints a finished run has, ascending.
pub(super) fn kept(scenario: &Scenario) -> Vec<u32> {
    let checkpoints = &scenario.checkpoints;
    let due = |round: &u32| round.is_multiple_of(checkpoints.every) || *round == scenario.rounds;
    let mut rounds: Vec<u32> = (1..=scenario.rounds).filter(due).collect();
    if let Keep::Latest(latest) = &checkpoints.keep {
        rounds.drain(..rounds.len().saturating_sub(*latest as usize));
    }
    rounds
}

/// Those of the kept rounds after which an analysis is made.
pub(super) fn analysed(spec: &AnalysisSpec, kept: &[u32]) -> Vec<u32> {
    match &spec.rounds {
        RoundChoice::Word(RoundWord::Last) => kept.last().copied().into_iter().collect(),
        RoundChoice::Word(RoundWord::All) => kept.to_vec(),
        RoundChoice::Listed(listed) => {
            kept.iter().copied().filter(|round| listed.contains(round)).collect()
        }
    }
}
