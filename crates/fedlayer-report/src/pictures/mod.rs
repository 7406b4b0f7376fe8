//! [`pictures`]: the pictures of an analysis, as SVG text.
//!
//! Each measurement has a file; `curvature` draws `hessian` and `flatness`. They share
//! `picture_rows` (a picture per round and metric), `panels` (a panel per row and column of the
//! page), `layer_groups` (single layers and the whole model) and `layer_bars` (a chart of values by
//! layer).

mod align;
mod barriers;
mod criticality;
mod cumulative;
mod curvature;
mod layer_bars;
mod layer_groups;
mod panels;
mod picture_rows;
mod predict;
mod robustness;
mod subspace;
mod surface;
mod window;

use fedlayer_core::{model::LayerName, record::AnalysisRow};

use crate::{analysis_rows::AnalysisRows, plot::page::Page};

/// A picture of an analysis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// The part of the file name that distinguishes the pictures of an analysis; empty if there is
    /// only one.
    pub suffix: String,
    /// SVG text in UTF-8 without an XML declaration. It is a file of its own and can also be
    /// embedded in a page.
    pub svg: String,
}

impl Picture {
    /// Returns the name of the picture's file for an analysis of this name: `NAME.svg` or
    /// `NAME-SUFFIX.svg`.
    pub fn file_name(&self, name: &str) -> String {
        let dash = if self.suffix.is_empty() { "" } else { "-" };
        format!("{name}{dash}{}.svg", self.suffix)
    }
}

/// The suffix of a picture's file name, and the picture.
type SuffixedPage = (String, Page);

/// Draws the pictures of an analysis. `measure` is the measurement's word, `layers` are the model's
/// layers from the input.
///
/// The same rows give the same bytes. No rows, or an unknown measurement, give no picture.
pub fn pictures(
    measure: &str,
    title: &str,
    rows: &[AnalysisRow],
    layers: &[LayerName],
) -> Vec<Picture> {
    let rows = &AnalysisRows::new(rows, layers);
    let pages: Vec<SuffixedPage> = match measure {
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
    let draw = |(suffix, page): SuffixedPage| Some(Picture { suffix, svg: page.svg()? });
    pages.into_iter().filter_map(draw).collect()
}
