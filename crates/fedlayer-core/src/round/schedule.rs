//! [`LayerSchedule`]: the layers that a strategy averages in each round.

use std::sync::Arc;

use rand::seq::index;
use thiserror::Error;

use crate::{
    model::{LayerSet, Layout, PatternError, named_layers},
    round::{Evidence, RoundRange, RoundRangeError},
    spec::{Average, Rule},
};

/// The layers that are averaged in each round: the rules of a strategy, with names and globs
/// resolved.
#[derive(Debug, Clone)]
pub struct LayerSchedule {
    layout: Arc<Layout>,
    entries: Vec<(RoundRange, Resolved)>,
}

/// A strategy that does not fit a model.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ScheduleError {
    /// The rounds of an entry cannot be parsed.
    #[error(transparent)]
    Rounds(#[from] RoundRangeError),
    /// A name selects no layers.
    #[error(transparent)]
    Layers(#[from] PatternError),
}

/// A rule as a set of layers, or as the number of layers if the set depends on the round. A rule
/// that decides by measurements is one more variant here.
#[derive(Debug, Clone)]
enum Resolved {
    Fixed(LayerSet),
    Random(usize),
    Rotate(usize),
}

impl LayerSchedule {
    /// Resolves the rules of a strategy on a model.
    ///
    /// # Errors
    /// When `rounds` cannot be parsed or a name matches no layer. A validated plan has neither
    /// fault.
    pub fn new(average: &Average, layout: &Arc<Layout>) -> Result<Self, ScheduleError> {
        let entries = match average {
            Average::Always(rule) => {
                vec![(RoundRange { first: 1, last: None }, resolve(rule, layout)?)]
            }
            Average::Schedule(entries) => entries
                .iter()
                .map(|entry| {
                    Ok((RoundRange::parse(&entry.rounds)?, resolve(&entry.average, layout)?))
                })
                .collect::<Result<_, ScheduleError>>()?,
        };
        Ok(Self { layout: layout.clone(), entries })
    }

    /// Chooses the layers that are averaged in the round of the evidence. Random layers are drawn
    /// anew in every round.
    pub fn layers(&self, evidence: &Evidence<'_>) -> LayerSet {
        let Evidence { round, seed, .. } = *evidence;
        let count = self.layout.layers().len();
        match self.entry(round) {
            None => LayerSet::none(&self.layout),
            Some((_, Resolved::Fixed(set))) => set.clone(),
            Some((_, Resolved::Random(k))) => {
                let mut generator = seed.child("random layers").index(u64::from(round)).generator();
                let drawn = index::sample(&mut generator, count, (*k).min(count));
                LayerSet::new(self.layout.clone(), drawn)
            }
            Some((rounds, Resolved::Rotate(k))) => {
                let first = (round - rounds.first) as usize * k;
                LayerSet::new(self.layout.clone(), (first..first + k).map(|l| l % count))
            }
        }
    }

    /// Returns whether it is known in advance that every value of the model is averaged in `round`.
    pub fn averages_everything(&self, round: u32) -> bool {
        matches!(self.entry(round), Some((_, Resolved::Fixed(set))) if set.holds_every_value())
    }

    /// Returns the first entry of a round.
    fn entry(&self, round: u32) -> Option<&(RoundRange, Resolved)> {
        self.entries.iter().find(|(rounds, _)| rounds.contains(round))
    }
}

fn resolve(rule: &Rule, layout: &Arc<Layout>) -> Result<Resolved, PatternError> {
    let count = layout.layers().len();
    let set = |members: &mut dyn Iterator<Item = usize>| LayerSet::new(layout.clone(), members);
    let capped = |k: &u32| (*k as usize).min(count);
    Ok(Resolved::Fixed(match rule {
        Rule::All => LayerSet::all(layout),
        Rule::None => LayerSet::none(layout),
        Rule::Layers(patterns) => named_layers(layout, patterns)?,
        Rule::Except(patterns) => named_layers(layout, patterns)?.complement(),
        Rule::First(k) => set(&mut (0..capped(k))),
        Rule::Last(k) => set(&mut (count - capped(k)..count)),
        Rule::Middle(k) => {
            let first = (count - capped(k)) / 2;
            set(&mut (first..first + capped(k)))
        }
        Rule::Random(k) | Rule::Rotate(k) if capped(k) == count => LayerSet::all(layout),
        Rule::Random(k) => return Ok(Resolved::Random(capped(k))),
        Rule::Rotate(k) => return Ok(Resolved::Rotate(capped(k))),
    }))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{seed::Seed, spec::ScheduleEntry};

    fn layout() -> Arc<Layout> {
        let names = ["conv1", "conv2", "conv3", "fc1", "out"];
        Arc::new(Layout::new(names.map(|name| (format!("{name}.weight"), vec![2]))).unwrap())
    }

    fn layers(rule: Rule, round: u32) -> String {
        let schedule = LayerSchedule::new(&Average::Always(rule), &layout()).unwrap();
        schedule.layers(&Evidence::foreseen(round, Seed::new(1))).to_string()
    }

    #[test]
    fn every_rule_means_what_its_name_says() {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(layers(Rule::All, 1), "all");
        assert_eq!(layers(Rule::None, 1), "none");
        assert_eq!(layers(Rule::Layers(names(&["conv*", "out"])), 1), "conv1+conv2+conv3+out");
        assert_eq!(layers(Rule::Except(names(&["conv?"])), 1), "fc1+out");
        assert_eq!(layers(Rule::First(2), 1), "conv1+conv2");
        assert_eq!(layers(Rule::Last(1), 1), "out");
        assert_eq!(layers(Rule::Middle(3), 1), "conv2+conv3+fc1");
        assert_eq!(layers(Rule::Middle(2), 1), "conv2+conv3");
        assert_eq!(layers(Rule::Rotate(2), 1), "conv1+conv2");
        assert_eq!(layers(Rule::Rotate(2), 3), "conv1+out");
        assert_eq!(layers(Rule::Rotate(1), 6), "conv1");
    }

    #[test]
    fn random_layers_are_drawn_anew_in_every_round() {
        let drawn: BTreeSet<String> =
            (1..=20).map(|round| layers(Rule::Random(2), round)).collect();
        assert!(drawn.len() > 3, "{drawn:?}");
        assert!(drawn.iter().all(|set| set.split('+').count() == 2), "{drawn:?}");
        assert_eq!(layers(Rule::Random(2), 7), layers(Rule::Random(2), 7));
    }

    #[test]
    fn a_schedule_follows_its_rounds_and_rotation_begins_with_its_entry() {
        let entry = |rounds: &str, average| ScheduleEntry { rounds: rounds.into(), average };
        let average =
            Average::Schedule(vec![entry("1-2", Rule::All), entry("4-", Rule::Rotate(1))]);
        let schedule = LayerSchedule::new(&average, &layout()).unwrap();
        let layers = |round| schedule.layers(&Evidence::foreseen(round, Seed::new(1)));
        let sets: Vec<_> = (1..=5).map(|round| layers(round).to_string()).collect();
        assert_eq!(sets, ["all", "all", "none", "conv1", "conv2"]);
    }
}
