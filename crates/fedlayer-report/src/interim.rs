use fedlayer_core::{AnalysisRow, LayerName};

/// The most important numbers.
pub fn digest(_: &str, _: &[AnalysisRow], _: &[LayerName]) -> String {
    String::new()
}

/// CSV.
pub fn sheet(_: &[AnalysisRow]) -> String {
    String::new()
}
