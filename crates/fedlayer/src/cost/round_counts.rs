//! [`RoundCounts`]: the trainings and evaluations of a plan's rounds. The code of the core that
//! plans a round counts them; this file adds them up.

use fedlayer_core::{
    Plan,
    round::{EvaluationCount, LayerSchedule},
};

use super::barrier_probes;

/// The trainings and evaluations of the rounds of a plan. Every client of a cohort counts, also
/// those that will drop out.
#[derive(Debug, Clone)]
pub(crate) struct RoundCounts {
    /// Absent for a strategy that does not fit the model; a validated plan has none.
    schedule: Option<LayerSchedule>,
    /// The points of the barriers on each split, in a round with barriers.
    points: u64,
    /// The number of splits.
    splits: u64,
}

/// The trainings and evaluations of one round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RoundCount {
    /// The clients that train.
    pub(crate) trainings: u64,
    /// The models and mixes that the barriers evaluate on each split.
    pub(crate) points: u64,
    /// The number of splits.
    pub(crate) splits: u64,
    /// The evaluations after averaging.
    pub(crate) evaluation: EvaluationCount,
}

impl RoundCounts {
    pub(crate) fn of(plan: &Plan) -> Self {
        let cohort = u64::from(plan.clients.cohort());
        let barriers = plan.barriers.as_ref();
        Self {
            schedule: LayerSchedule::new(&plan.strategy.average, &plan.layout).ok(),
            points: barriers.map_or(0, |spec| barrier_probes(spec, plan, cohort)),
            splits: barriers.map_or(0, |spec| spec.distinct_splits().len() as u64),
        }
    }

    /// Returns the points of the barriers on each split, in a round with barriers.
    pub(crate) fn barrier_points(&self) -> u64 {
        self.points
    }

    /// Counts the trainings and evaluations of a round.
    pub(crate) fn in_round(&self, plan: &Plan, round: u32) -> RoundCount {
        let measures = plan.barriers.as_ref().is_some_and(|spec| plan.is_due(spec.every, round));
        let schedule = self.schedule.as_ref();
        RoundCount {
            trainings: plan.clients.cohort().into(),
            points: if measures { self.points } else { 0 },
            splits: self.splits,
            evaluation: schedule.map_or_else(EvaluationCount::default, |schedule| {
                EvaluationCount::foreseen(plan, schedule, round)
            }),
        }
    }
}

impl RoundCount {
    /// Returns the number of evaluations of one model on one split.
    pub(crate) fn probes(&self) -> u64 {
        self.points.saturating_mul(self.splits).saturating_add(self.evaluation.probes())
    }
}
