//! `hessian`: trace and largest eigenvalue of the Hessian, layer by layer.

use crate::{
    analysis_rows::AnalysisRows,
    labels,
    pictures::{
        SuffixedPage,
        curvature::{self, Topic},
        layer_bars::LayerMark,
    },
    summary::{SummaryRows, SummaryTable, largest, of_all, shown},
};

const TOPIC: Topic = Topic {
    mark: LayerMark::Bars,
    kinds: &[("trace", "trace"), ("top", "largest eigenvalue")],
    about: "Hessian of the mean loss by the values of one layer (its block on the diagonal), and of all layers; the eigenvalue is the one of largest magnitude, with its sign",
    errors: "Error bars: 2 standard errors of the mean over the random directions for the trace, none where it is exact; the residual for the eigenvalue.",
};

/// Draws one picture per round: a panel per split and kind with a bar or mark per layer and model.
pub(super) fn pages(title: &str, rows: &AnalysisRows<'_>) -> Vec<SuffixedPage> {
    curvature::pages(title, rows, TOPIC)
}

/// Summarises, per model, trace and largest eigenvalue of all layers and of those with the largest
/// traces.
pub(super) fn summary(selected: &SummaryRows<'_>) -> SummaryTable {
    let titles = ["trace", "largest eigenvalue", "residual"];
    let mut table = SummaryTable::new(&["model", "layers"], titles.map(str::to_owned));
    let traces = selected.rows.kind("trace");
    let layers = traces.only(|row| row.set != "all");
    let top = largest(&layers);
    for base in traces.shown_bases() {
        for set in std::iter::once("all").chain(top.iter().copied()) {
            let of_set = selected.rows.base(base).set(set);
            let mut cells = vec![labels::base(base), set.to_owned()];
            let kinds = ["trace", "top", "residual"];
            cells.extend(kinds.map(|kind| shown(of_set.kind(kind).first())));
            table.rows.push(cells);
        }
    }
    table.foot =
        format!("± 2 standard errors over the random directions{}", of_all(top.len(), &layers));
    table
}
