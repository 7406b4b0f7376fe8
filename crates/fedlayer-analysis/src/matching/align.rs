//! [`align`]: a model laid out like another one, its units in the order in which the two are closest.

use fedlayer_core::{
    Seed,
    model::{LayerName, LayerSet, Layout, Params, ParamsError, TensorSpec, distance},
};
use thiserror::Error;

use crate::matching::{Permutation, Symmetry, weight_matching::match_weights};

/// A model laid out like another one: the same function, closer in parameter space.
#[derive(Debug, Clone, PartialEq)]
pub struct Alignment {
    /// The moved model in its new order. It computes what it computed before.
    pub params: Params,
    /// The new order of each of the symmetry's groups.
    pub permutations: Vec<Permutation>,
    /// Times that the search went through the groups; nothing changed in the last.
    pub passes: usize,
    /// ⟨fixed, moved⟩ over all trained values, before.
    pub before: f64,
    /// The same afterwards; never smaller.
    pub after: f64,
    /// Per layer, from input to output: how far apart the models are.
    pub distances: Vec<LayerDistance>,
}

/// How far apart two models are in a layer before and after they were aligned: ‖Δ‖₂ over its trained values.
///
/// All layers together come closer; a single one may move away.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerDistance {
    /// The layer.
    pub layer: LayerName,
    /// Before.
    pub before: f64,
    /// Afterwards.
    pub after: f64,
}

/// Why a model could not be laid out in another order.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum AlignError {
    /// A model of other layers.
    #[error(
        "the {model} model has {found} where the network has {expected}; align models of this network"
    )]
    Tensor {
        /// Which model: `fixed` or `moved`.
        model: &'static str,
        /// Its tensor, or that it has none.
        found: String,
        /// The network's.
        expected: String,
    },
    /// A model with a value that is NaN or infinite.
    #[error("the {model} model: {reason}")]
    Values {
        /// Which model: `fixed` or `moved`.
        model: &'static str,
        /// Which value.
        reason: ParamsError,
    },
    /// Too few or too many orders.
    #[error("found {found} orders for the network's {groups} groups of units; give one for each")]
    Groups {
        /// How many orders were given.
        found: usize,
        /// How many groups the network has.
        groups: usize,
    },
    /// An order of too few or too many units.
    #[error("found an order of {found} units for the group of `{group}`, which has {units}")]
    Units {
        /// The group.
        group: LayerName,
        /// Units of the order.
        found: usize,
        /// Units of the group.
        units: usize,
    },
}

/// Lays `moved` out like `fixed`: puts its units in the order that brings it closest, by weight matching (Ainsworth et al., ICLR 2023).
///
/// The search goes through the groups in random orders that follow from `seed`, once from the model as it is and once from an order that is read off
/// from the input on, and ends in a local optimum: no other order of a single group would bring the models closer. An exact copy in another order
/// is found wherever the weights that lead to the units tell all of a group apart. A group of n units costs about n²·(values per unit) + n³ in each pass that touches it.
///
/// # Errors
/// When a model is of other layers than the network, or has a value that is not finite.
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
    /// The same function with its units in another order, one order for each group.
    ///
    /// # Errors
    /// When the model is of other layers than the network, or the orders do not fit its groups.
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
