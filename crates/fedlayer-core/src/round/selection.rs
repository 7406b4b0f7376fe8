//! [`Selection`]: the choice of the best round by validation, and the end of a run that no longer
//! improves.

use crate::{
    plan::Plan,
    record::RoundRecord,
    spec::{EvaluateSpec, Select, SelectBy},
};

/// The best round of a run so far. It follows from the records alone, so a resumed run has the same
/// one; and it reads validation values alone, so test data never choose.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    by: SelectBy,
    patience: Option<u32>,
    best: Option<BestRound>,
    /// The number of evaluations since the best one.
    since: u32,
}

/// The best round, and the value that makes it the best.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BestRound {
    /// The round.
    pub round: u32,
    /// The loss or the accuracy.
    pub value: f64,
}

impl Selection {
    /// Begins the selection of a plan; `None` if the plan reports only its last round.
    pub fn of(plan: &Plan) -> Option<Self> {
        let EvaluateSpec { select, patience, .. } = plan.evaluate;
        match select {
            Select::Last => None,
            Select::Best => Some(Self { by: plan.selects_by(), patience, best: None, since: 0 }),
        }
    }

    /// Selects the best of these rounds; `None` if the plan reports only its last round.
    pub fn over<'r>(
        plan: &Plan,
        records: impl IntoIterator<Item = &'r RoundRecord>,
    ) -> Option<Self> {
        let mut selection = Self::of(plan)?;
        for record in records {
            selection.observe(record);
        }
        Some(selection)
    }

    /// Takes the next round into account, and returns whether it is better than all rounds before.
    /// A value that is absent or not finite is never better. A round without evaluation changes
    /// nothing.
    pub fn observe(&mut self, record: &RoundRecord) -> bool {
        let Some(evaluation) = &record.evaluation else { return false };
        let value = evaluation.selected(self.by);
        let is_better = |value: &f64| match self.best {
            None => true,
            Some(best) if self.by.is_accuracy() => *value > best.value,
            Some(best) => *value < best.value,
        };
        match value.filter(is_better) {
            Some(value) => {
                self.best = Some(BestRound { round: record.round, value });
                self.since = 0;
                true
            }
            None => {
                self.since = self.since.saturating_add(1);
                false
            }
        }
    }

    /// Returns the best round; `None` if no round has a value.
    pub fn best(&self) -> Option<BestRound> {
        self.best
    }

    /// Returns the value that decides.
    pub fn by(&self) -> SelectBy {
        self.by
    }

    /// Returns whether the run ends, because the last evaluations have not improved.
    pub fn is_over(&self) -> bool {
        self.patience.is_some_and(|patience| self.since >= patience)
    }
}
