//! [`pictures`]: the pictures of an analysis, as SVG text.
//!
//! The files of `measurements` draw them with these: `picture_rows` (a picture per round and
//! metric), `panels` (a panel per row and column of the page), `layer_groups` (single layers and
//! the whole model), `layer_bars` (a chart of values by layer) and `curvature` (second
//! derivatives).

pub(crate) mod curvature;
pub(crate) mod layer_bars;
pub(crate) mod layer_groups;
pub(crate) mod panels;
pub(crate) mod picture_rows;

use fedlayer_core::{model::LayerName, record::AnalysisRow, spec::Measurement};

use crate::{analysis_rows::AnalysisRows, measurements::AnalysisView, plot::page::Page};

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
pub(crate) type SuffixedPage = (String, Page);

/// Draws the pictures of an analysis; `layers` are the model's layers from the input.
///
/// The same rows give the same bytes. No rows give no picture.
pub fn pictures(
    measure: &Measurement,
    title: &str,
    rows: &[AnalysisRow],
    layers: &[LayerName],
) -> Vec<Picture> {
    let pages = AnalysisView::of(measure).pages;
    let draw = |(suffix, page): SuffixedPage| Some(Picture { suffix, svg: page.svg()? });
    pages(title, &AnalysisRows::new(rows, layers)).into_iter().filter_map(draw).collect()
}
