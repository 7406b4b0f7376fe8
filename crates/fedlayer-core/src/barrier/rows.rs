//! [`BarrierStudy::rows`]: the barrier records of a round, from the evaluations of its probes.

use std::borrow::Cow;

use crate::{
    barrier::{
        BarrierStudy, EndLosses, TargetSet, differences, direction::Direction,
        geometry_rows::geometry_rows,
    },
    estimate::Estimate,
    model::LayerSet,
    record::{BarrierKind, BarrierRow, Metric},
    spec::{Baseline, SplitSpec},
    trainer::Evaluation,
};

impl BarrierStudy {
    /// Makes the records, from one evaluation per probe in the order of [`probes`](Self::probes).
    pub fn rows(&self, evaluations: &[Evaluation]) -> Vec<BarrierRow> {
        let mut rows = geometry_rows(self);
        let splits = self.splits().zip(evaluations.chunks(self.point_count()));
        for ((split, _), evaluations) in splits {
            rows.extend(SplitRows::new(self, split, evaluations).all());
        }
        rows
    }
}

/// The evaluations of one split, as losses and as errors.
struct SplitRows<'a> {
    study: &'a BarrierStudy,
    split: SplitSpec,
    /// The metrics that were measured, each with its values. `(points, examples)`
    values: Vec<(Metric, Vec<Vec<f64>>)>,
}

/// One metric, baseline and α: the rows of one point of the α grid share them.
#[derive(Clone, Copy)]
struct GridPoint<'a> {
    metric: Metric,
    /// The values of all points. `(points, examples)`
    values: &'a [Vec<f64>],
    baseline: Baseline,
    alpha: f64,
    /// The baseline of every direction. `(directions, examples)`
    ///
    /// Empty for a chord, because the baseline of a chord depends on the layer set.
    lines: &'a [Vec<f64>],
}

/// A direction with its index in the study.
type IndexedDirection<'a> = (usize, &'a Direction);

/// The estimates of one layer set: under every base, then `mean`, then `max`.
type BaseEstimates = Vec<(String, Estimate)>;

impl<'a> SplitRows<'a> {
    fn new(study: &'a BarrierStudy, split: SplitSpec, evaluations: &[Evaluation]) -> Self {
        let losses = |evaluation: &Evaluation| {
            evaluation.losses.iter().map(|&loss| f64::from(loss)).collect::<Vec<f64>>()
        };
        let mut values = vec![(Metric::Loss, evaluations.iter().map(losses).collect())];
        let errors: Option<Vec<_>> = evaluations.iter().map(Evaluation::errors).collect();
        values.extend(errors.map(|errors| (Metric::Error, errors)));
        Self { study, split, values }
    }

    fn all(&self) -> Vec<BarrierRow> {
        let mut rows = Vec::new();
        for (metric, values) in &self.values {
            rows.extend(self.end_rows(*metric, values));
            for &baseline in &self.study.spec.baselines {
                rows.extend(self.baseline_rows(*metric, values, baseline));
            }
        }
        rows
    }

    /// Makes the rows of the unmixed models themselves; every baseline is computed from their
    /// losses.
    fn end_rows(&self, metric: Metric, values: &[Vec<f64>]) -> Vec<BarrierRow> {
        let ends = self.study.clients.iter().zip(&values[self.study.end_indices()]);
        ends.map(|(client, values)| {
            let Estimate { value, std_error } = Estimate::of(values);
            BarrierRow {
                round: self.study.round,
                split: Some(self.split),
                metric,
                kind: BarrierKind::End,
                set: "none".to_owned(),
                base: client.to_string(),
                alpha: None,
                baseline: None,
                value,
                std_error,
            }
        })
        .collect()
    }

    /// Makes all rows of one baseline: sweep by sweep, then the interactions.
    fn baseline_rows(
        &self,
        metric: Metric,
        values: &[Vec<f64>],
        baseline: Baseline,
    ) -> Vec<BarrierRow> {
        let alphas = &self.study.spec.alpha;
        let lines: Vec<Vec<Vec<f64>>> =
            alphas.iter().map(|&alpha| self.lines(values, baseline, alpha)).collect();
        let points = alphas.iter().zip(&lines);
        let grid: Vec<GridPoint<'_>> = points
            .map(|(&alpha, lines)| GridPoint { metric, values, baseline, alpha, lines })
            .collect();
        let mut rows = Vec::new();
        let mut seen = Vec::new();
        for TargetSet { kind, set } in &self.study.targets {
            let by_alpha: Vec<(GridPoint<'_>, BaseEstimates)> =
                grid.iter().map(|&at| (at, self.barriers(at, set))).collect();
            for (at, estimates) in &by_alpha {
                rows.extend(self.rows_of(*at, *kind, set, estimates));
            }
            // Peaks and twins belong to the set and not to a sweep: several sweeps share them.
            if !seen.contains(&set) {
                seen.push(set);
                rows.extend(self.peaks(set, &by_alpha));
                rows.extend(self.twin_rows(&grid, set));
            }
        }
        rows.extend(grid.iter().flat_map(|&at| self.interaction(at)));
        rows
    }

    /// Estimates the barrier of a set into every base.
    fn barriers(&self, at: GridPoint<'_>, set: &LayerSet) -> BaseEstimates {
        self.over_bases(|direction| self.differences(at, direction, set))
    }

    /// Returns the loss of the mix minus the baseline. `(examples)`
    fn differences(
        &self,
        at: GridPoint<'_>,
        direction: IndexedDirection<'_>,
        set: &LayerSet,
    ) -> Vec<f64> {
        let mix = &at.values[self.study.mix_index(direction.1, set, at.alpha)];
        differences(mix, &self.baseline(at, direction, set))
    }

    /// Makes the rows of the equal-norm twins of a set, if the scenario asks for twins.
    fn twin_rows(&self, grid: &[GridPoint<'_>], set: &LayerSet) -> Vec<BarrierRow> {
        let wanted = grid.iter().filter(|_| self.study.spec.twins > 0);
        wanted
            .flat_map(|&at| self.rows_of(at, BarrierKind::Twin, set, &self.twins(at, set)))
            .collect()
    }

    /// Computes the baselines that do not depend on the layer set. `(directions, examples)`
    fn lines(&self, values: &[Vec<f64>], baseline: Baseline, alpha: f64) -> Vec<Vec<f64>> {
        let directions = self.study.directions.iter();
        let line = |direction| self.ends_of(values, direction).baseline(baseline, alpha, None);
        directions.filter_map(line).collect()
    }

    /// Returns the losses of the unmixed models, seen from the base of a direction.
    fn ends_of<'v>(&self, values: &'v [Vec<f64>], direction: &'v Direction) -> EndLosses<'v> {
        EndLosses {
            losses: &values[self.study.end_indices()],
            weights: &direction.weights,
            base: direction.ends.base,
        }
    }

    /// Returns the baseline of a direction and a set. `(examples)`
    fn baseline<'v>(
        &self,
        at: GridPoint<'v>,
        (index, direction): IndexedDirection<'v>,
        set: &LayerSet,
    ) -> Cow<'v, [f64]> {
        if let Some(line) = at.lines.get(index) {
            return Cow::Borrowed(line);
        }
        let swapped = &at.values[self.study.mix_index(direction, set, 1.0)];
        let ends = self.ends_of(at.values, direction);
        Cow::Owned(ends.baseline(at.baseline, at.alpha, Some(swapped)).unwrap_or_default())
    }

    /// Estimates the equal-norm twins of a set: the mean over the draws, with its standard error.
    fn twins(&self, at: GridPoint<'_>, set: &LayerSet) -> BaseEstimates {
        self.over_bases(|direction| {
            let baseline = self.baseline(at, direction, set);
            let draw = |draw| {
                let twin = &at.values[self.study.twin_index(direction.1, set, at.alpha, draw)];
                Estimate::of(&differences(twin, &baseline)).value.unwrap_or(f64::NAN)
            };
            (0..self.study.spec.twins).map(draw).collect()
        })
    }

    /// Makes the rows of B_full − Σ_l B_l, if the scenario asks for both.
    fn interaction(&self, at: GridPoint<'_>) -> Vec<BarrierRow> {
        let sets = |kind| {
            let targets = self.study.targets.iter().filter(move |target| target.kind == kind);
            targets.map(|target| &target.set).collect::<Vec<_>>()
        };
        let (full, layers) = (sets(BarrierKind::Full), sets(BarrierKind::Layer));
        let (Some(full), false) = (full.first(), layers.is_empty()) else {
            return Vec::new();
        };
        let interactions = self.over_bases(|direction| {
            let mut rest = self.differences(at, direction, full);
            for layer in &layers {
                rest = differences(&rest, &self.differences(at, direction, layer));
            }
            rest
        });
        self.rows_of(at, BarrierKind::Interaction, full, &interactions)
    }

    /// Finds the largest value over the α grid, with its α; the first α of equal values counts.
    /// A grid of one α has no peak.
    fn peaks(
        &self,
        set: &LayerSet,
        by_alpha: &[(GridPoint<'_>, BaseEstimates)],
    ) -> Vec<BarrierRow> {
        if by_alpha.len() < 2 {
            return Vec::new();
        }
        let value = |estimates: &BaseEstimates, base: usize| size(&estimates[base].1);
        let bases = 0..by_alpha[0].1.len();
        let peak = |base: usize| {
            let (at, largest) = by_alpha.iter().reduce(|best, next| {
                if value(&next.1, base) > value(&best.1, base) { next } else { best }
            })?;
            Some(self.row(*at, BarrierKind::Peak, set, &largest[base]))
        };
        bases.filter_map(peak).collect()
    }

    /// Estimates a value under every base, then the mean and the maximum over the bases.
    ///
    /// The mean is weighted as the models are; a plain mean would not be 0 before anything is
    /// mixed. It is taken example by example, so its standard error is paired as well.
    fn over_bases<'d>(
        &'d self,
        values: impl Fn(IndexedDirection<'d>) -> Vec<f64>,
    ) -> BaseEstimates {
        let mut estimates = BaseEstimates::new();
        let mut sum: Vec<f64> = Vec::new();
        for direction in self.study.directions.iter().enumerate() {
            let values = values(direction);
            estimates.push((direction.1.label.clone(), Estimate::of(&values)));
            sum.resize(values.len(), 0.0);
            for (sum, value) in sum.iter_mut().zip(&values) {
                *sum += direction.1.share * value;
            }
        }
        let largest = estimates
            .iter()
            .map(|(_, estimate)| *estimate)
            .reduce(|best, next| if size(&next) > size(&best) { next } else { best });
        if let Some(largest) = largest {
            estimates.push(("mean".to_owned(), Estimate::of(&sum)));
            estimates.push(("max".to_owned(), largest));
        }
        estimates
    }

    fn rows_of(
        &self,
        at: GridPoint<'_>,
        kind: BarrierKind,
        set: &LayerSet,
        estimates: &BaseEstimates,
    ) -> Vec<BarrierRow> {
        estimates.iter().map(|estimate| self.row(at, kind, set, estimate)).collect()
    }

    fn row(
        &self,
        at: GridPoint<'_>,
        kind: BarrierKind,
        set: &LayerSet,
        (base, estimate): &(String, Estimate),
    ) -> BarrierRow {
        BarrierRow {
            round: self.study.round,
            split: Some(self.split),
            metric: at.metric,
            kind,
            set: set.to_string(),
            base: base.clone(),
            alpha: Some(at.alpha),
            baseline: Some(at.baseline),
            value: estimate.value,
            std_error: estimate.std_error,
        }
    }
}

/// Returns the value of an estimate for comparisons. A loss that is not finite counts as the
/// largest, so a maximum never hides it.
fn size(estimate: &Estimate) -> f64 {
    estimate.value.unwrap_or(f64::INFINITY)
}
