//! [`match_weights`]: the order of a model's units that brings it closest to another one.
//!
//! Weight matching of Git Re-Basin (Ainsworth, Hayase, Srinivasa, ICLR 2023, algorithm 1): max over π of ⟨θ_A, π(θ_B)⟩, which is min of
//! ‖θ_A − π(θ_B)‖, by coordinate descent. With all other groups held, the best order of one is a linear assignment.

use fedlayer_core::{
    Seed,
    model::{Params, Role, TensorSpec},
};
use ndarray::{Array2, linalg::general_mat_mul};
use pathfinding::{kuhn_munkres::kuhn_munkres, matrix::Matrix};
use rand::seq::SliceRandom;

use crate::matching::{Permutation, Symmetry, UnitAxis, UnitGroup};

/// The assignment is solved in whole numbers, of which the largest similarity is this many: similarities that differ by less than 2⁻⁴⁰ of the
/// largest count as equal. Sums over 2²² units still fit an `i64`.
const LARGEST: f64 = (1_u64 << 40) as f64;

/// A step must raise the objective by more than this share of ‖θ_A‖·‖θ_B‖, so that rounding is never taken for progress and the search ends.
const PROGRESS: f64 = 1e-12;

/// Columns that are multiplied at once, so that memory does not grow with the layer.
const COLUMNS: usize = 4096;

/// What a matching found.
#[derive(Debug, Clone)]
pub(super) struct Matching {
    /// The model in its new order.
    pub(super) params: Params,
    /// The new order of each group.
    pub(super) permutations: Vec<Permutation>,
    /// Times that all groups were gone through, the last of them without a change.
    pub(super) passes: usize,
    /// ⟨θ_A, θ_B⟩ over the trained tensors.
    pub(super) before: f64,
    /// ⟨θ_A, π(θ_B)⟩ over the trained tensors; never below `before`.
    pub(super) after: f64,
}

/// Finds the orders of `moved`'s units that bring it closest to `fixed`; both are of the symmetry's layers, and finite.
///
/// Two descents, the better of which counts, the first where they are equal: one from the model as it is, so that the objective never falls, and
/// one from the order that is read off from the input on. The second start is no part of the paper's algorithm. By it an exact copy in another
/// order is found wherever the weights that lead to the units tell all of a group apart: Σᵤ⟨aᵤ, bᵤ⟩ over the orders of one set of vectors is
/// largest where bᵤ = aᵤ. Descent alone can end before that, since it compares units by weights whose other ends are still in disorder.
pub(super) fn match_weights(
    symmetry: &Symmetry,
    fixed: &Params,
    moved: &Params,
    seed: Seed,
) -> Matching {
    let all = trained(symmetry.layout().tensors());
    let before = inner(fixed, moved, &all);
    let progress = PROGRESS * (inner(fixed, fixed, &all) * inner(moved, moved, &all)).sqrt();
    let permutations = symmetry.groups().iter().map(|group| Permutation::identity(group.units));
    let permutations = permutations.collect();
    let here = Matching { params: moved.clone(), permutations, passes: 0, before, after: before };
    let search = MatchSearch { symmetry, fixed, progress };
    let (mut first, mut second) = (here.clone(), here);
    search.descend(&mut first, seed.child("as it is"));
    search.read_off(&mut second);
    search.descend(&mut second, seed.child("read off"));
    for found in [&mut first, &mut second] {
        found.after = inner(fixed, &found.params, &all);
    }
    if second.after - first.after > progress { second } else { first }
}

/// What a search does not change.
struct MatchSearch<'a> {
    symmetry: &'a Symmetry,
    fixed: &'a Params,
    progress: f64,
}

impl MatchSearch<'_> {
    /// Orders one group after the other, from the input, by the tensors that change with it and else only with groups that have been ordered.
    fn read_off(&self, found: &mut Matching) {
        let groups = self.symmetry.groups();
        for (index, group) in groups.iter().enumerate() {
            let rest = &groups[index..];
            let known = |axis: &&UnitAxis| !rest.iter().any(|other| other.crosses(axis));
            let similarity = similarity(group, self.fixed, &found.params, known);
            self.step(index, &assignment(&similarity), found);
        }
    }

    /// Goes through the groups in random orders until none changes. Groups that no change has met since they were last ordered are left out.
    fn descend(&self, found: &mut Matching, seed: Seed) {
        let groups = self.symmetry.groups();
        let mut generator = seed.generator();
        let mut stale = vec![true; groups.len()];
        let mut order: Vec<usize> = (0..groups.len()).collect();
        let mut changed = true;
        while changed {
            changed = false;
            found.passes += 1;
            order.shuffle(&mut generator);
            for &index in &order {
                if std::mem::take(&mut stale[index]) && self.improve(index, found) {
                    changed = true;
                    for (other, stale) in groups.iter().zip(&mut stale) {
                        *stale |= groups[index].axes.iter().any(|axis| other.crosses(axis));
                    }
                }
            }
        }
    }

    /// Puts a group in its best order, all others held; whether that was progress.
    fn improve(&self, index: usize, found: &mut Matching) -> bool {
        let group = &self.symmetry.groups()[index];
        let order = assignment(&similarity(group, self.fixed, &found.params, |_| true));
        let mut tensors = trained(group.axes.iter().map(|axis| &axis.tensor));
        tensors.dedup();
        let objective = |found: &Matching| inner(self.fixed, &found.params, &tensors);
        let before = objective(found);
        self.step(index, &order, found);
        // Where a tensor changes with the group on two axes, the similarity is only a slope: the objective itself decides.
        if objective(found) - before > self.progress {
            return true;
        }
        self.step(index, &order.inverse(), found);
        false
    }

    fn step(&self, index: usize, order: &Permutation, found: &mut Matching) {
        self.symmetry.groups()[index].permute(&mut found.params, order);
        found.permutations[index] = found.permutations[index].then(order);
    }
}

fn trained<'a>(tensors: impl Iterator<Item = &'a TensorSpec>) -> Vec<&'a TensorSpec> {
    tensors.filter(|tensor| tensor.role == Role::Trained).collect()
}

/// ⟨a, b⟩ over some tensors, in f64, tensor by tensor.
fn inner(a: &Params, b: &Params, tensors: &[&TensorSpec]) -> f64 {
    let tensor = |tensor: &&TensorSpec| -> f64 {
        let pairs = a.range(&tensor.range).iter().zip(b.range(&tensor.range));
        pairs.map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
    };
    tensors.iter().map(tensor).sum()
}

/// Per unit of `fixed` (row) and of `moved` (column): the inner product of the trained values that would lie on one another, over the axes that
/// count. `(units, units)`
fn similarity(
    group: &UnitGroup,
    fixed: &Params,
    moved: &Params,
    counts: impl Fn(&&UnitAxis) -> bool,
) -> Array2<f64> {
    let mut similarity = Array2::zeros((group.units, group.units));
    let axes = group.axes.iter().filter(|axis| axis.tensor.role == Role::Trained);
    for axis in axes.filter(counts) {
        let columns = axis.tensor.range.len() / group.units;
        for start in (0..columns).step_by(COLUMNS) {
            let end = columns.min(start + COLUMNS);
            let rows = |params| unfolded(axis, params, group.units, start..end); // (units, columns)
            general_mat_mul(1.0, &rows(fixed), &rows(moved).t(), 1.0, &mut similarity);
        }
    }
    similarity
}

/// Some columns of a tensor that is laid out with a row for each unit. `(units, columns)`
fn unfolded(
    axis: &UnitAxis,
    params: &Params,
    units: usize,
    columns: std::ops::Range<usize>,
) -> Array2<f64> {
    let (values, run) = (params.range(&axis.tensor.range), axis.run());
    Array2::from_shape_fn((units, columns.len()), |(unit, column)| {
        let column = columns.start + column;
        let (outer, inside) = (column / run, column % run);
        f64::from(values[(outer * units + unit) * run + inside])
    })
}

/// The order with the largest sum of similarities: place u takes the unit that is assigned to row u.
fn assignment(similarity: &Array2<f64>) -> Permutation {
    let units = similarity.nrows();
    let largest = similarity.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
    if largest == 0.0 {
        return Permutation::identity(units);
    }
    let whole = |at| (similarity[at] / largest * LARGEST).round() as i64;
    let (_, columns) = kuhn_munkres(&Matrix::from_fn(units, units, whole));
    Permutation::new(columns).unwrap_or_else(|| Permutation::identity(units))
}
