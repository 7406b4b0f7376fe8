//! Models: their layers, their parameters, and points between models.
//!
//! In reading order:
//!
//! * [`Layout`]: the layers of a model and their ranges in the flat parameters.
//! * [`LayerSet`]: any set of layers; [`matching_layers`] and [`named_layers`] select layers by
//!   names and globs.
//! * [`Params`]: the parameters of one model; [`distance`] is a norm of differences.
//! * [`Mix`] and [`Point`]: models between models; [`PointLayer`]: one layer of a point, as a key.
//! * [`architecture`]: a network as a list of operations, which gives the layout.

pub mod architecture;
mod layer_patterns;
mod layer_set;
mod layout;
mod mix;
mod params;
mod point;
mod point_layer;

pub use layer_patterns::{PatternError, matching_layers, named_layers};
pub use layer_set::LayerSet;
pub use layout::{
    Layer, LayerName, Layout, LayoutDifference, LayoutError, Ownership, Role, TensorSpec,
};
pub use mix::Mix;
pub(crate) use params::check_values;
pub use params::{Params, ParamsError, distance};
pub use point::Point;
pub use point_layer::PointLayer;
