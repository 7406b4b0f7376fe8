//! [`pictures`] and [`analysis_summary`] of an analysis; one file per measurement.

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

use fedlayer_core::{model::LayerName, record::AnalysisRow, spec::Measurement};

use crate::{
    analysis_rows::AnalysisRows,
    pictures::{Picture, SuffixedPage},
    summary::{SummaryRows, SummaryTable},
};

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

/// Returns the most important numbers of an analysis as a table, with an explanation below it;
/// `layers` are the model's layers from the input.
pub fn analysis_summary(
    measure: &Measurement,
    rows: &[AnalysisRow],
    layers: &[LayerName],
) -> String {
    let Some(selected) = SummaryRows::of(&AnalysisRows::new(rows, layers)) else {
        return format!("{}: no values\n", measure.word());
    };
    let summary = AnalysisView::of(measure).summary;
    summary(&selected).text(&selected)
}

/// Draws the pictures of an analysis under a title.
type PageMaker = fn(&str, &AnalysisRows<'_>) -> Vec<SuffixedPage>;

/// Makes the table of the most important numbers of an analysis.
type SummaryMaker = fn(&SummaryRows<'_>) -> SummaryTable;

/// The functions that show the rows of a measurement.
pub(crate) struct AnalysisView {
    pub(crate) pages: PageMaker,
    pub(crate) summary: SummaryMaker,
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

    fn new(pages: PageMaker, summary: SummaryMaker) -> Self {
        Self { pages, summary }
    }
}
