//! [`Branch`]es: points in the order in which what their first layers share is computed once. No tensor is touched here.
//!
//! Points are the leaves of a tree whose nodes are the different beginnings, layer after layer, that they have. Sorted by their parts they stand in depth-first
//! order: a point goes on from the deepest node that it shares with the one before it, and only the nodes on the way to it are ever kept.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use fedlayer_core::{Point, PointLayer};

/// A number for each different part, in the order in which they are met: an order that is the same in every run.
#[derive(Debug, Default)]
pub(crate) struct Numbers(BTreeMap<PointLayer, usize>);

/// A point, the numbers of its parts from the input on, and where the probes stand that ask for it.
#[derive(Debug)]
pub(crate) struct Branch<'a> {
    pub(crate) point: &'a Point,
    pub(crate) parts: Vec<usize>,
    pub(crate) probes: Vec<usize>,
}

/// Where a branch goes on from, and where its pass is kept for later ones. A depth is a number of layers that a pass has gone through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stops {
    /// The layers that it has in common with the branch before it: its pass was kept there.
    pub(crate) shared: usize,
    /// The depths, ascending, at which its own pass is kept.
    pub(crate) kept: Vec<usize>,
}

impl Numbers {
    /// The different ones of some points of `layers` layers, in depth-first order.
    pub(crate) fn branches<'a>(
        &mut self,
        points: impl Iterator<Item = (usize, &'a Point)>,
        layers: usize,
    ) -> Vec<Branch<'a>> {
        let mut branches: BTreeMap<Vec<usize>, (&Point, Vec<usize>)> = BTreeMap::new();
        for (probe, point) in points {
            let parts = (0..layers).map(|layer| self.of(point.layer(layer))).collect();
            branches.entry(parts).or_insert_with(|| (point, Vec::new())).1.push(probe);
        }
        let branch = |(parts, (point, probes))| Branch { point, parts, probes };
        branches.into_iter().map(branch).collect()
    }

    fn of(&mut self, part: PointLayer) -> usize {
        let next = self.0.len();
        *self.0.entry(part).or_insert(next)
    }
}

/// The stops of branches that are computed in this order.
pub(crate) fn stops(branches: &[Branch<'_>]) -> Vec<Stops> {
    let common = |pair: &[Branch<'_>]| {
        let parts = pair[0].parts.iter().zip(&pair[1].parts);
        parts.take_while(|(before, own)| before == own).count()
    };
    let shared: Vec<usize> = std::iter::once(0).chain(branches.windows(2).map(common)).collect();
    // From the end: the depths, ascending, that later branches go on from; a shallower one in between cuts off the deeper ones.
    let mut wanted: Vec<usize> = Vec::new();
    let mut stops = Vec::with_capacity(branches.len());
    for (index, &shared) in shared.iter().enumerate().take(branches.len()).rev() {
        // Up to where a branch goes on from, everything was kept before; but for the first, nothing was.
        let new = |depth: &usize| index == 0 || *depth > shared;
        stops.push(Stops { shared, kept: wanted.iter().copied().filter(new).collect() });
        wanted.retain(|&depth| depth < shared);
        wanted.push(shared);
    }
    stops.reverse();
    stops
}

/// Cuts branches into groups whose different parts take at most `most` bytes, and at least one branch each. `bytes` are those of each layer.
pub(crate) fn groups(branches: &[Branch<'_>], bytes: &[usize], most: usize) -> Vec<Range<usize>> {
    let mut groups = Vec::new();
    let (mut start, mut known, mut total) = (0, BTreeSet::new(), 0);
    for (index, branch) in branches.iter().enumerate() {
        let size = |known: &BTreeSet<usize>| -> usize {
            let parts = branch.parts.iter().zip(bytes);
            parts.filter(|(part, _)| !known.contains(*part)).map(|(_, bytes)| bytes).sum()
        };
        if index > start && total + size(&known) > most {
            groups.push(start..index);
            (start, known, total) = (index, BTreeSet::new(), 0);
        }
        total += size(&known);
        known.extend(branch.parts.iter().copied());
    }
    if start < branches.len() {
        groups.push(start..branches.len());
    }
    groups
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use fedlayer_core::{Layout, Params};

    use super::*;

    fn branches<'a>(point: &'a Point, parts: &[[usize; 3]]) -> Vec<Branch<'a>> {
        let branch = |parts: &[usize; 3]| Branch { point, parts: parts.to_vec(), probes: vec![] };
        parts.iter().map(branch).collect()
    }

    fn point() -> Point {
        let layout = Layout::new([("a", vec![1]), ("b", vec![1]), ("c", vec![1])]).unwrap();
        Point::Model(Arc::new(Params::zeros(Arc::new(layout))))
    }

    #[test]
    fn a_branch_is_kept_where_a_later_one_goes_on_from_it() {
        let point = point();
        let branches =
            branches(&point, &[[0, 1, 2], [0, 1, 3], [0, 4, 2], [0, 4, 3], [5, 1, 2], [5, 1, 3]]);
        let found: Vec<_> = stops(&branches).into_iter().map(|s| (s.shared, s.kept)).collect();
        let expected =
            [(0, vec![0, 1, 2]), (2, vec![]), (1, vec![2]), (2, vec![]), (0, vec![2]), (2, vec![])];
        assert_eq!(found, expected);
        assert_eq!(stops(&[]), []);
    }

    #[test]
    fn groups_hold_what_fits_and_at_least_one_branch() {
        let point = point();
        let branches = branches(&point, &[[0, 1, 2], [0, 1, 3], [0, 4, 2], [5, 6, 7]]);
        let bytes = [4, 2, 1];
        assert_eq!(groups(&branches, &bytes, 100), vec![0..4; 1]);
        assert_eq!(groups(&branches, &bytes, 10), [0..3, 3..4]);
        assert_eq!(groups(&branches, &bytes, 8), [0..2, 2..3, 3..4]);
        assert_eq!(groups(&branches, &bytes, 0), [0..1, 1..2, 2..3, 3..4]);
        assert!(groups(&[], &bytes, 0).is_empty());
    }

    #[test]
    fn points_stand_in_depth_first_order_and_equal_ones_once() {
        let (a, b) = (point(), point());
        let mut numbers = Numbers::default();
        let points = [&b, &a, &b].into_iter().enumerate();
        let branches = numbers.branches(points, 3);
        let found: Vec<_> = branches.iter().map(|branch| branch.probes.clone()).collect();
        assert_eq!(found, [vec![0, 2], vec![1]]);
        assert_eq!(branches[0].parts, [0, 1, 2]);
        assert_eq!(branches[1].parts, [3, 4, 5]);
    }
}
