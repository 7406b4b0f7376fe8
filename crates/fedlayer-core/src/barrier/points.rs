//! [`PlannedPoints`]: the points that one direction evaluates; [`Points`]: the points of all
//! directions, each once; [`count_points`]: their number, without any model.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    barrier::{
        TargetSet,
        direction::{DirectionEnds, Toward},
        target_sets,
    },
    model::{LayerSet, Layout, Point},
    seed::Seed,
    spec::{BarrierSpec, Baseline, Between},
};

/// The points of every direction on one layer set at one α: the mix itself, or its equal-norm
/// twins.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlannedPoints<'a> {
    /// The layers.
    pub(super) set: &'a LayerSet,
    /// The position between base and target.
    pub(super) alpha: f64,
    /// The number of twins; `None` for the mix.
    pub(super) twins: Option<u32>,
}

impl<'a> PlannedPoints<'a> {
    /// Lists the points of a direction, set by set: one mix per α, the full swap if a chord needs
    /// it, then the twins of each α. Sets and α may repeat.
    pub(super) fn list(
        spec: &'a BarrierSpec,
        targets: &'a [TargetSet],
    ) -> impl Iterator<Item = Self> {
        let chord = spec.baselines.contains(&Baseline::Chord).then_some(1.0);
        let twins = (spec.twins > 0).then_some(spec.twins);
        targets.iter().flat_map(move |TargetSet { set, .. }| {
            let alphas = || spec.alpha.iter().copied();
            let mixes = alphas().chain(chord).map(|alpha| Self { set, alpha, twins: None });
            let drawn = twins.into_iter().flat_map(move |_| alphas());
            mixes.chain(drawn.map(move |alpha| Self { set, alpha, twins }))
        })
    }

    /// Returns the number of points.
    fn len(&self) -> u64 {
        self.twins.map_or(1, u64::from)
    }

    /// Returns the key of the mix, or of the first twin.
    fn first_key(&self, ends: DirectionEnds) -> PointKey {
        PointKey::new(ends, self.set, self.alpha, self.twins.map(|_| 0))
    }
}

/// The identity of a point: equal keys are equal points.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum PointKey {
    Whole(Toward),
    Mix { base: usize, toward: Toward, layers: Vec<usize>, weight_bits: u64, twin: Option<u32> },
}

impl PointKey {
    /// Makes the key of a mix, or of a twin of it.
    pub(super) fn new(ends: DirectionEnds, set: &LayerSet, alpha: f64, twin: Option<u32>) -> Self {
        let weight = alpha * ends.reach;
        // A mix that takes every value from the other model is that model, whatever the base was.
        // If running statistics stay with the base, the full swap differs from base to base.
        if set.holds_every_value() && weight == 1.0 && twin.is_none() {
            return Self::Whole(ends.toward);
        }
        Self::Mix {
            base: ends.base,
            toward: ends.toward,
            layers: set.indices().collect(),
            weight_bits: weight.to_bits(),
            twin,
        }
    }
}

/// The points to evaluate in each split, each once.
#[derive(Debug, Default)]
pub(super) struct Points {
    pub(super) list: Vec<Point>,
    /// The index of each point in the list.
    pub(super) index: BTreeMap<PointKey, usize>,
}

impl Points {
    /// Adds a point if no point has this key.
    pub(super) fn add(&mut self, key: PointKey, point: impl FnOnce() -> Point) {
        let next = self.list.len();
        if *self.index.entry(key).or_insert(next) == next {
            self.list.push(point());
        }
    }
}

/// Counts the points that the barriers between `models` models evaluate on each split.
/// [`BarrierStudy::probes`](crate::barrier::BarrierStudy::probes) has as many probes per split. A
/// count that exceeds 64 bits is [`u64::MAX`].
pub fn count_points(spec: &BarrierSpec, layout: &Arc<Layout>, seed: Seed, models: u64) -> u64 {
    let directions = spec.between.directions(models);
    if directions == 0 {
        return models;
    }
    // All directions have the same points on other models: those of one are counted.
    let ends = match spec.between {
        Between::Cohort => DirectionEnds::to_mean(0),
        Between::Pairs => DirectionEnds::to_model(0, 1),
    };
    let targets = target_sets(&spec.sets, layout, seed);
    let points: BTreeMap<PointKey, u64> = PlannedPoints::list(spec, &targets)
        .map(|points| (points.first_key(ends), points.len()))
        .collect();
    let (mut own, mut common) = (0_u64, models);
    for (key, count) in points {
        match key {
            PointKey::Mix { .. } => own = own.saturating_add(count),
            // The mean is one point of all directions; another model is one of the end models.
            PointKey::Whole(Toward::Mean) => common += 1,
            PointKey::Whole(Toward::End(_)) => {}
        }
    }
    directions.saturating_mul(own).saturating_add(common)
}
