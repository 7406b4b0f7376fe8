//! [`PointLayer`]: one layer of a point, described by its sources. Points that share layers can be
//! found without computing them.

use std::{borrow::Cow, cmp::Ordering, ops::Range, sync::Arc};

use crate::{
    model::{Mix, Params},
    seed::Seed,
};

/// One layer of a point, described by its sources: a key for maps. Equal keys have equal values,
/// bit for bit. The values are computed only on demand.
///
/// Models are compared by address, not by value. The key keeps its models alive, so no other model
/// can get their addresses.
#[derive(Debug, Clone)]
pub struct PointLayer {
    layer: usize,
    source: LayerSource,
}

/// The sources of a layer.
#[derive(Debug, Clone)]
enum LayerSource {
    Model(Arc<Params>),
    Mix(Mix),
    Twin { mix: Mix, seed: Seed },
}

/// See [`PointLayer::key`].
type LayerKey = (usize, [usize; 2], u64, Option<(Vec<usize>, Seed)>);

impl PointLayer {
    /// Describes a layer of a model.
    pub(super) fn of_model(params: &Arc<Params>, layer: usize) -> Self {
        Self { layer, source: LayerSource::Model(params.clone()) }
    }

    /// Describes a layer of a mix.
    pub(super) fn of_mix(mix: &Mix, layer: usize) -> Self {
        Self { layer, source: LayerSource::of_mix(mix, layer) }
    }

    /// Describes a layer of a mix's twin.
    pub(super) fn of_twin(mix: &Mix, seed: Seed, layer: usize) -> Self {
        if !mix.set.contains(layer) {
            return Self::of_model(&mix.base, layer);
        }
        Self { layer, source: LayerSource::Twin { mix: mix.clone(), seed } }
    }

    /// Computes the values of the layer, in the layout's order. A twin draws all layers of its set
    /// for it; use [`Point::params`](crate::model::Point::params) for several layers.
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

    /// Returns whether it is a layer that a random twin moves.
    pub fn is_drawn(&self) -> bool {
        matches!(self.source, LayerSource::Twin { .. })
    }

    fn range(&self, params: &Params) -> Range<usize> {
        params.layout().layers()[self.layer].range.clone()
    }

    /// Returns the key: the layer, the addresses of the models, the bits of the weight; for a twin
    /// also the set and the seed.
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

/// An arbitrary order for ordered maps; it changes from run to run, because it compares addresses.
impl Ord for PointLayer {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl LayerSource {
    /// Finds the sources of a layer: one model if all its values are that model's, and otherwise
    /// both. The two models are ordered by address if both orders give the same bits.
    fn of_mix(mix: &Mix, layer: usize) -> Self {
        if !mix.set.contains(layer) || mix.weight == 0.0 {
            return Self::Model(mix.base.clone());
        }
        let range = &mix.base.layout().layers()[layer].range;
        let holds = |whole: &Range<usize>| whole.start <= range.start && range.end <= whole.end;
        // The running statistics stay with the base, so the layer is neither model's, and the two
        // orders differ.
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
