//! [`DefaultStrategy`]: the strategy with the models that are analysed if none is named.

use fedlayer_core::{
    round::RoundRange,
    spec::{Average, Rule, StrategySpec},
    text::in_backticks,
};
use fedlayer_scenario::Scenario;

use crate::args::AnalyzeArgs;

/// The first strategy of a run that leaves clients models of their own.
pub(super) struct DefaultStrategy {
    pub(super) name: String,
    /// The note that names the other strategies, if there are any.
    pub(super) note: Option<String>,
}

impl DefaultStrategy {
    /// Chooses the strategy from a run's scenario. `None` for a measurement of each model by
    /// itself, and for a text that is no scenario: its fault is named by whoever reads it next.
    pub(super) fn of(args: &AnalyzeArgs, text: &str) -> Option<Self> {
        if !args.measure.needs().other_model {
            return None;
        }
        let scenario: Scenario = toml::from_str(text).ok()?;
        let round = last_listed(args).unwrap_or(scenario.rounds);
        let apart = |strategy: &&StrategySpec| !averages_all(&strategy.average, round);
        let name = scenario.strategy.iter().find(apart)?.name.clone();
        let names = scenario.strategy.iter().map(|strategy| &strategy.name);
        let others: Vec<&String> = names.filter(|other| **other != name).collect();
        let note = (!others.is_empty()).then(|| {
            format!(
                "the models are those of the strategy `{name}`, the first that leaves clients models of their own; choose another with `--strategy`: {}",
                in_backticks(others)
            )
        });
        Some(Self { name, note })
    }
}

/// Returns the last round of `--rounds`, if it is a list.
fn last_listed(args: &AnalyzeArgs) -> Option<u32> {
    args.rounds.as_ref()?.split(',').next_back()?.parse().ok()
}

/// Returns whether all layers are averaged in a round.
fn averages_all(average: &Average, round: u32) -> bool {
    match average {
        Average::Always(rule) => *rule == Rule::All,
        Average::Schedule(entries) => entries.iter().any(|entry| {
            let holds = RoundRange::parse(&entry.rounds).is_ok_and(|rounds| rounds.contains(round));
            holds && entry.average == Rule::All
        }),
    }
}
