//! The measurements, one file (or folder) each. `study` is shared by the barrier measurements.

pub(crate) mod align;
pub(crate) mod barriers;
pub(crate) mod criticality;
pub(crate) mod cumulative;
pub(crate) mod flatness;
pub(crate) mod hessian;
pub(crate) mod predict;
pub(crate) mod robustness;
mod study;
pub(crate) mod subspace;
pub(crate) mod surface;
pub(crate) mod window;
