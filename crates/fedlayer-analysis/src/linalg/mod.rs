//! Vectors of trained values, subspaces of them, and rank correlation.

mod basis;
mod coordinates;
mod spearman;
mod vector;

pub(crate) use basis::Basis;
pub(crate) use coordinates::Coordinates;
pub(crate) use spearman::spearman;
pub(crate) use vector::{cosine, dot, norm, unit};
