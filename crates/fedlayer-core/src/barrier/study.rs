//! [`BarrierStudy`]: the barriers of one round: first the list of probes that they need, each once, then the rows.

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

/// The barriers of one round, between the models that local training made and before anything is averaged.
///
/// [`BarrierStudy::probes`] says what has to be evaluated; [`BarrierStudy::rows`] makes the records from the evaluations. No point is evaluated twice:
/// the first step of a cumulative sweep *is* that layer's mix, the last step *is* the full mix, which all bases share where no value
/// stays with the base.
#[derive(Debug)]
pub struct BarrierStudy {
    pub(super) spec: BarrierSpec,
    pub(super) round: u32,
    pub(super) targets: Vec<TargetSet>,
    pub(super) directions: Vec<Direction>,
    pub(super) geometry: Geometry,
    /// The clients whose models the end models are.
    pub(super) clients: Vec<ClientId>,
    points: Points,
}

/// Everything that has to be evaluated in a split, each point once.
#[derive(Debug, Default)]
struct Points {
    list: Vec<Point>,
    /// Where each stands in the list.
    index: BTreeMap<PointKey, usize>,
}

impl Points {
    /// Makes a point, unless there is one with this key.
    fn add(&mut self, key: PointKey, point: impl FnOnce() -> Point) {
        let next = self.list.len();
        if *self.index.entry(key).or_insert(next) == next {
            self.list.push(point());
        }
    }
}

/// What a point is made of. Equal keys are equal points.
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

    /// The end models first, then what every direction and layer set needs.
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

    /// Everything that has to be evaluated: split by split, each point once.
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

    /// The number of points that are evaluated in every split.
    pub(super) fn point_count(&self) -> usize {
        self.points.list.len()
    }

    /// Where the evaluations of the unmixed models stand in a split's evaluations.
    pub(super) fn end_indices(&self) -> std::ops::Range<usize> {
        0..self.clients.len()
    }

    /// Where the evaluation of a mix stands in a split's evaluations.
    pub(super) fn mix_index(&self, direction: &Direction, set: &LayerSet, alpha: f64) -> usize {
        self.points.index[&key(direction, set, alpha, None)]
    }

    /// Where the evaluation of a twin stands in a split's evaluations.
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
    // Every value taken from the other model is that model itself, whatever the base was. Where running statistics stay with the
    // base, all layers mixed to the end are another point for every base.
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
