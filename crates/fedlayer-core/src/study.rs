//! [`BarrierStudy`]: the barriers of one round: first the list of probes that they need, each once, then the rows.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    AverageError, BarrierRow, ClientId, Evaluation, LayerSet, Mix, Params, Point, Probe, Seed,
    Split, Update,
    geometry::Geometry,
    mean_model,
    rows::Rows,
    spec::{BarrierSpec, Baseline, Between, SplitSpec, Weighting},
    sweep::{TargetSet, target_sets},
    weights,
};

/// The barriers of one round, between the models that local training made and before anything is averaged.
///
/// [`BarrierStudy::probes`] says what has to be evaluated; [`BarrierStudy::rows`] makes the records from the evaluations. No point is evaluated twice:
/// the first step of a cumulative sweep *is* that layer's mix, the last step *is* the full mix, which all bases share where no value
/// stays with the base.
#[derive(Debug)]
pub struct BarrierStudy {
    pub(crate) spec: BarrierSpec,
    pub(crate) round: u32,
    pub(crate) targets: Vec<TargetSet>,
    pub(crate) directions: Vec<Direction>,
    pub(crate) geometry: Geometry,
    /// The clients whose models the end models are.
    pub(crate) clients: Vec<ClientId>,
    points: Points,
}

/// A model of the cohort, before and after its local training.
#[derive(Debug, Clone)]
pub struct EndModel {
    /// The model that the client started the round from.
    pub start: Arc<Params>,
    /// What it returned.
    pub update: Update,
}

/// One way to go: from a base towards the other model or models.
#[derive(Debug)]
pub(crate) struct Direction {
    /// The name of the base in records.
    pub(crate) label: String,
    /// The index of the base among the end models.
    pub(crate) base: usize,
    /// What is mixed in: the other model of a pair, or the cohort's mean.
    pub(crate) toward: Arc<Params>,
    /// Names what is mixed in, so that equal points are found.
    toward_key: Toward,
    /// The mixing weight of `toward` at α = 1. Towards another model it is 1. Towards the cohort's mean it is 2, so that α = ½ is the
    /// average for any number of models, and for two equal ones every α is (1−α)θ₁ + αθ₂.
    pub(crate) reach: f64,
    /// Per end model, how much it counts in the baseline.
    pub(crate) weights: Vec<f64>,
    /// How much the direction counts in the mean over all of them; the shares add up to 1.
    pub(crate) share: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Toward {
    End(usize),
    Mean,
}

/// Everything that has to be evaluated in a split, each point once.
#[derive(Debug, Default)]
struct Points {
    list: Vec<Point>,
    /// Where each stands in the list.
    index: BTreeMap<Key, usize>,
}

impl Points {
    /// Makes a point, unless there is one with this key.
    fn add(&mut self, key: Key, point: impl FnOnce() -> Point) {
        let next = self.list.len();
        if *self.index.entry(key).or_insert(next) == next {
            self.list.push(point());
        }
    }
}

/// What a point is made of. Equal keys are equal points.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
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
        let raw = weights(weighting, &updates);
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
            let whole = Key::Whole(Toward::End(index));
            points.add(whole, || Point::Model(update.params.clone()));
        }
        let chord = self.spec.baselines.contains(&Baseline::Chord).then_some(1.0);
        let alphas: Vec<f64> = self.spec.alpha.iter().copied().chain(chord).collect();
        let twin_seed = seed.child("twin").index(self.round.into());
        for (d, direction) in self.directions.iter().enumerate() {
            let base = &updates[direction.base].params;
            for TargetSet { set, .. } in &self.targets {
                let mix = |alpha: f64| Mix {
                    base: base.clone(),
                    other: direction.toward.clone(),
                    set: set.clone(),
                    weight: alpha * direction.reach,
                };
                for &alpha in &alphas {
                    points.add(key(direction, set, alpha, None), || Point::Mix(mix(alpha)));
                }
                let set_seed = twin_seed.index(d as u64).child(&set.to_string());
                for &alpha in &self.spec.alpha {
                    for draw in 0..self.spec.twins {
                        let seed = set_seed.index(alpha.to_bits()).index(draw.into());
                        let twin = || Point::Twin { mix: mix(alpha), seed };
                        points.add(key(direction, set, alpha, Some(draw)), twin);
                    }
                }
            }
        }
        points
    }

    /// Everything that has to be evaluated: split by split, each point once.
    pub fn probes(&self) -> Vec<Probe> {
        let probe = |split: Split| {
            self.points.list.iter().map(move |point| Probe { point: point.clone(), split })
        };
        self.splits().flat_map(|(_, split)| probe(split)).collect()
    }

    /// The records, from one evaluation per probe, in the order of [`probes`](Self::probes).
    pub fn rows(&self, evaluations: &[Evaluation]) -> Vec<BarrierRow> {
        let mut rows = self.geometry.rows(self);
        let splits = self.splits().zip(evaluations.chunks(self.points.list.len()));
        for ((name, _), evaluations) in splits {
            rows.extend(Rows::new(self, name, evaluations).all());
        }
        rows
    }

    fn splits(&self) -> impl Iterator<Item = (SplitSpec, Split)> + '_ {
        let mut splits = self.spec.splits.clone();
        splits.sort_unstable();
        splits.dedup();
        splits.into_iter().map(|name| match name {
            SplitSpec::Train => (name, Split::Train),
            SplitSpec::Test => (name, Split::Test),
        })
    }

    /// Where the evaluations of the unmixed models stand in a split's evaluations.
    pub(crate) fn end_indices(&self) -> std::ops::Range<usize> {
        0..self.clients.len()
    }

    /// Where the evaluation of a mix stands in a split's evaluations.
    pub(crate) fn mix_index(&self, direction: &Direction, set: &LayerSet, alpha: f64) -> usize {
        self.points.index[&key(direction, set, alpha, None)]
    }

    /// Where the evaluation of a twin stands in a split's evaluations.
    pub(crate) fn twin_index(
        &self,
        direction: &Direction,
        set: &LayerSet,
        alpha: f64,
        draw: u32,
    ) -> usize {
        self.points.index[&key(direction, set, alpha, Some(draw))]
    }
}

fn key(direction: &Direction, set: &LayerSet, alpha: f64, twin: Option<u32>) -> Key {
    let weight = alpha * direction.reach;
    let toward = direction.toward_key;
    // Every value taken from the other model is that model itself, whatever the base was. Where running statistics stay with the
    // base, all layers mixed to the end are another point for every base.
    if set.holds_every_value() && weight == 1.0 && twin.is_none() {
        return Key::Whole(toward);
    }
    Key::Mix {
        base: direction.base,
        toward,
        layers: set.indices().collect(),
        weight_bits: weight.to_bits(),
        twin,
    }
}

fn directions(
    between: Between,
    updates: &[Update],
    mean: &Arc<Params>,
    shares: &[f64],
) -> Vec<Direction> {
    let bases = updates.iter().enumerate();
    match between {
        Between::Cohort => bases
            .map(|(base, update)| Direction {
                label: update.client.to_string(),
                base,
                toward: mean.clone(),
                toward_key: Toward::Mean,
                reach: 2.0,
                weights: shares.to_vec(),
                share: shares[base],
            })
            .collect(),
        Between::Pairs => bases
            .flat_map(|(base, into)| {
                let others = updates.iter().enumerate().filter(move |(other, _)| *other != base);
                others.map(move |(other, from)| Direction {
                    label: format!("{}<-{}", into.client, from.client),
                    base,
                    toward: from.params.clone(),
                    toward_key: Toward::End(other),
                    reach: 1.0,
                    weights: (0..updates.len())
                        .map(|model| if model == base || model == other { 0.5 } else { 0.0 })
                        .collect(),
                    share: 1.0 / (updates.len() * (updates.len() - 1)) as f64,
                })
            })
            .collect(),
    }
}
