//! Models: their layers, sets of layers, parameters, and points between them.

pub mod architecture;
mod layer_names;
mod layer_set;
mod layout;
mod mix;
mod params;
mod point;
mod point_layer;

pub use layer_names::{PatternError, matching_layers, named_layers};
pub use layer_set::LayerSet;
pub use layout::{
    Layer, LayerName, Layout, LayoutDifference, LayoutError, Ownership, Role, TensorSpec,
};
pub use mix::Mix;
pub(crate) use params::check_values;
pub use params::{Params, ParamsError, distance};
pub use point::Point;
pub use point_layer::PointLayer;
