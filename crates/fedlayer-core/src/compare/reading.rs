//! [`Reading`]: the results of one strategy and seed at a chosen point of its run.

use super::{ClientAccuracies, ComparedEvaluation, ComparedRound, compared_round::merit};
use crate::{
    estimate::mean,
    record::{BarrierSummary, SummaryRow},
    spec::SelectBy,
};

/// The point of a run at which the results are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadAt {
    /// The last evaluated round.
    Last,
    /// The best evaluated round by a validation value; the earliest of equal ones.
    Best(SelectBy),
    /// The mean of the last evaluated rounds, this many at most.
    Mean(u32),
    /// The last evaluated round until which the run has spent at most these bytes, up and down
    /// together.
    Bytes(u64),
}

/// The reason why a reading has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Absence {
    /// The value is `null` or not finite, or was not measured.
    NoValue,
    /// The records of the rounds are not there, only a summary.
    NoRounds,
    /// The records of the clients are not there.
    NoClients,
    /// The records of the rounds do not have this value.
    NotRecorded,
    /// No strategy trains locally and averages nothing.
    NoLocalTraining,
    /// No strategy averages all layers.
    NoFederatedAveraging,
    /// No target was named.
    NoTarget,
    /// The target was not reached.
    NotReached,
    /// The first evaluated round was past the allowed bytes.
    TooManyBytes,
    /// No evaluated round has a validation value.
    NoValidation,
}

/// The results of one strategy and seed at a point of its run.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The row of the summary, with its values at the point. `rounds` stays the number of all
    /// committed rounds.
    pub row: SummaryRow,
    /// The evaluated rounds that the values are read from, ascending; empty if only the summary is
    /// known.
    pub evaluated: Vec<u32>,
    /// The reason why nothing can be read at the point.
    pub absence: Option<Absence>,
    /// Values that no summary has.
    pub more: MoreValues,
}

/// The values of a reading that no summary has, or the reason why they are absent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MoreValues {
    /// The mean F1 score over the classes, as a fraction.
    pub macro_f1: Result<f64, Absence>,
    /// The variance over the clients of their own-test accuracies.
    pub fairness: Result<f64, Absence>,
    /// The mean accuracy of the worst tenth of the clients.
    pub worst_decile: Result<f64, Absence>,
    /// The share of clients that gain over local training and over federated averaging.
    pub incentive: Result<f64, Absence>,
    /// The first evaluated round with the target's accuracy.
    pub rounds_to_target: Result<f64, Absence>,
    /// The bytes until that round, up and down together.
    pub bytes_to_target: Result<f64, Absence>,
}

impl From<&SummaryRow> for Reading {
    fn from(row: &SummaryRow) -> Self {
        let no_clients = Err(Absence::NoClients);
        let no_target = Err(Absence::NoTarget);
        Self {
            row: row.clone(),
            evaluated: Vec::new(),
            absence: None,
            more: MoreValues {
                macro_f1: Err(Absence::NoRounds),
                fairness: no_clients,
                worst_decile: no_clients,
                incentive: no_clients,
                rounds_to_target: no_target,
                bytes_to_target: no_target,
            },
        }
    }
}

impl Reading {
    /// Reads the results of a run at a point. `rounds` are in ascending order.
    pub fn at(row: &SummaryRow, rounds: &[ComparedRound], at: ReadAt) -> Self {
        let mut reading = Self::from(row);
        match evaluated(rounds, at) {
            Err(absence) => reading.absence = Some(absence),
            Ok(evaluated) => reading.take(rounds, &evaluated, at),
        }
        reading
    }

    /// Takes the values of evaluated rounds; does nothing if there are none.
    fn take(&mut self, rounds: &[ComparedRound], evaluated: &[&ComparedRound], at: ReadAt) {
        let Some(last) = evaluated.last() else { return };
        self.evaluated = evaluated.iter().map(|round| round.round).collect();
        let mean_of = |of: fn(&ComparedEvaluation) -> Option<f64>| mean_over(evaluated, of);
        let macro_f1 = mean_of(|evaluation| evaluation.macro_f1);
        self.more.macro_f1 = macro_f1.ok_or(Absence::NotRecorded);
        if at == ReadAt::Last {
            return;
        }
        self.row.test_accuracy = mean_of(|evaluation| evaluation.test_accuracy);
        self.row.test_loss = mean_of(|evaluation| evaluation.test_loss);
        self.row.client_accuracy_mean = mean_of(|evaluation| evaluation.client_accuracy_mean);
        self.row.client_accuracy_std = mean_of(|evaluation| evaluation.client_accuracy_std);
        if !matches!(at, ReadAt::Mean(_)) {
            let until = rounds.partition_point(|round| round.round <= last.round);
            self.take_costs(&rounds[..until]);
        }
    }

    /// Takes the bytes of these rounds, and the barriers of the last of them that has any.
    fn take_costs(&mut self, rounds: &[ComparedRound]) {
        let measured = rounds.iter().rev().find_map(|round| round.barriers.clone());
        let barriers = measured.unwrap_or_default();
        let BarrierSummary { full_barrier, max_layer_barrier, max_layer, end_loss_spread } =
            barriers;
        self.row.full_barrier = full_barrier;
        self.row.max_layer_barrier = max_layer_barrier;
        self.row.max_layer = max_layer;
        self.row.end_loss_spread = end_loss_spread;
        self.row.bytes_up = total(rounds.iter().map(|round| round.bytes_up));
        self.row.bytes_down = total(rounds.iter().map(|round| round.bytes_down));
    }

    /// Finds the first evaluated round of a run with at least this test accuracy, a fraction, and
    /// the bytes until then.
    pub fn seek_target(&mut self, rounds: &[ComparedRound], target: f64) {
        let reaches = |round: &ComparedRound| {
            let accuracy = round.evaluation.and_then(|evaluation| evaluation.test_accuracy);
            accuracy.is_some_and(|accuracy| accuracy >= target)
        };
        let reached = rounds.iter().position(reaches).ok_or(Absence::NotReached);
        self.more.rounds_to_target = reached.map(|index| f64::from(rounds[index].round));
        self.more.bytes_to_target =
            reached.map(|index| total(rounds[..=index].iter().map(ComparedRound::bytes)) as f64);
    }

    /// Takes the distribution of the clients' accuracies. `local` and `averaged` are those of local
    /// training and of federated averaging with the same seed.
    pub fn take_clients(
        &mut self,
        own: &ClientAccuracies,
        local: Option<&ClientAccuracies>,
        averaged: Option<&ClientAccuracies>,
    ) {
        self.more.fairness = own.fairness().ok_or(Absence::NoValue);
        self.more.worst_decile = own.worst_decile().ok_or(Absence::NoValue);
        self.more.incentive = match (local, averaged) {
            (None, _) => Err(Absence::NoLocalTraining),
            (_, None) => Err(Absence::NoFederatedAveraging),
            (Some(local), Some(averaged)) => own.incentive(local, averaged).ok_or(Absence::NoValue),
        };
    }

    /// Returns the bytes in both directions.
    pub fn bytes(&self) -> u64 {
        self.row.bytes_up.saturating_add(self.row.bytes_down)
    }
}

/// Returns the evaluated rounds that a point consists of; none if no round was evaluated.
fn evaluated(rounds: &[ComparedRound], at: ReadAt) -> Result<Vec<&ComparedRound>, Absence> {
    let all: Vec<&ComparedRound> =
        rounds.iter().filter(|round| round.evaluation.is_some()).collect();
    match at {
        _ if all.is_empty() => Ok(Vec::new()),
        ReadAt::Last => Ok(all.last().copied().into_iter().collect()),
        ReadAt::Mean(count) => Ok(all[all.len().saturating_sub(count as usize)..].to_vec()),
        ReadAt::Best(by) => Ok(vec![best(&all, by).ok_or(Absence::NoValidation)?]),
        ReadAt::Bytes(most) => Ok(vec![within(rounds, most).ok_or(Absence::TooManyBytes)?]),
    }
}

/// Returns the best of evaluated rounds by a validation value; the earliest of equal ones.
fn best<'r>(evaluated: &[&'r ComparedRound], by: SelectBy) -> Option<&'r ComparedRound> {
    let mut best: Option<(&ComparedRound, f64)> = None;
    for &round in evaluated {
        let Some(merit) = round.evaluation.and_then(|evaluation| merit(by, &evaluation)) else {
            continue;
        };
        if best.is_none_or(|(_, before)| merit > before) {
            best = Some((round, merit));
        }
    }
    best.map(|(round, _)| round)
}

/// Returns the last evaluated round until which at most these bytes were spent.
fn within(rounds: &[ComparedRound], most: u64) -> Option<&ComparedRound> {
    let mut spent: u64 = 0;
    let affordable = rounds.iter().take_while(|round| {
        spent = spent.saturating_add(round.bytes());
        spent <= most
    });
    affordable.filter(|round| round.evaluation.is_some()).last()
}

/// Returns the mean of a value over evaluated rounds; `None` if one of them has no finite value.
fn mean_over(rounds: &[&ComparedRound], of: fn(&ComparedEvaluation) -> Option<f64>) -> Option<f64> {
    let value = |round: &&ComparedRound| of(round.evaluation.as_ref()?);
    let values: Option<Vec<f64>> = rounds.iter().map(value).collect();
    mean(values?.into_iter()).filter(|mean| mean.is_finite())
}

/// Returns the sum of counts, or the largest number if the sum overflows.
fn total(counts: impl Iterator<Item = u64>) -> u64 {
    counts.fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes rounds of 100 bytes each way with these test accuracies and validation losses, each
    /// evaluated if it has an entry.
    fn rounds(values: &[Option<(f64, Option<f64>)>]) -> Vec<ComparedRound> {
        let round = |(index, value): (usize, &Option<(f64, Option<f64>)>)| ComparedRound {
            round: index as u32 + 1,
            evaluation: value.map(|(accuracy, loss)| ComparedEvaluation {
                test_accuracy: Some(accuracy).filter(|accuracy| accuracy.is_finite()),
                validation_loss: loss,
                ..Default::default()
            }),
            barriers: (index == 1)
                .then(|| BarrierSummary { full_barrier: Some(0.25), ..Default::default() }),
            bytes_up: 100,
            bytes_down: 100,
        };
        values.iter().enumerate().map(round).collect()
    }

    fn five() -> Vec<ComparedRound> {
        rounds(&[
            Some((0.1, Some(0.9))),
            Some((0.6, Some(0.3))),
            None,
            Some((0.4, None)),
            Some((0.5, Some(0.3))),
        ])
    }

    fn row() -> SummaryRow {
        let mut row = SummaryRow::new("all", 1, &[]);
        (row.rounds, row.test_accuracy) = (5, Some(0.5));
        (row.bytes_up, row.bytes_down) = (500, 500);
        row
    }

    fn read(at: ReadAt) -> (Vec<u32>, Option<f64>, u64, Option<f64>) {
        let reading = Reading::at(&row(), &five(), at);
        assert_eq!((reading.absence, reading.row.rounds), (None, 5));
        let bytes = reading.bytes();
        (reading.evaluated, reading.row.test_accuracy, bytes, reading.row.full_barrier)
    }

    #[test]
    fn a_run_is_read_at_the_chosen_point() {
        assert_eq!(read(ReadAt::Last), (vec![5], Some(0.5), 1000, None));
        let best = ReadAt::Best(SelectBy::ValidationLoss);
        assert_eq!(read(best), (vec![2], Some(0.6), 400, Some(0.25)), "the first of equals");
        assert_eq!(read(ReadAt::Mean(2)), (vec![4, 5], Some(0.45), 1000, None));
        let (rounds, mean, ..) = read(ReadAt::Mean(9));
        assert_eq!((rounds, mean), (vec![1, 2, 4, 5], Some(0.4)));
    }

    #[test]
    fn the_last_evaluated_round_within_the_bytes_counts() {
        for (most, round, bytes) in [(200, 1, 200), (399, 1, 200), (400, 2, 400), (799, 2, 400)] {
            let (rounds, _, spent, _) = read(ReadAt::Bytes(most));
            assert_eq!((rounds, spent), (vec![round], bytes), "{most}");
        }
        assert_eq!(read(ReadAt::Bytes(u64::MAX)).0, [5]);
        let none = Reading::at(&row(), &five(), ReadAt::Bytes(199));
        assert_eq!(none.absence, Some(Absence::TooManyBytes));
    }

    #[test]
    fn a_value_that_is_missing_in_one_round_has_no_mean() {
        let diverged = rounds(&[Some((0.5, None)), Some((f64::NAN, None))]);
        let reading = Reading::at(&row(), &diverged, ReadAt::Mean(2));
        assert_eq!((reading.evaluated, reading.row.test_accuracy), (vec![1, 2], None));
        let best = Reading::at(&row(), &diverged, ReadAt::Best(SelectBy::ValidationLoss));
        assert_eq!(best.absence, Some(Absence::NoValidation));
        let nothing = Reading::at(&row(), &rounds(&[None]), ReadAt::Bytes(0));
        assert_eq!((nothing.absence, nothing.row.test_accuracy), (None, Some(0.5)));
    }

    #[test]
    fn the_target_is_sought_from_the_first_round() {
        let mut reading = Reading::from(&row());
        let mut seek = |target| {
            reading.seek_target(&five(), target);
            (reading.more.rounds_to_target, reading.more.bytes_to_target)
        };
        assert_eq!(seek(0.4), (Ok(2.0), Ok(400.0)));
        assert_eq!(seek(0.1), (Ok(1.0), Ok(200.0)));
        assert_eq!(seek(0.61), (Err(Absence::NotReached), Err(Absence::NotReached)));
    }

    #[test]
    fn bytes_of_a_hostile_record_do_not_overflow() {
        let mut many = five();
        many[0].bytes_up = u64::MAX;
        let reading = Reading::at(&row(), &many, ReadAt::Bytes(u64::MAX));
        assert_eq!(reading.bytes(), u64::MAX);
    }
}
