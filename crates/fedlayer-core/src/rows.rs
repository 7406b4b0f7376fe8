//! [`Rows`]: barrier records of one split, from the evaluations that a [`BarrierStudy`] asked for.

use std::borrow::Cow;

use crate::{
    BarrierKind, BarrierRow, BarrierSummary, Estimate, Evaluation, LayerName, LayerSet, Metric,
    barrier::Ends,
    differences,
    spec::{Baseline, SplitSpec},
    study::{BarrierStudy, Direction},
    sweep::TargetSet,
};

/// The evaluations of one split, as losses and as errors.
pub(crate) struct Rows<'a> {
    study: &'a BarrierStudy,
    split: SplitSpec,
    /// Per metric: per point, one value per example.
    values: Vec<(Metric, Vec<Vec<f64>>)>,
}

/// What all rows of one metric, baseline and α have in common.
#[derive(Clone, Copy)]
struct At<'a> {
    metric: Metric,
    values: &'a [Vec<f64>],
    baseline: Baseline,
    alpha: f64,
    /// Per direction, the baseline example by example; none for a chord, which is another for every set.
    lines: &'a [Vec<f64>],
}

/// A direction with its place in the study.
type Numbered<'a> = (usize, &'a Direction);

/// The value of one set under every base, the mean and the largest.
type ByBase = Vec<(String, Estimate)>;

impl<'a> Rows<'a> {
    pub(crate) fn new(
        study: &'a BarrierStudy,
        split: SplitSpec,
        evaluations: &[Evaluation],
    ) -> Self {
        let losses = |evaluation: &Evaluation| {
            evaluation.losses.iter().map(|&loss| f64::from(loss)).collect::<Vec<f64>>()
        };
        let mut values = vec![(Metric::Loss, evaluations.iter().map(losses).collect())];
        if let Some(errors) = evaluations.iter().map(Evaluation::errors).collect::<Option<Vec<_>>>()
        {
            values.push((Metric::Error, errors));
        }
        Self { study, split, values }
    }

    pub(crate) fn all(&self) -> Vec<BarrierRow> {
        let spec = &self.study.spec;
        let mut rows = Vec::new();
        for (metric, values) in &self.values {
            rows.extend(self.ends(*metric, values));
            for &baseline in &spec.baselines {
                let lines: Vec<Vec<Vec<f64>>> =
                    spec.alpha.iter().map(|&alpha| self.lines(values, baseline, alpha)).collect();
                let grid: Vec<At<'_>> = spec
                    .alpha
                    .iter()
                    .zip(&lines)
                    .map(|(&alpha, lines)| At { metric: *metric, values, baseline, alpha, lines })
                    .collect();
                let mut seen = Vec::new();
                for TargetSet { kind, set } in &self.study.targets {
                    let by_alpha: Vec<(At<'_>, ByBase)> =
                        grid.iter().map(|&at| (at, self.barriers(at, set))).collect();
                    for (at, by_base) in &by_alpha {
                        rows.extend(self.rows_of(*at, *kind, set, by_base));
                    }
                    // What does not belong to a sweep is written once, however many sweeps share the set.
                    if !seen.contains(&set) {
                        seen.push(set);
                        rows.extend(self.peaks(set, &by_alpha));
                        rows.extend(self.twin_rows(&grid, set));
                    }
                }
                for &at in &grid {
                    rows.extend(self.interaction(at));
                }
            }
        }
        rows
    }

    /// The unmixed models themselves: what every baseline is made of.
    fn ends(&self, metric: Metric, values: &[Vec<f64>]) -> Vec<BarrierRow> {
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

    /// The barrier of a set into every base.
    fn barriers(&self, at: At<'_>, set: &LayerSet) -> ByBase {
        self.over_bases(|direction| self.differences(at, direction, set))
    }

    /// Per example: the mix's loss less the baseline.
    fn differences(&self, at: At<'_>, direction: Numbered<'_>, set: &LayerSet) -> Vec<f64> {
        let mix = &at.values[self.study.mix_index(direction.1, set, at.alpha)];
        differences(mix, &self.baseline(at, direction, set))
    }

    /// The equal-norm twins of a set over the α grid, where the scenario asks for them.
    fn twin_rows(&self, grid: &[At<'_>], set: &LayerSet) -> Vec<BarrierRow> {
        let wanted = grid.iter().filter(|_| self.study.spec.twins > 0);
        wanted
            .flat_map(|&at| self.rows_of(at, BarrierKind::Twin, set, &self.twins(at, set)))
            .collect()
    }

    /// Per direction, a baseline that does not depend on the set.
    fn lines(&self, values: &[Vec<f64>], baseline: Baseline, alpha: f64) -> Vec<Vec<f64>> {
        let directions = self.study.directions.iter();
        let line = |direction| self.ends_of(values, direction).baseline(baseline, alpha, None);
        directions.filter_map(line).collect()
    }

    /// The unmixed models, seen from the base of a direction.
    fn ends_of<'v>(&self, values: &'v [Vec<f64>], direction: &'v Direction) -> Ends<'v> {
        Ends {
            losses: &values[self.study.end_indices()],
            weights: &direction.weights,
            base: direction.base,
        }
    }

    fn baseline<'v>(
        &self,
        at: At<'v>,
        (index, direction): Numbered<'v>,
        set: &LayerSet,
    ) -> Cow<'v, [f64]> {
        if let Some(line) = at.lines.get(index) {
            return Cow::Borrowed(line);
        }
        let swapped = &at.values[self.study.mix_index(direction, set, 1.0)];
        let ends = self.ends_of(at.values, direction);
        Cow::Owned(ends.baseline(at.baseline, at.alpha, Some(swapped)).unwrap_or_default())
    }

    /// The equal-norm twins of a set: mean over the draws, and the standard error of that mean.
    fn twins(&self, at: At<'_>, set: &LayerSet) -> ByBase {
        self.over_bases(|direction| {
            let baseline = self.baseline(at, direction, set);
            let draw = |draw| {
                let twin = &at.values[self.study.twin_index(direction.1, set, at.alpha, draw)];
                Estimate::of(&differences(twin, &baseline)).value.unwrap_or(f64::NAN)
            };
            (0..self.study.spec.twins).map(draw).collect()
        })
    }

    /// B_full − Σ_l B_l, where the scenario asks for both.
    fn interaction(&self, at: At<'_>) -> Vec<BarrierRow> {
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

    /// The largest value over the α grid, with its α (the first where several have it), where there is a grid.
    fn peaks(&self, set: &LayerSet, by_alpha: &[(At<'_>, ByBase)]) -> Vec<BarrierRow> {
        if by_alpha.len() < 2 {
            return Vec::new();
        }
        let value = |by_base: &ByBase, base: usize| size(&by_base[base].1);
        let bases = 0..by_alpha[0].1.len();
        let peak = |base: usize| {
            let (at, largest) = by_alpha.iter().reduce(|best, next| {
                if value(&next.1, base) > value(&best.1, base) { next } else { best }
            })?;
            Some(self.row(*at, BarrierKind::Peak, set, &largest[base]))
        };
        bases.filter_map(peak).collect()
    }

    /// The estimate of every base; then that of their mean, weighted as the models are (so that no part of it is there before anything is mixed),
    /// example by example, so that its standard error is paired too; then the largest.
    fn over_bases<'d>(&'d self, values: impl Fn(Numbered<'d>) -> Vec<f64>) -> ByBase {
        let mut estimates = ByBase::new();
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
        at: At<'_>,
        kind: BarrierKind,
        set: &LayerSet,
        by_base: &ByBase,
    ) -> Vec<BarrierRow> {
        by_base.iter().map(|base| self.row(at, kind, set, base)).collect()
    }

    fn row(
        &self,
        at: At<'_>,
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

/// How large an estimate is among others: one whose losses were not finite is the largest, so that a maximum never hides it.
fn size(estimate: &Estimate) -> f64 {
    estimate.value.unwrap_or(f64::INFINITY)
}

/// The barriers that tables show: test loss, baseline `mean`, α = ½, mean over the bases. Absent where the scenario does not measure
/// them, or where a loss was not finite.
pub fn summarize(rows: &[BarrierRow]) -> BarrierSummary {
    let shown = |kind: BarrierKind| {
        rows.iter().filter(move |row| {
            row.kind == kind
                && row.metric == Metric::Loss
                && row.split == Some(SplitSpec::Test)
                && row.baseline == Some(Baseline::Mean)
                && row.alpha == Some(0.5)
                && row.base == "mean"
        })
    };
    let layers: Option<Vec<_>> =
        shown(BarrierKind::Layer).map(|row| Some((row.value?, &row.set))).collect();
    let largest =
        layers.into_iter().flatten().reduce(|best, next| if next.0 > best.0 { next } else { best });
    let is_end = |row: &&BarrierRow| {
        (row.kind, row.metric, row.split) == (BarrierKind::End, Metric::Loss, Some(SplitSpec::Test))
    };
    let ends: Option<Vec<f64>> = rows.iter().filter(is_end).map(|row| row.value).collect();
    let ends = ends.unwrap_or_default().into_iter();
    let worst = ends.clone().reduce(f64::max);
    let best = ends.reduce(f64::min);
    BarrierSummary {
        end_loss_spread: worst.zip(best).map(|(worst, best)| worst - best),
        full_barrier: shown(BarrierKind::Full).find_map(|row| row.value),
        max_layer_barrier: largest.map(|(value, _)| value),
        max_layer: largest.map(|(_, set)| LayerName::new(set.as_str())),
    }
}
