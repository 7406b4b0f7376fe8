//! [`align`]: permutes the units of one model so that it comes closest to another.

use fedlayer_core::{
    Seed,
    model::{LayerName, LayerSet, Layout, Params, ParamsError, TensorSpec, distance},
};
use thiserror::Error;

use crate::matching::{Permutation, Symmetry, weight_matching::match_weights};

/// A model with permuted units: the same function, closer to another model in parameter space.
#[derive(Debug, Clone, PartialEq)]
pub struct Alignment {
    /// The permuted model. It computes the same function as before.
    pub params: Params,
    /// The permutation of each group of the symmetry.
    pub permutations: Vec<Permutation>,
    /// The number of passes of the search over all groups; the last one changed nothing.
    pub passes: usize,
    /// ⟨fixed, moved⟩ over all trained values, before the permutation.
    pub before: f64,
    /// ⟨fixed, moved⟩ afterwards; never smaller than before.
    pub after: f64,
    /// The distances of the models per layer, from input to output.
    pub distances: Vec<LayerDistance>,
}

/// The distance of two models in one layer before and after alignment, ‖Δ‖₂ over trained values.
///
/// The total distance never grows, but the distance of a single layer may.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerDistance {
    /// The layer.
    pub layer: LayerName,
    /// The distance before alignment.
    pub before: f64,
    /// The distance afterwards.
    pub after: f64,
}

/// Models that cannot be aligned, or permutations that do not fit a network.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum AlignError {
    /// A model does not have the layers of the network.
    #[error(
        "the {model} model has {found} where the network has {expected}; align models of this network"
    )]
    Tensor {
        /// The model: `fixed` or `moved`.
        model: &'static str,
        /// The tensor of the model, or that there is none.
        found: String,
        /// The tensor of the network.
        expected: String,
    },
    /// A value of a model is NaN or infinite.
    #[error("the {model} model: {reason}")]
    Values {
        /// The model: `fixed` or `moved`.
        model: &'static str,
        /// The value.
        reason: ParamsError,
    },
    /// The number of permutations is wrong.
    #[error(
        "found {found} permutations for the network's {groups} groups of units; give one for each"
    )]
    Groups {
        /// The number of given permutations.
        found: usize,
        /// The number of groups of the network.
        groups: usize,
    },
    /// A permutation has the wrong number of units.
    #[error("found a permutation of {found} units for the group of `{group}`, which has {units}")]
    Units {
        /// The group.
        group: LayerName,
        /// The number of units of the permutation.
        found: usize,
        /// The number of units of the group.
        units: usize,
    },
}

/// Permutes the units of `moved` so that it comes closest to `fixed`, by weight matching (Ainsworth
/// et al., ICLR 2023).
///
/// The search visits the groups in random orders drawn from `seed`. It runs twice, from the model
/// itself and from a first guess that is made from the input on, and ends in a local optimum: no
/// other permutation of a single group brings the models closer. It finds an exact permuted copy if
/// the weights that lead to the units distinguish all units of a group. A group of n units costs
/// about n²·(values per unit) + n³ per pass that visits it.
///
/// # Errors
/// When a model does not have the layers of the network, or has a value that is not finite.
pub fn align(
    symmetry: &Symmetry,
    fixed: &Params,
    moved: &Params,
    seed: Seed,
) -> Result<Alignment, AlignError> {
    for (model, params) in [("fixed", fixed), ("moved", moved)] {
        check(symmetry.layout(), params.layout(), model)?;
        params.check_finite().map_err(|reason| AlignError::Values { model, reason })?;
    }
    let found = match_weights(symmetry, fixed, moved, seed);
    let layers = moved.layout().layers().iter().enumerate();
    let distances = layers.map(|(at, layer)| {
        let set = LayerSet::new(moved.layout().clone(), [at]);
        let to = |params| distance(fixed, params, set.trained());
        LayerDistance { layer: layer.name.clone(), before: to(moved), after: to(&found.params) }
    });
    Ok(Alignment {
        distances: distances.collect(),
        params: found.params,
        permutations: found.permutations,
        passes: found.passes,
        before: found.before,
        after: found.after,
    })
}

impl Symmetry {
    /// Permutes the units of a model, with one permutation per group. The function stays the same.
    ///
    /// # Errors
    /// When the model does not have the layers of the network, or the permutations do not fit its
    /// groups.
    pub fn permuted(&self, moved: &Params, orders: &[Permutation]) -> Result<Params, AlignError> {
        check(self.layout(), moved.layout(), "moved")?;
        if orders.len() != self.groups().len() {
            return Err(AlignError::Groups { found: orders.len(), groups: self.groups().len() });
        }
        let mut params = moved.clone();
        for (group, order) in self.groups().iter().zip(orders) {
            if order.units() != group.units {
                let (group, units) = (group.name.clone(), group.units);
                return Err(AlignError::Units { group, found: order.units(), units });
            }
            group.permute(&mut params, order);
        }
        Ok(params)
    }
}

/// Checks that a model has the tensors of the network, whoever owns its running statistics.
fn check(network: &Layout, found: &Layout, model: &'static str) -> Result<(), AlignError> {
    let Some(difference) = network.first_difference(found) else { return Ok(()) };
    let shown = |tensor: Option<&TensorSpec>| match tensor {
        Some(tensor) => format!("`{}` of shape {:?}", tensor.name, tensor.shape),
        None => "no further tensor".to_owned(),
    };
    let (expected, found) = (shown(difference.expected), shown(difference.found));
    Err(AlignError::Tensor { model, found, expected })
}
