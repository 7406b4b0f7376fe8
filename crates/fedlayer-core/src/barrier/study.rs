//! [`BarrierStudy`]: the probes that the barriers of a round need, each once.

use std::sync::Arc;

use crate::{
    barrier::{
        EndModel, TargetSet,
        direction::{Direction, Toward, directions},
        geometry::Geometry,
        points::{PlannedPoints, PointKey, Points},
        target_sets,
    },
    data::{ClientId, Split},
    model::{LayerSet, Params, Point},
    round::{AverageError, mean_model, update_weights},
    seed::Seed,
    spec::{BarrierSpec, SplitSpec, Weighting},
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
            let base = &updates[direction.ends.base].params;
            let seed = twin_seed.index(index as u64);
            for planned in PlannedPoints::list(&self.spec, &self.targets) {
                add_points(&mut points, direction, base, planned, seed);
            }
        }
        points
    }

    /// Lists the probes: split by split, each point once.
    pub fn probes(&self) -> Vec<Probe> {
        let probe = |split: Split| {
            self.points.list.iter().map(move |point| Probe { point: point.clone(), split })
        };
        self.splits().flat_map(|(_, split)| probe(split)).collect()
    }

    pub(super) fn splits(&self) -> impl Iterator<Item = (SplitSpec, Split)> + '_ {
        self.spec.distinct_splits().into_iter().map(|name| (name, Split::from(name)))
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
        self.points.index[&PointKey::new(direction.ends, set, alpha, None)]
    }

    /// Returns the index of a twin in the evaluations of a split.
    pub(super) fn twin_index(
        &self,
        direction: &Direction,
        set: &LayerSet,
        alpha: f64,
        draw: u32,
    ) -> usize {
        self.points.index[&PointKey::new(direction.ends, set, alpha, Some(draw))]
    }
}

/// Adds the mix of a direction, or its twins; each twin has its own seed.
fn add_points(
    points: &mut Points,
    direction: &Direction,
    base: &Arc<Params>,
    PlannedPoints { set, alpha, twins }: PlannedPoints<'_>,
    seed: Seed,
) {
    let mix = || direction.mix(base, set, alpha);
    let Some(draws) = twins else {
        return points.add(PointKey::new(direction.ends, set, alpha, None), || Point::Mix(mix()));
    };
    let seed = seed.child(&set.to_string()).index(alpha.to_bits());
    for draw in 0..draws {
        let twin = || Point::Twin { mix: mix(), seed: seed.index(draw.into()) };
        points.add(PointKey::new(direction.ends, set, alpha, Some(draw)), twin);
    }
}
