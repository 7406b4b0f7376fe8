//! `flatness`: relative flatness κ, layer by layer.

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
    mark: LayerMark::Marks,
    kinds: &[("kappa", "relative flatness κ")],
    about: "Relative flatness κ = Σ ⟨w_s, w_s'⟩ Tr(H_s,s') over the neurons of a layer (Petzka et al. 2021); smaller is flatter",
    errors: "Error bars: 2 standard errors of the mean over the random directions; none where the value is exact.",
};

/// Draws one picture per round: a panel per split and kind with a bar or mark per layer and model.
pub(super) fn pages(title: &str, rows: &AnalysisRows<'_>) -> Vec<SuffixedPage> {
    curvature::pages(title, rows, TOPIC)
}

/// Summarises, per model, the layers with the largest κ.
pub(super) fn summary(selected: &SummaryRows<'_>) -> SummaryTable {
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
