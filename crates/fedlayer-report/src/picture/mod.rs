//! [`pictures`]: the pictures of an analysis, as SVG text.
//!
//! One file a measurement; `curvature` draws `hessian` and `flatness`. `scene` cuts rows into pictures, `parts` into layers and the whole; `lanes` are bars by layer.

mod align;
mod barriers;
mod criticality;
mod cumulative;
mod curvature;
mod lanes;
mod parts;
mod predict;
mod robustness;
mod scene;
mod subspace;
mod surface;
mod window;

use fedlayer_core::{AnalysisRow, LayerName};

use crate::{draw::page::Page, rows::Rows};

/// A picture of an analysis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// What tells its file from those of the analysis's other pictures; empty where there is one alone.
    pub suffix: String,
    /// SVG text, in UTF-8, without a declaration: it is a file of its own, and may stand in a page.
    pub svg: String,
}

impl Picture {
    /// The name of its file, for an analysis of this name: `NAME.svg` or `NAME-SUFFIX.svg`.
    pub fn file_name(&self, name: &str) -> String {
        let dash = if self.suffix.is_empty() { "" } else { "-" };
        format!("{name}{dash}{}.svg", self.suffix)
    }
}

/// A page and what tells its file from the others.
type Suffixed = (String, Page);

/// The pictures of an analysis: `measure` is the measurement's word, `layers` the model's layers from the input.
///
/// The same rows give the same bytes. There is no picture of no rows, nor of a measurement that is not known.
pub fn pictures(
    measure: &str,
    title: &str,
    rows: &[AnalysisRow],
    layers: &[LayerName],
) -> Vec<Picture> {
    let rows = &Rows::new(rows, layers);
    let pages: Vec<Suffixed> = match measure {
        "barriers" => barriers::pages(title, rows),
        "cumulative" => cumulative::pages(title, rows),
        "window" => window::pages(title, rows),
        "robustness" => robustness::pages(title, rows),
        "subspace" => subspace::pages(title, rows),
        "criticality" => criticality::pages(title, rows),
        "hessian" => curvature::pages(title, rows, curvature::HESSIAN),
        "flatness" => curvature::pages(title, rows, curvature::FLATNESS),
        "predict" => predict::pages(title, rows),
        "align" => align::pages(title, rows),
        "surface" => surface::pages(title, rows),
        _ => Vec::new(),
    };
    let draw = |(suffix, page): Suffixed| Some(Picture { suffix, svg: page.svg()? });
    pages.into_iter().filter_map(draw).collect()
}
