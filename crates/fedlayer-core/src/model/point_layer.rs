//! [`PointLayer`]: what one layer of a point is made of, so that what several points share is known without making them.

use std::{borrow::Cow, cmp::Ordering, ops::Range, sync::Arc};

use crate::{
    model::{Mix, Params},
    seed::Seed,
};

/// What one layer of a point is made of. Equal parts hold the same values, bit for bit; it is a key, which costs nothing until its values are asked for.
///
/// Models are told apart by where they lie in memory, not by their values: a part keeps its models alive, so that none can take another's place.
#[derive(Debug, Clone)]
pub struct PointLayer {
    layer: usize,
    source: LayerSource,
}

/// Where the values of a layer come from.
#[derive(Debug, Clone)]
enum LayerSource {
    Model(Arc<Params>),
    Mix(Mix),
    Twin { mix: Mix, seed: Seed },
}

/// See [`PointLayer::key`].
type LayerKey = (usize, [usize; 2], u64, Option<(Vec<usize>, Seed)>);

impl PointLayer {
    /// A layer of a model.
    pub(super) fn of_model(params: &Arc<Params>, layer: usize) -> Self {
        Self { layer, source: LayerSource::Model(params.clone()) }
    }

    /// A layer of a mix.
    pub(super) fn of_mix(mix: &Mix, layer: usize) -> Self {
        Self { layer, source: LayerSource::of_mix(mix, layer) }
    }

    /// A layer of a mix's twin.
    pub(super) fn of_twin(mix: &Mix, seed: Seed, layer: usize) -> Self {
        if !mix.set.contains(layer) {
            return Self::of_model(&mix.base, layer);
        }
        Self { layer, source: LayerSource::Twin { mix: mix.clone(), seed } }
    }

    /// The values of the layer, in the layout's order. Those of a twin are drawn with all others of its set: who wants several
    /// takes them from [`Point::params`].
    pub fn values(&self) -> Cow<'_, [f32]> {
        match &self.source {
            LayerSource::Model(params) => Cow::Borrowed(params.range(&self.range(params))),
            LayerSource::Mix(mix) => Cow::Owned(mix.layer(&self.range(&mix.base))),
            LayerSource::Twin { mix, seed } => {
                let twin = mix.twin(*seed);
                Cow::Owned(twin.range(&self.range(&twin)).to_vec())
            }
        }
    }

    /// Whether it is a layer of a random twin that is moved.
    pub fn is_drawn(&self) -> bool {
        matches!(self.source, LayerSource::Twin { .. })
    }

    fn range(&self, params: &Params) -> Range<usize> {
        params.layout().layers()[self.layer].range.clone()
    }

    /// What tells parts apart: the layer, the models by their addresses, the weight's bits; of a twin also the set and the seed.
    fn key(&self) -> LayerKey {
        let address = |params: &Arc<Params>| Arc::as_ptr(params).addr();
        let mixed = |mix: &Mix| [address(&mix.base), address(&mix.other)];
        match &self.source {
            LayerSource::Model(params) => (self.layer, [address(params); 2], 0, None),
            LayerSource::Mix(mix) => (self.layer, mixed(mix), mix.weight.to_bits(), None),
            LayerSource::Twin { mix, seed } => {
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

impl LayerSource {
    /// Where a layer comes from: from one of the models where it is all that model's, and from both in one order where both orders give the same bits.
    fn of_mix(mix: &Mix, layer: usize) -> Self {
        if !mix.set.contains(layer) || mix.weight == 0.0 {
            return Self::Model(mix.base.clone());
        }
        let range = &mix.base.layout().layers()[layer].range;
        let holds = |whole: &Range<usize>| whole.start <= range.start && range.end <= whole.end;
        // Running statistics may stay with the base: then the layer is neither model's, and not the same from both sides.
        if !mix.set.ranges().iter().any(holds) {
            return Self::Mix(mix.clone());
        }
        if mix.weight == 1.0 {
            return Self::Model(mix.other.clone());
        }
        let rest = 1.0 - mix.weight;
        if Arc::as_ptr(&mix.base) > Arc::as_ptr(&mix.other) && 1.0 - rest == mix.weight {
            let (base, other) = (mix.other.clone(), mix.base.clone());
            return Self::Mix(Mix { base, other, set: mix.set.clone(), weight: rest });
        }
        Self::Mix(mix.clone())
    }
}
