//! [`Point`]: a model that is evaluated: an end model, a mix of two, or a mix's random twin. Made only where it is evaluated.
//! [`PointLayer`]: what one of its layers is made of, so that what several points share is known without making them.

use std::{borrow::Cow, cmp::Ordering, ops::Range, sync::Arc};

use rand_distr::{Distribution, StandardNormal};

use crate::{LayerSet, Params, Seed, TensorSpec};

/// A model in parameter space, described by what it is made of, so that it costs nothing until it is evaluated.
#[derive(Debug, Clone)]
pub enum Point {
    /// A model as it is.
    Model(Arc<Params>),
    /// A mix of one model into another.
    Mix(Mix),
    /// A mix's equal-norm twin: a random direction instead of the one towards the other model.
    Twin {
        /// The mix whose norm it has.
        mix: Mix,
        /// Where the direction comes from.
        seed: Seed,
    },
}

/// The mix of `other` into `base` on `set`: the layers of the set are (1 − w)·base + w·other, all others stay the base's, bit for bit.
///
/// With w = α and two models it is the definition of the paper (Adilova et al., ICLR 2024). w may exceed 1: past the other model.
#[derive(Debug, Clone)]
pub struct Mix {
    /// The model that is mixed into.
    pub base: Arc<Params>,
    /// The model that is mixed in.
    pub other: Arc<Params>,
    /// The layers that are mixed.
    pub set: LayerSet,
    /// w: 0 is the base, 1 the other model.
    pub weight: f64,
}

impl Point {
    /// The parameters of the point.
    pub fn params(&self) -> Arc<Params> {
        match self {
            Self::Model(params) => params.clone(),
            Self::Mix(mix) => Arc::new(mix.params()),
            Self::Twin { mix, seed } => Arc::new(mix.twin(*seed)),
        }
    }

    /// What the layer with this index, counted from the input, is made of.
    pub fn layer(&self, layer: usize) -> PointLayer {
        let source = match self {
            Self::Model(params) => Source::Model(params.clone()),
            Self::Mix(mix) => mix.source(layer),
            Self::Twin { mix, .. } if !mix.set.contains(layer) => Source::Model(mix.base.clone()),
            Self::Twin { mix, seed } => Source::Twin { mix: mix.clone(), seed: *seed },
        };
        PointLayer { layer, source }
    }
}

/// What one layer of a point is made of. Equal parts hold the same values, bit for bit; it is a key, which costs nothing until its values are asked for.
///
/// Models are told apart by where they lie in memory, not by their values: a part keeps its models alive, so that none can take another's place.
#[derive(Debug, Clone)]
pub struct PointLayer {
    layer: usize,
    source: Source,
}

/// Where the values of a layer come from.
#[derive(Debug, Clone)]
enum Source {
    Model(Arc<Params>),
    Mix(Mix),
    Twin { mix: Mix, seed: Seed },
}

/// See [`PointLayer::key`].
type Key = (usize, [usize; 2], u64, Option<(Vec<usize>, Seed)>);

impl PointLayer {
    /// The values of the layer, in the layout's order. Those of a twin are drawn with all others of its set: who wants several
    /// takes them from [`Point::params`].
    pub fn values(&self) -> Cow<'_, [f32]> {
        match &self.source {
            Source::Model(params) => Cow::Borrowed(params.range(&self.range(params))),
            Source::Mix(mix) => Cow::Owned(mix.layer(&self.range(&mix.base))),
            Source::Twin { mix, seed } => {
                let twin = mix.twin(*seed);
                Cow::Owned(twin.range(&self.range(&twin)).to_vec())
            }
        }
    }

    /// Whether it is a layer of a random twin that is moved.
    pub fn is_drawn(&self) -> bool {
        matches!(self.source, Source::Twin { .. })
    }

    fn range(&self, params: &Params) -> Range<usize> {
        params.layout().layers()[self.layer].range.clone()
    }

    /// What tells parts apart: the layer, the models by their addresses, the weight's bits; of a twin also the set and the seed.
    fn key(&self) -> Key {
        let address = |params: &Arc<Params>| Arc::as_ptr(params).addr();
        let mixed = |mix: &Mix| [address(&mix.base), address(&mix.other)];
        match &self.source {
            Source::Model(params) => (self.layer, [address(params); 2], 0, None),
            Source::Mix(mix) => (self.layer, mixed(mix), mix.weight.to_bits(), None),
            Source::Twin { mix, seed } => {
                let drawn = (mix.set.indices().collect(), *seed);
                (self.layer, mixed(mix), mix.weight.to_bits(), Some(drawn))
            }
        }
    }
}

impl PartialEq for PointLayer {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for PointLayer {}

impl PartialOrd for PointLayer {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Any order, for ordered maps; it is another one in another run.
impl Ord for PointLayer {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl Mix {
    /// The mixed parameters. Computed in f64 and rounded once: w = 0 is the base and w = 1 the other model, bit for bit.
    ///
    /// A counter of batches is not mixed: in between it is the larger of the two, whichever model is the base.
    pub fn params(&self) -> Params {
        let mut mixed = (*self.base).clone();
        for range in self.set.ranges() {
            self.blend(&mut mixed.values_mut()[range.clone()], range);
        }
        for TensorSpec { range, .. } in self.set.counters() {
            self.carry(&mut mixed.values_mut()[range.clone()], range);
        }
        mixed
    }

    /// The mixed values of one range of the parameters, as [`params`](Self::params) has them.
    fn layer(&self, layer: &Range<usize>) -> Vec<f32> {
        let mut mixed = self.base.range(layer).to_vec();
        for range in self.set.ranges() {
            let common = range.start.max(layer.start)..range.end.min(layer.end);
            if !common.is_empty() {
                let targets = common.start - layer.start..common.end - layer.start;
                self.blend(&mut mixed[targets], &common);
            }
        }
        let inside = |range: &Range<usize>| layer.start <= range.start && range.end <= layer.end;
        for TensorSpec { range, .. } in self.set.counters().filter(|tensor| inside(&tensor.range)) {
            self.carry(&mut mixed[range.start - layer.start..range.end - layer.start], range);
        }
        mixed
    }

    /// Mixes the other model's values of `range` into `targets`, which are the base's.
    fn blend(&self, targets: &mut [f32], range: &Range<usize>) {
        for (target, &other) in targets.iter_mut().zip(self.other.range(range)) {
            *target = lerp(*target, other, self.weight);
        }
    }

    /// Sets the counters of batches in `range`, of which `targets` are the mix's.
    fn carry(&self, targets: &mut [f32], range: &Range<usize>) {
        let ends = self.base.range(range).iter().zip(self.other.range(range));
        for (target, (&base, &other)) in targets.iter_mut().zip(ends) {
            *target = carried(base, other, self.weight);
        }
    }

    /// Where a layer comes from: from one of the models where it is all that model's, and from both in one order where both orders give the same bits.
    fn source(&self, layer: usize) -> Source {
        if !self.set.contains(layer) || self.weight == 0.0 {
            return Source::Model(self.base.clone());
        }
        let range = &self.base.layout().layers()[layer].range;
        let holds = |whole: &Range<usize>| whole.start <= range.start && range.end <= whole.end;
        // Running statistics may stay with the base: then the layer is neither model's, and not the same from both sides.
        if !self.set.ranges().iter().any(holds) {
            return Source::Mix(self.clone());
        }
        if self.weight == 1.0 {
            return Source::Model(self.other.clone());
        }
        let rest = 1.0 - self.weight;
        if Arc::as_ptr(&self.base) > Arc::as_ptr(&self.other) && 1.0 - rest == self.weight {
            let (base, other) = (self.other.clone(), self.base.clone());
            return Source::Mix(Self { base, other, set: self.set.clone(), weight: rest });
        }
        Source::Mix(self.clone())
    }

    /// The base plus a Gaussian direction on the trained values of the set, scaled to the norm of the mix's own step there,
    /// ‖w·(other − base)‖₂. Running statistics stay the base's.
    pub fn twin(&self, seed: Seed) -> Params {
        let mut generator = seed.generator();
        let ranges = self.set.trained();
        let direction: Vec<Vec<f64>> = ranges
            .iter()
            .map(|range| range.clone().map(|_| StandardNormal.sample(&mut generator)).collect())
            .collect();
        let length = direction.iter().flatten().map(|value| value * value).sum::<f64>().sqrt();
        let scale = if length > 0.0 { self.weight.abs() * self.distance() / length } else { 0.0 };
        let mut twin = (*self.base).clone();
        for (range, direction) in ranges.iter().zip(&direction) {
            for (target, step) in twin.values_mut()[range.clone()].iter_mut().zip(direction) {
                *target = (f64::from(*target) + scale * step) as f32;
            }
        }
        twin
    }

    /// ‖other − base‖₂ over the trained values of the set.
    fn distance(&self) -> f64 {
        distance(&self.base, &self.other, self.set.trained())
    }
}

/// (1 − w)·a + w·b, rounded once; at w = 0 and w = 1 bit for bit the end, of which a sum with 0·x would lose a −0.
fn lerp(a: f32, b: f32, w: f64) -> f32 {
    if w == 0.0 {
        a
    } else if w == 1.0 {
        b
    } else {
        ((1.0 - w) * f64::from(a) + w * f64::from(b)) as f32
    }
}

/// The counter of batches of a mix: that of the end it is, and in between the larger one.
fn carried(a: f32, b: f32, w: f64) -> f32 {
    if w == 0.0 {
        a
    } else if w == 1.0 {
        b
    } else {
        a.max(b)
    }
}

/// ‖a − b‖₂ over some ranges of the parameters, summed in f64. How far layers lie apart is the distance over
/// [`LayerSet::trained`].
pub fn distance(a: &Params, b: &Params, ranges: &[Range<usize>]) -> f64 {
    let squares = ranges.iter().flat_map(|range| a.range(range).iter().zip(b.range(range)));
    squares.map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use crate::{Layout, Ownership, Role};

    use super::*;

    /// Three layers, the middle one with a running statistic and a counter.
    fn layout(ownership: Ownership) -> Arc<Layout> {
        let tensors = [
            ("a.weight", vec![3], Role::Trained),
            ("b.weight", vec![2], Role::Trained),
            ("b.running_mean", vec![2], Role::Statistic),
            ("b.num_batches_tracked", vec![], Role::Statistic),
            ("c.weight", vec![4], Role::Trained),
        ];
        Arc::new(Layout::with_roles(tensors).unwrap().with_ownership(ownership))
    }

    fn model(layout: &Arc<Layout>, seed: u64) -> Arc<Params> {
        let mut generator = Seed::new(seed).generator();
        let values = (0..layout.value_count()).map(|_| StandardNormal.sample(&mut generator));
        Arc::new(Params::new(layout.clone(), values.collect()).unwrap())
    }

    /// Every kind of point between three models.
    fn points(layout: &Arc<Layout>) -> Vec<Point> {
        let models: Vec<_> = (0..3).map(|seed| model(layout, seed)).collect();
        let mut points: Vec<Point> = models.iter().cloned().map(Point::Model).collect();
        for (base, other) in [(0, 1), (1, 0), (0, 2)] {
            for set in [vec![], vec![0], vec![1], vec![0, 1], vec![1, 2], vec![0, 1, 2]] {
                for weight in [0.0, 0.25, 0.3, 0.5, 0.75, 1.0, 1.5] {
                    let mix = Mix {
                        base: models[base].clone(),
                        other: models[other].clone(),
                        set: LayerSet::new(layout.clone(), set.iter().copied()),
                        weight,
                    };
                    points.push(Point::Mix(mix.clone()));
                    points.extend([1, 2].map(|seed| {
                        let seed = Seed::new(seed);
                        Point::Twin { mix: mix.clone(), seed }
                    }));
                }
            }
        }
        points
    }

    fn bits(values: &[f32]) -> Vec<u32> {
        values.iter().map(|value| value.to_bits()).collect()
    }

    #[test]
    fn the_parts_of_a_point_are_the_point_and_equal_ones_hold_equal_bits() {
        // Nine of the models; 7 + 5 mixes a layer, as some are the same from both sides; 18 where a statistic stays with the base.
        for (ownership, parts) in [(Ownership::Layer, 45), (Ownership::Model, 51)] {
            let layout = layout(ownership);
            let points = points(&layout);
            let mut known = std::collections::BTreeMap::new();
            for point in &points {
                let params = point.params();
                for (index, layer) in layout.layers().iter().enumerate() {
                    let part = point.layer(index);
                    let values = bits(params.range(&layer.range));
                    assert_eq!(bits(&part.values()), values, "layer {index} of {point:?}");
                    let first = known.entry(part).or_insert_with(|| values.clone());
                    assert_eq!(*first, values, "layer {index} of {point:?}");
                }
            }
            assert_eq!(known.keys().filter(|part| !part.is_drawn()).count(), parts);
        }
    }

    #[test]
    fn a_mix_shares_what_it_leaves_and_what_it_takes_whole() {
        let layout = layout(Ownership::Layer);
        let (a, b) = (model(&layout, 0), model(&layout, 1));
        let mix = |base: &Arc<Params>, other: &Arc<Params>, weight| {
            let set = LayerSet::new(layout.clone(), [0]);
            Point::Mix(Mix { base: base.clone(), other: other.clone(), set, weight })
        };
        let (of_a, of_b) = (Point::Model(a.clone()), Point::Model(b.clone()));
        assert_eq!(mix(&a, &b, 0.5).layer(1), of_a.layer(1));
        assert_eq!(mix(&a, &b, 1.0).layer(0), of_b.layer(0));
        assert_eq!(mix(&a, &b, 0.0).layer(0), of_a.layer(0));
        assert_eq!(mix(&a, &b, 0.25).layer(0), mix(&b, &a, 0.75).layer(0));
        assert_ne!(mix(&a, &b, 0.25).layer(0), mix(&b, &a, 0.25).layer(0));
        assert_ne!(of_a.layer(0), of_a.layer(1));
        assert_ne!(of_a.layer(0), of_b.layer(0));
    }
}
