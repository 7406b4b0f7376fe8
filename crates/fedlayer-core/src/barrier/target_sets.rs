//! [`target_sets`]: the layer sets with a measured barrier, sweep by sweep.

use std::sync::Arc;

use rand::seq::SliceRandom;

use crate::{
    model::{LayerSet, Layout, named_layers},
    record::BarrierKind,
    seed::Seed,
    spec::SetSpec,
};

/// A layer set with a measured barrier, and its sweep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetSet {
    /// The sweep.
    pub kind: BarrierKind,
    /// The layers.
    pub set: LayerSet,
}

/// Returns the layer sets that a scenario asks for, in its order. `seed` is the run's seed: the
/// random order is drawn once per run.
///
/// A named set that matches no layer is left out; a validated plan has none.
pub fn target_sets(specs: &[SetSpec], layout: &Arc<Layout>, seed: Seed) -> Vec<TargetSet> {
    let count = layout.layers().len();
    let set = |members: &[usize]| LayerSet::new(layout.clone(), members.iter().copied());
    let sets = |spec: &SetSpec| -> (BarrierKind, Vec<LayerSet>) {
        // A cumulative sweep adds one layer at each step.
        let cumulative = |order: &[usize]| (1..=order.len()).map(|k| set(&order[..k])).collect();
        match spec {
            SetSpec::Full => (BarrierKind::Full, vec![LayerSet::all(layout)]),
            SetSpec::Layers => {
                (BarrierKind::Layer, (0..count).map(|layer| set(&[layer])).collect())
            }
            SetSpec::Shallow => (BarrierKind::Shallow, cumulative(&(0..count).collect::<Vec<_>>())),
            SetSpec::Deep => (BarrierKind::Deep, cumulative(&(0..count).rev().collect::<Vec<_>>())),
            SetSpec::Random => {
                let mut order: Vec<usize> = (0..count).collect();
                order.shuffle(&mut seed.child("random order").generator());
                (BarrierKind::Random, cumulative(&order))
            }
            SetSpec::Alternating => (BarrierKind::Alternating, cumulative(&alternating(count))),
            SetSpec::Window(width) => {
                let layers: Vec<usize> = (0..count).collect();
                let windows = layers.windows((*width as usize).clamp(1, count));
                (BarrierKind::Window, windows.map(set).collect())
            }
            SetSpec::Named(patterns) => {
                (BarrierKind::Named, named_layers(layout, patterns).into_iter().collect())
            }
        }
    };
    specs
        .iter()
        .map(sets)
        .flat_map(|(kind, sets)| sets.into_iter().map(move |set| TargetSet { kind, set }))
        .collect()
}

/// Returns the order of the alternating sweep: the first five layers, the last five from the
/// output, then the middle layers from the input.
fn alternating(count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count.min(5)).collect();
    let last = (count.saturating_sub(5)..count).rev();
    for layer in last.chain(0..count) {
        if !order.contains(&layer) {
            order.push(layer);
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(spec: SetSpec, layers: usize) -> Vec<String> {
        let tensors = (0..layers).map(|layer| (format!("l{layer}"), vec![1]));
        let layout = Arc::new(Layout::new(tensors).unwrap());
        let targets = target_sets(&[spec], &layout, Seed::new(1));
        targets.iter().map(|target| target.set.to_string()).collect()
    }

    #[test]
    fn sweeps_begin_with_one_layer_and_end_with_all() {
        assert_eq!(labels(SetSpec::Full, 3), ["all"]);
        assert_eq!(labels(SetSpec::Layers, 3), ["l0", "l1", "l2"]);
        assert_eq!(labels(SetSpec::Shallow, 3), ["l0", "l0+l1", "all"]);
        assert_eq!(labels(SetSpec::Deep, 3), ["l2", "l1+l2", "all"]);
        assert_eq!(labels(SetSpec::Window(2), 3), ["l0+l1", "l1+l2"]);
        let random = labels(SetSpec::Random, 6);
        assert_eq!(random.len(), 6);
        assert_eq!(random[5], "all");
        assert_eq!(labels(SetSpec::Named(vec!["l[02]".into()]), 3), ["l0+l2"]);
    }

    #[test]
    fn alternating_takes_both_ends_before_the_middle() {
        assert_eq!(alternating(13), [0, 1, 2, 3, 4, 12, 11, 10, 9, 8, 5, 6, 7]);
        assert_eq!(alternating(7), [0, 1, 2, 3, 4, 6, 5]);
        assert_eq!(alternating(3), [0, 1, 2]);
    }
}
