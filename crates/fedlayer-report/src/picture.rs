//! To be replaced.

use fedlayer_core::{AnalysisRow, LayerName};

/// A picture of an analysis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// What tells its file from the others.
    pub suffix: String,
    /// SVG text.
    pub svg: String,
}

impl Picture {
    /// The name of its file.
    pub fn file_name(&self, name: &str) -> String {
        format!("{name}{}.svg", self.suffix)
    }
}

/// The pictures of an analysis.
pub fn picture(_: &str, _: &str, _: &[AnalysisRow], _: &[LayerName]) -> Vec<Picture> {
    Vec::new()
}

/// The most important numbers.
pub fn digest(_: &str, _: &[AnalysisRow], _: &[LayerName]) -> String {
    String::new()
}

/// CSV.
pub fn sheet(_: &[AnalysisRow]) -> String {
    String::new()
}
