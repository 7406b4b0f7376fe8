//! [`match_weights`]: the permutation of a model's units that brings it closest to another model.
//!
//! Weight matching of Git Re-Basin (Ainsworth, Hayase, Srinivasa, ICLR 2023, algorithm 1): maximise
//! ⟨θ_A, π(θ_B)⟩ over π, or minimise ‖θ_A − π(θ_B)‖, by coordinate descent. If all other groups are
//! fixed, the best permutation of one group is a linear assignment.

use fedlayer_core::{
    Seed,
    model::{Params, Role, TensorSpec},
};
use ndarray::{Array2, linalg::general_mat_mul};
use pathfinding::{kuhn_munkres::kuhn_munkres, matrix::Matrix};
use rand::seq::SliceRandom;

use crate::matching::{Permutation, Symmetry, UnitAxis, UnitGroup};

/// The assignment is solved in integers; the largest similarity becomes this integer. Similarities
/// that differ by less than 2⁻⁴⁰ of the largest are equal. Sums over 2²² units fit an `i64`.
const LARGEST: f64 = (1_u64 << 40) as f64;

/// A step must raise the objective by more than this fraction of ‖θ_A‖·‖θ_B‖. Rounding is then
/// never taken for progress, and the search ends.
const PROGRESS: f64 = 1e-12;

/// The number of columns that are multiplied at once; it bounds the memory of large layers.
const COLUMNS: usize = 4096;

/// The result of a matching.
#[derive(Debug, Clone)]
pub(super) struct Matching {
    /// The permuted model.
    pub(super) params: Params,
    /// The permutation of each group.
    pub(super) permutations: Vec<Permutation>,
    /// The number of passes over all groups; the last one changed nothing.
    pub(super) passes: usize,
    /// ⟨θ_A, θ_B⟩ over the trained tensors.
    pub(super) before: f64,
    /// ⟨θ_A, π(θ_B)⟩ over the trained tensors; never below `before`.
    pub(super) after: f64,
}

/// Finds the permutations that bring `moved` closest to `fixed`. Both models are finite and have
/// the layers of the symmetry.
///
/// There are two descents, and the better one counts (the first one if they are equal). The first
/// starts from the model itself, so the objective never falls. The second starts from a guess that
/// is made from the input on; it is not part of the paper's algorithm. With it, an exact permuted
/// copy is found if the weights that lead to the units distinguish all units of a group: Σᵤ⟨aᵤ, bᵤ⟩
/// over the permutations of one set of vectors is largest for bᵤ = aᵤ. Descent alone may end
/// earlier, because it compares units by weights to units that are not yet permuted.
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

/// The constants of a search.
struct MatchSearch<'a> {
    symmetry: &'a Symmetry,
    fixed: &'a Params,
    progress: f64,
}

impl MatchSearch<'_> {
    /// Guesses the permutation of one group after another, from the input. It compares the tensors
    /// that, except for this group, only change with groups that are done.
    fn read_off(&self, found: &mut Matching) {
        let groups = self.symmetry.groups();
        for (index, group) in groups.iter().enumerate() {
            let rest = &groups[index..];
            let known = |axis: &&UnitAxis| !rest.iter().any(|other| other.crosses(axis));
            let similarity = similarity(group, self.fixed, &found.params, known);
            self.step(index, &assignment(&similarity), found);
        }
    }

    /// Visits the groups in random orders until none changes. A group is skipped if no crossing
    /// group has changed since its last visit.
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

    /// Gives a group its best permutation, with all others fixed. Returns whether the objective
    /// rose.
    fn improve(&self, index: usize, found: &mut Matching) -> bool {
        let group = &self.symmetry.groups()[index];
        let order = assignment(&similarity(group, self.fixed, &found.params, |_| true));
        let mut tensors = trained(group.axes.iter().map(|axis| &axis.tensor));
        tensors.dedup();
        let objective = |found: &Matching| inner(self.fixed, &found.params, &tensors);
        let before = objective(found);
        self.step(index, &order, found);
        // If the group acts on two axes of a tensor, the similarity is only a slope. The objective
        // itself decides.
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

/// Returns ⟨a, b⟩ over some tensors, in f64, tensor by tensor.
fn inner(a: &Params, b: &Params, tensors: &[&TensorSpec]) -> f64 {
    let tensor = |tensor: &&TensorSpec| -> f64 {
        let pairs = a.range(&tensor.range).iter().zip(b.range(&tensor.range));
        pairs.map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
    };
    tensors.iter().map(tensor).sum()
}

/// Returns the inner products of the units of `fixed` (rows) with the units of `moved` (columns),
/// over the trained values of the given axes. `(units, units)`
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

/// Returns some columns of a tensor that is unfolded to one row per unit. `(units, columns)`
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

/// Returns the permutation with the largest sum of similarities: position u takes the unit that is
/// assigned to row u.
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
