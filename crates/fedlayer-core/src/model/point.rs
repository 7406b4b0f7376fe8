//! [`Point`]: a model to evaluate: an end model, a mix of two models, or the random twin of a mix.

use std::sync::Arc;

use crate::{
    model::{Mix, Params, PointLayer},
    seed::Seed,
};

/// A model in parameter space. It is a description: the parameters are computed only when the point
/// is evaluated.
#[derive(Debug, Clone)]
pub enum Point {
    /// A model itself.
    Model(Arc<Params>),
    /// A mix of one model into another.
    Mix(Mix),
    /// The equal-norm twin of a mix: a random direction instead of the direction to the other
    /// model.
    Twin {
        /// The mix that has the same norm.
        mix: Mix,
        /// The seed of the direction.
        seed: Seed,
    },
}

impl Point {
    /// Computes the parameters of the point.
    pub fn params(&self) -> Arc<Params> {
        match self {
            Self::Model(params) => params.clone(),
            Self::Mix(mix) => Arc::new(mix.params()),
            Self::Twin { mix, seed } => Arc::new(mix.twin(*seed)),
        }
    }

    /// Describes the layer with this index, counted from the input.
    pub fn layer(&self, layer: usize) -> PointLayer {
        match self {
            Self::Model(params) => PointLayer::of_model(params, layer),
            Self::Mix(mix) => PointLayer::of_mix(mix, layer),
            Self::Twin { mix, seed } => PointLayer::of_twin(mix, *seed, layer),
        }
    }
}

#[cfg(test)]
mod tests {
    use rand_distr::{Distribution, StandardNormal};

    use super::*;
    use crate::model::{LayerSet, Layout, Ownership, Role};

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
                let (base, other) = (&models[base], &models[other]);
                let set = LayerSet::new(layout.clone(), set);
                for weight in [0.0, 0.25, 0.3, 0.5, 0.75, 1.0, 1.5] {
                    let (base, other, set) = (base.clone(), other.clone(), set.clone());
                    let mix = Mix { base, other, set, weight };
                    let twin = |seed| Point::Twin { mix: mix.clone(), seed: Seed::new(seed) };
                    points.extend([Point::Mix(mix.clone()), twin(1), twin(2)]);
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
        // Per layout: 9 of the models; 7 + 5 mixes a layer, because some mixes are the same from
        // both sides; 18 if a statistic stays with the base.
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
    fn a_mix_shares_unmixed_and_fully_mixed_layers_with_its_models() {
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
