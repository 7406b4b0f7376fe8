//! [`PrefixNode`]s: the points of a call in the order in which common prefixes are computed once.
//! No tensor is touched here.
//!
//! The points are the leaves of a tree: its nodes are the different prefixes of layers. Sorted by
//! the ids of their layers, the points are in depth-first order. A point continues from the deepest
//! node that it shares with the point before it, so that only the nodes on the path to it are kept.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use fedlayer_core::model::{Point, PointLayer};

/// An id per different layer, in the order of first use. This order is the same in every run,
/// unlike the order of the layers themselves.
#[derive(Debug, Default)]
pub(super) struct LayerIds(BTreeMap<PointLayer, usize>);

/// A point, the ids of its layers from the input on, and the indices of the probes that ask for it.
#[derive(Debug)]
pub(super) struct PrefixNode<'a> {
    pub(super) point: &'a Point,
    pub(super) layer_ids: Vec<usize>,
    pub(super) probes: Vec<usize>,
}

/// The depths at which a pass begins and at which its activations are kept for later passes. A
/// depth is a number of layers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Checkpoints {
    /// The number of layers in common with the node before. Its activations were kept there.
    pub(super) shared: usize,
    /// The depths, ascending, at which this node's activations are kept.
    pub(super) kept: Vec<usize>,
}

impl LayerIds {
    /// Returns the different points among `points`, of `layers` layers, in depth-first order.
    pub(super) fn nodes<'a>(
        &mut self,
        points: impl Iterator<Item = (usize, &'a Point)>,
        layers: usize,
    ) -> Vec<PrefixNode<'a>> {
        let mut nodes: BTreeMap<Vec<usize>, (&Point, Vec<usize>)> = BTreeMap::new();
        for (probe, point) in points {
            let ids = (0..layers).map(|layer| self.id(point.layer(layer))).collect();
            nodes.entry(ids).or_insert_with(|| (point, Vec::new())).1.push(probe);
        }
        let node = |(layer_ids, (point, probes))| PrefixNode { point, layer_ids, probes };
        nodes.into_iter().map(node).collect()
    }

    fn id(&mut self, layer: PointLayer) -> usize {
        let next = self.0.len();
        *self.0.entry(layer).or_insert(next)
    }
}

/// Returns the checkpoints of nodes that are computed in this order.
pub(super) fn checkpoints(nodes: &[PrefixNode<'_>]) -> Vec<Checkpoints> {
    let common = |pair: &[PrefixNode<'_>]| {
        let pairs = pair[0].layer_ids.iter().zip(&pair[1].layer_ids);
        pairs.take_while(|(before, own)| before == own).count()
    };
    let shared: Vec<usize> = std::iter::once(0).chain(nodes.windows(2).map(common)).collect();
    // Backwards: the depths, ascending, from which later nodes continue. A node between them that
    // continues from a shallower depth makes deeper ones useless.
    let mut wanted: Vec<usize> = Vec::new();
    let mut checkpoints = Vec::with_capacity(nodes.len());
    for (index, &shared) in shared.iter().enumerate().take(nodes.len()).rev() {
        // Depths up to `shared` were kept by an earlier node; the first node has none before it.
        let new = |depth: &usize| index == 0 || *depth > shared;
        checkpoints
            .push(Checkpoints { shared, kept: wanted.iter().copied().filter(new).collect() });
        wanted.retain(|&depth| depth < shared);
        wanted.push(shared);
    }
    checkpoints.reverse();
    checkpoints
}

/// Cuts nodes into groups of at least one node. The different layers of a group have at most
/// `limit` bytes. `bytes` are the bytes of each layer.
pub(super) fn groups(nodes: &[PrefixNode<'_>], bytes: &[usize], limit: usize) -> Vec<Range<usize>> {
    let mut groups = Vec::new();
    let (mut start, mut known, mut total) = (0, BTreeSet::new(), 0);
    for (index, node) in nodes.iter().enumerate() {
        let size = |known: &BTreeSet<usize>| -> usize {
            let pairs = node.layer_ids.iter().zip(bytes);
            pairs.filter(|(id, _)| !known.contains(*id)).map(|(_, bytes)| bytes).sum()
        };
        if index > start && total + size(&known) > limit {
            groups.push(start..index);
            (start, known, total) = (index, BTreeSet::new(), 0);
        }
        total += size(&known);
        known.extend(node.layer_ids.iter().copied());
    }
    if start < nodes.len() {
        groups.push(start..nodes.len());
    }
    groups
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use fedlayer_core::model::{Layout, Params};

    use super::*;

    fn nodes<'a>(point: &'a Point, ids: &[[usize; 3]]) -> Vec<PrefixNode<'a>> {
        let node = |ids: &[usize; 3]| PrefixNode { point, layer_ids: ids.to_vec(), probes: vec![] };
        ids.iter().map(node).collect()
    }

    fn point() -> Point {
        let layout = Layout::new([("a", vec![1]), ("b", vec![1]), ("c", vec![1])]).unwrap();
        Point::Model(Arc::new(Params::zeros(Arc::new(layout))))
    }

    #[test]
    fn activations_are_kept_where_a_later_node_continues_from_them() {
        let point = point();
        let nodes =
            nodes(&point, &[[0, 1, 2], [0, 1, 3], [0, 4, 2], [0, 4, 3], [5, 1, 2], [5, 1, 3]]);
        let found: Vec<_> = checkpoints(&nodes).into_iter().map(|s| (s.shared, s.kept)).collect();
        let expected =
            [(0, vec![0, 1, 2]), (2, vec![]), (1, vec![2]), (2, vec![]), (0, vec![2]), (2, vec![])];
        assert_eq!(found, expected);
        assert_eq!(checkpoints(&[]), []);
    }

    #[test]
    fn a_group_fits_the_limit_or_has_one_node() {
        let point = point();
        let nodes = nodes(&point, &[[0, 1, 2], [0, 1, 3], [0, 4, 2], [5, 6, 7]]);
        let bytes = [4, 2, 1];
        assert_eq!(groups(&nodes, &bytes, 100), vec![0..4; 1]);
        assert_eq!(groups(&nodes, &bytes, 10), [0..3, 3..4]);
        assert_eq!(groups(&nodes, &bytes, 8), [0..2, 2..3, 3..4]);
        assert_eq!(groups(&nodes, &bytes, 0), [0..1, 1..2, 2..3, 3..4]);
        assert!(groups(&[], &bytes, 0).is_empty());
    }

    #[test]
    fn different_points_are_in_depth_first_order_and_equal_ones_are_merged() {
        let (a, b) = (point(), point());
        let mut ids = LayerIds::default();
        let points = [&b, &a, &b].into_iter().enumerate();
        let nodes = ids.nodes(points, 3);
        let found: Vec<_> = nodes.iter().map(|node| node.probes.clone()).collect();
        assert_eq!(found, [vec![0, 2], vec![1]]);
        assert_eq!(nodes[0].layer_ids, [0, 1, 2]);
        assert_eq!(nodes[1].layer_ids, [3, 4, 5]);
    }
}
