//! [`BarrierStudy`]: the probes that the barriers of a round need, each once.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    barrier::{
        EndModel, TargetSet,
        direction::{Direction, Toward, directions},
        geometry::Geometry,
        target_sets,
    },
    data::{ClientId, Split},
    model::{LayerSet, Params, Point},
    round::{AverageError, mean_model, update_weights},
    seed::Seed,
    spec::{BarrierSpec, Baseline, SplitSpec, Weighting},
    trainer::{Probe, Update},
};

/// The barriers of one round: between the models after local training, before anything is averaged.
///
/// [`BarrierStudy::probes`] lists the models to evaluate; [`BarrierStudy::rows`] makes the records
/// from the evaluations. No point is evaluated twice. The first step of a cumulative sweep *is* the
/// mix of that layer. The last step *is* the full mix, and all bases share the full swap if no
/// value stays with the base.
#[derive(Debug)]
pub struct BarrierStudy {
    pub(super) spec: BarrierSpec,
    pub(super) round: u32,
    pub(super) targets: Vec<TargetSet>,
    pub(super) directions: Vec<Direction>,
    pub(super) geometry: Geometry,
    /// The clients of the end models.
    pub(super) clients: Vec<ClientId>,
    points: Points,
}

/// The points to evaluate in each split, each once.
#[derive(Debug, Default)]
struct Points {
    list: Vec<Point>,
    /// The index of each point in the list.
    index: BTreeMap<PointKey, usize>,
}

impl Points {
    /// Adds a point if no point has this key.
    fn add(&mut self, key: PointKey, point: impl FnOnce() -> Point) {
        let next = self.list.len();
        if *self.index.entry(key).or_insert(next) == next {
            self.list.push(point());
        }
    }
}

/// The identity of a point: equal keys are equal points.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum PointKey {
    Whole(Toward),
    Mix { base: usize, toward: Toward, layers: Vec<usize>, weight_bits: u64, twin: Option<u32> },
}

impl BarrierStudy {
    /// Plans the barriers between the models of a cohort, in client order.
    ///
    /// # Errors
    /// When the models cannot be averaged (see [`AverageError`]).
    pub fn new(
        spec: &BarrierSpec,
        weighting: Weighting,
        round: u32,
        seed: Seed,
        ends: &[EndModel],
    ) -> Result<Self, AverageError> {
        let updates: Vec<Update> = ends.iter().map(|end| end.update.clone()).collect();
        let mean = mean_model(weighting, &updates)?;
        let raw = update_weights(weighting, &updates);
        let total: f64 = raw.iter().sum();
        let shares: Vec<f64> = raw.iter().map(|weight| weight / total).collect();
        let directions = directions(spec.between, &updates, &mean, &shares);
        let mut study = Self {
            spec: spec.clone(),
            round,
            targets: target_sets(&spec.sets, mean.layout(), seed),
            geometry: Geometry::new(&directions, ends, &shares),
            directions,
            points: Points::default(),
            clients: updates.iter().map(|update| update.client).collect(),
        };
        study.points = study.plan_points(seed, &updates);
        Ok(study)
    }

    /// Lists the end models, then the points of every direction and layer set.
    fn plan_points(&self, seed: Seed, updates: &[Update]) -> Points {
        let mut points = Points::default();
        for (index, update) in updates.iter().enumerate() {
            let whole = PointKey::Whole(Toward::End(index));
            points.add(whole, || Point::Model(update.params.clone()));
        }
        let twin_seed = seed.child("twin").index(self.round.into());
        for (index, direction) in self.directions.iter().enumerate() {
            let base = &updates[direction.base].params;
            let seed = twin_seed.index(index as u64);
            for TargetSet { set, .. } in &self.targets {
                self.add_mixes(&mut points, direction, base, set);
                self.add_twins(&mut points, direction, base, set, seed.child(&set.to_string()));
            }
        }
        points
    }

    /// Adds the mixes of a direction and a set: one per α, and the full swap if a chord needs it.
    fn add_mixes(
        &self,
        points: &mut Points,
        direction: &Direction,
        base: &Arc<Params>,
        set: &LayerSet,
    ) {
        let chord = self.spec.baselines.contains(&Baseline::Chord).then_some(1.0);
        for alpha in self.spec.alpha.iter().copied().chain(chord) {
            let mix = || Point::Mix(direction.mix(base, set, alpha));
            points.add(key(direction, set, alpha, None), mix);
        }
    }

    /// Adds the equal-norm twins of a direction and a set: one per α and draw.
    fn add_twins(
        &self,
        points: &mut Points,
        direction: &Direction,
        base: &Arc<Params>,
        set: &LayerSet,
        seed: Seed,
    ) {
        for &alpha in &self.spec.alpha {
            for draw in 0..self.spec.twins {
                let seed = seed.index(alpha.to_bits()).index(draw.into());
                let twin = || Point::Twin { mix: direction.mix(base, set, alpha), seed };
                points.add(key(direction, set, alpha, Some(draw)), twin);
            }
        }
    }

    /// Lists the probes: split by split, each point once.
    pub fn probes(&self) -> Vec<Probe> {
        let probe = |split: Split| {
            self.points.list.iter().map(move |point| Probe { point: point.clone(), split })
        };
        self.splits().flat_map(|(_, split)| probe(split)).collect()
    }

    pub(super) fn splits(&self) -> impl Iterator<Item = (SplitSpec, Split)> + '_ {
        let mut splits = self.spec.splits.clone();
        splits.sort_unstable();
        splits.dedup();
        splits.into_iter().map(|name| (name, Split::from(name)))
    }

    /// Returns the number of points per split.
    pub(super) fn point_count(&self) -> usize {
        self.points.list.len()
    }

    /// Returns the indices of the end models in the evaluations of a split.
    pub(super) fn end_indices(&self) -> std::ops::Range<usize> {
        0..self.clients.len()
    }

    /// Returns the index of a mix in the evaluations of a split.
    pub(super) fn mix_index(&self, direction: &Direction, set: &LayerSet, alpha: f64) -> usize {
        self.points.index[&key(direction, set, alpha, None)]
    }

    /// Returns the index of a twin in the evaluations of a split.
    pub(super) fn twin_index(
        &self,
        direction: &Direction,
        set: &LayerSet,
        alpha: f64,
        draw: u32,
    ) -> usize {
        self.points.index[&key(direction, set, alpha, Some(draw))]
    }
}

fn key(direction: &Direction, set: &LayerSet, alpha: f64, twin: Option<u32>) -> PointKey {
    let weight = alpha * direction.reach;
    let toward = direction.toward_key;
    // A mix that takes every value from the other model is that model, whatever the base was. If
    // running statistics stay with the base, the full swap differs from base to base.
    if set.holds_every_value() && weight == 1.0 && twin.is_none() {
        return PointKey::Whole(toward);
    }
    PointKey::Mix {
        base: direction.base,
        toward,
        layers: set.indices().collect(),
        weight_bits: weight.to_bits(),
        twin,
    }
}
