//! Summaries of derivatives of the loss, and of what they predict.

use super::{SummaryRows, SummaryTable, largest, of_all, plain, shown};
use crate::labels;

/// Summarises, per model, trace and largest eigenvalue of all layers and of those with the largest
/// traces.
pub(super) fn hessian(selected: &SummaryRows<'_>) -> SummaryTable {
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

/// Summarises, per model, the layers with the largest κ.
pub(super) fn flatness(selected: &SummaryRows<'_>) -> SummaryTable {
    let kappas = selected.rows.kind("kappa");
    let bases = kappas.shown_bases();
    let mut table = SummaryTable::new(&["layer"], bases.iter().map(|base| labels::base(base)));
    let top = largest(&kappas);
    for set in &top {
        let cells = bases.iter().map(|base| shown(kappas.set(set).base(base).first()));
        table.rows.push(std::iter::once((*set).to_owned()).chain(cells).collect());
    }
    table.foot = format!(
        "relative flatness κ, smaller is flatter; ± 2 standard errors over the random directions{}",
        of_all(top.len(), &kappas)
    );
    table
}

/// Summarises, per model, the rank correlation of each predictor with the measured barriers.
pub(super) fn predict(selected: &SummaryRows<'_>) -> SummaryTable {
    let predictors = ["norm", "cosine", "expansion"];
    let mut table = SummaryTable::new(&["model"], predictors.map(str::to_owned));
    for base in selected.rows.kind("measured").shown_bases() {
        let rho = |predictor: &str| {
            let rows = selected.rows.kind(&format!("spearman-{predictor}")).base(base);
            rows.first().and_then(|row| row.value).map_or_else(|| "-".to_owned(), plain)
        };
        let mut cells = vec![labels::base(base)];
        cells.extend(predictors.map(rho));
        table.rows.push(cells);
    }
    table.foot = "rank correlation (Spearman) over the layers with the measured barriers at α = ½"
        .to_owned();
    table
}
