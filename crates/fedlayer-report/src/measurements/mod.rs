//! [`AnalysisView`]: the pictures and the summary of a measurement; one file per measurement.

mod align;
mod barriers;
mod criticality;
mod cumulative;
mod distance;
mod flatness;
mod hessian;
mod predict;
mod robustness;
mod subspace;
mod surface;
mod window;

use fedlayer_core::spec::Measurement;

use crate::{
    analysis_rows::AnalysisRows,
    pictures::SuffixedPage,
    summary::{SummaryRows, SummaryTable},
};

/// Draws the pictures of an analysis under a title.
type Pages = fn(&str, &AnalysisRows<'_>) -> Vec<SuffixedPage>;

/// Makes the table of the most important numbers of an analysis.
type Summary = fn(&SummaryRows<'_>) -> SummaryTable;

/// The functions that show the rows of a measurement.
pub(crate) struct AnalysisView {
    pub(crate) pages: Pages,
    pub(crate) summary: Summary,
}

impl AnalysisView {
    /// Returns the view of a measurement.
    pub(crate) fn of(measure: &Measurement) -> Self {
        match measure {
            Measurement::Barriers(_) => Self::new(barriers::pages, barriers::summary),
            Measurement::Cumulative(_) => Self::new(cumulative::pages, cumulative::summary),
            Measurement::Window(_) => Self::new(window::pages, window::summary),
            Measurement::Robustness(_) => Self::new(robustness::pages, robustness::summary),
            Measurement::Subspace(_) => Self::new(subspace::pages, subspace::summary),
            Measurement::Criticality(_) => Self::new(criticality::pages, criticality::summary),
            Measurement::Flatness(_) => Self::new(flatness::pages, flatness::summary),
            Measurement::Hessian(_) => Self::new(hessian::pages, hessian::summary),
            Measurement::Surface(_) => Self::new(surface::pages, surface::summary),
            Measurement::Predict(_) => Self::new(predict::pages, predict::summary),
            Measurement::Align(_) => Self::new(align::pages, align::summary),
            Measurement::Distance(_) => Self::new(distance::pages, distance::summary),
        }
    }

    fn new(pages: Pages, summary: Summary) -> Self {
        Self { pages, summary }
    }
}
