//! [`Picture`]: a picture of an analysis, as SVG text.
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

use crate::plot::page::Page;

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
