//! [`TimeEstimate`]: the time that is left of a run, from the cost of its rounds so far.
//!
//! A round with barriers costs more than one without. A strategy that leaves clients models of
//! their own costs more than one that averages all layers. So each phase of a round has its own
//! price in seconds per operation. The price is learned from the rounds of the same strategy; else
//! from those of all strategies; else from the other phases. No clock is read here.

use std::iter::Sum;

use crate::cost::PerPhase;

/// Operations that are done, and the seconds that they took.
#[derive(Debug, Clone, Copy, Default)]
struct CompletedWork {
    operations: PerPhase,
    seconds: PerPhase,
}

impl Sum for CompletedWork {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        let all: Vec<Self> = all.collect();
        Self {
            operations: all.iter().map(|done| done.operations).sum(),
            seconds: all.iter().map(|done| done.seconds).sum(),
        }
    }
}

/// A plan: its work that is done and that is left.
#[derive(Debug, Clone)]
struct PlanWork {
    /// The strategy. Plans of the same group cost the same.
    group: String,
    /// The operations of the rounds that are not committed.
    left: PerPhase,
    /// The committed rounds. The first counts only until there is a second.
    done: CompletedWork,
    /// The number of rounds that were committed since the start of this process.
    commits: u32,
}

/// The time that is left of a run, estimated from its committed rounds.
#[derive(Debug, Clone)]
pub(crate) struct TimeEstimate {
    plans: Vec<PlanWork>,
    /// The number of plans that run side by side.
    at_once: usize,
}

impl TimeEstimate {
    /// Estimates the time of plans that run one after the other; each has a group and the
    /// operations that are left of it.
    pub(crate) fn new(plans: impl IntoIterator<Item = (String, PerPhase)>) -> Self {
        let row =
            |(group, left)| PlanWork { group, left, done: CompletedWork::default(), commits: 0 };
        Self { plans: plans.into_iter().map(row).collect(), at_once: 1 }
    }

    /// Sets the number of plans that run side by side.
    pub(crate) fn side_by_side(&mut self, at_once: usize) {
        self.at_once = at_once.max(1);
    }

    /// Notes the operations and the seconds of a committed round. The first round of a plan also
    /// makes the trainers and their copies of the data, so its seconds are dropped when a second
    /// round is known.
    pub(crate) fn committed(&mut self, plan: usize, operations: PerPhase, seconds: PerPhase) {
        let Some(row) = self.plans.get_mut(plan) else { return };
        row.left = row.left.zip(operations, |left, done| (left - done).max(0.0));
        let before = if row.commits == 1 { CompletedWork::default() } else { row.done };
        row.done = [before, CompletedWork { operations, seconds }].into_iter().sum();
        row.commits += 1;
    }

    /// Notes that a plan has ended, finished or not.
    pub(crate) fn ended(&mut self, plan: usize) {
        if let Some(row) = self.plans.get_mut(plan) {
            row.left = PerPhase::default();
        }
    }

    /// Returns the seconds until all plans are finished; `None` before the first round is
    /// committed. The plans share the workers, but the rounds of one plan follow one another.
    pub(crate) fn left(&self) -> Option<f64> {
        let all: CompletedWork = self.plans.iter().map(|row| row.done).sum();
        let mut groups: Vec<(&str, PerPhase)> = Vec::new();
        let (mut together, mut longest) = (0.0, 0.0_f64);
        for row in self.plans.iter().filter(|row| row.left.sum() > 0.0) {
            let known = groups.iter().find(|(group, _)| *group == row.group);
            let prices = match known {
                Some((_, prices)) => *prices,
                None => {
                    let prices = self.prices(&row.group, &all)?;
                    groups.push((&row.group, prices));
                    prices
                }
            };
            let seconds = row.left.zip(prices, |operations, price| operations * price).sum();
            together += seconds;
            longest = longest.max(seconds);
        }
        Some(longest.max(together / self.at_once as f64))
    }

    /// Returns the seconds per operation of each phase, for plans of a group.
    fn prices(&self, group: &str, all: &CompletedWork) -> Option<PerPhase> {
        let own: CompletedWork =
            self.plans.iter().filter(|row| row.group == group).map(|row| row.done).sum();
        let price = |done: &CompletedWork| done.seconds.zip(done.operations, |s, o| s / o);
        let whole = all.seconds.sum() / all.operations.sum();
        let first_known = |a: f64, b: f64| if a.is_finite() { a } else { b };
        let known = price(&own).zip(price(all), first_known);
        let known =
            known.zip(PerPhase { train: whole, barriers: whole, evaluate: whole }, first_known);
        known.as_array().iter().all(|price| price.is_finite()).then_some(known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten rounds of a plan: training and evaluation in each, barriers in the fifth and the tenth.
    fn rounds(evaluate: f64) -> Vec<PerPhase> {
        let round = |round| {
            let barriers = if round % 5 == 0 { 60.0 } else { 0.0 };
            PerPhase { train: 10.0, barriers, evaluate }
        };
        (1..=10).map(round).collect()
    }

    /// The seconds of a round: a training operation costs three times an evaluation, barriers share
    /// layers and cost half of one.
    fn seconds(operations: PerPhase) -> PerPhase {
        operations.zip(PerPhase { train: 0.3, barriers: 0.05, evaluate: 0.1 }, |a, b| a * b)
    }

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-9 * expected.abs().max(1.0), "{found} {expected}");
    }

    /// The evaluations of the first strategy cost 1, those of the second 20. At the start of the
    /// second, the rounds so far were short.
    #[test]
    fn the_time_left_does_not_drift_when_later_strategies_cost_more() {
        let plans = [rounds(1.0), rounds(20.0), rounds(20.0), rounds(20.0)];
        let group = |plan: usize| if plan == 0 { "all" } else { "none" }.to_owned();
        let left = |plan: &Vec<PerPhase>| plan.iter().copied().sum::<PerPhase>();
        let mut estimate = TimeEstimate::new(
            plans.iter().enumerate().map(|(index, plan)| (group(index), left(plan))),
        );
        assert_eq!(estimate.left(), None, "nothing is known before the first round");
        let mut remaining: f64 = plans.iter().flatten().map(|&round| seconds(round).sum()).sum();
        for (index, plan) in plans.iter().enumerate() {
            for (round, &operations) in plan.iter().enumerate() {
                estimate.committed(index, operations, seconds(operations));
                remaining -= seconds(operations).sum();
                // From the first barriers on, all prices are exact.
                if (index, round + 1) >= (0, 5) {
                    near(estimate.left().unwrap(), remaining);
                }
            }
        }
    }

    #[test]
    fn barriers_that_nobody_measured_yet_are_reckoned_with() {
        let plan = rounds(1.0);
        let mut estimate = TimeEstimate::new([("all".to_owned(), plan.iter().copied().sum())]);
        estimate.committed(0, plan[0], seconds(plan[0]));
        // 9 rounds without barriers at 3.1 s; 120 operations of barriers at the price of the
        // others.
        near(estimate.left().unwrap(), 9.0 * 3.1 + 120.0 * 3.1 / 11.0);
    }

    #[test]
    fn a_slow_first_round_is_forgotten_with_the_second() {
        let work = |train| PerPhase { train, ..PerPhase::default() };
        let mut estimate = TimeEstimate::new([("all".to_owned(), work(10.0))]);
        estimate.committed(0, work(1.0), work(7.0));
        near(estimate.left().unwrap(), 9.0 * 7.0);
        estimate.committed(0, work(1.0), work(1.0));
        near(estimate.left().unwrap(), 8.0);
        estimate.committed(0, work(1.0), work(2.0));
        near(estimate.left().unwrap(), 7.0 * 1.5);
    }

    #[test]
    fn a_strategys_own_rounds_tell_more_than_those_of_others() {
        let work = |train| PerPhase { train, ..PerPhase::default() };
        let mut estimate =
            TimeEstimate::new([("a".to_owned(), work(10.0)), ("b".to_owned(), work(20.0))]);
        estimate.committed(0, work(1.0), work(1.0));
        near(estimate.left().unwrap(), 9.0 + 20.0);
        estimate.committed(1, work(1.0), work(5.0));
        // The mean price of 3 seconds would give 28 · 3.
        near(estimate.left().unwrap(), 9.0 + 95.0);
    }

    #[test]
    fn work_beyond_the_reckoning_is_not_taken_off_other_work() {
        let work = |train, evaluate| PerPhase { train, evaluate, ..PerPhase::default() };
        let mut estimate = TimeEstimate::new([("a".to_owned(), work(1.0, 4.0))]);
        estimate.committed(0, work(3.0, 1.0), work(3.0, 1.0));
        near(estimate.left().unwrap(), 3.0);
    }

    #[test]
    fn plans_side_by_side_share_the_time_but_the_last_is_alone() {
        let work = |train| PerPhase { train, ..PerPhase::default() };
        let plan = |train| ("all".to_owned(), work(train));
        let mut estimate = TimeEstimate::new([plan(10.0), plan(10.0), plan(10.0)]);
        estimate.side_by_side(2);
        for plan in 0..2 {
            estimate.committed(plan, work(4.0), work(4.0));
        }
        near(estimate.left().unwrap(), (6.0 + 6.0 + 10.0) / 2.0);
        estimate.ended(0);
        estimate.ended(1);
        near(estimate.left().unwrap(), 10.0);
        estimate.ended(2);
        near(estimate.left().unwrap(), 0.0);
    }
}
