//! [`kept_rounds`]: the rounds with a checkpoint in a finished run.

use fedlayer_core::spec::{AnalysisSpec, Keep, RoundChoice, RoundWord};

use crate::Scenario;

/// Returns the rounds with a checkpoint in a finished run, ascending.
pub(super) fn kept_rounds(scenario: &Scenario) -> Vec<u32> {
    let checkpoints = &scenario.checkpoints;
    let due = |round: &u32| round.is_multiple_of(checkpoints.every) || *round == scenario.rounds;
    let mut rounds: Vec<u32> = (1..=scenario.rounds).filter(due).collect();
    if let Keep::Latest(latest) = &checkpoints.keep {
        rounds.drain(..rounds.len().saturating_sub(*latest as usize));
    }
    rounds
}

/// Returns the kept rounds after which an analysis is made.
pub(super) fn analysed_rounds(spec: &AnalysisSpec, kept: &[u32]) -> Vec<u32> {
    match &spec.rounds {
        RoundChoice::Word(RoundWord::Last) => kept.last().copied().into_iter().collect(),
        RoundChoice::Word(RoundWord::All) => kept.to_vec(),
        RoundChoice::Listed(listed) => {
            kept.iter().copied().filter(|round| listed.contains(round)).collect()
        }
    }
}
