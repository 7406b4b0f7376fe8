//! Summaries of losses of moved models.

use fedlayer_core::{record::AnalysisRow, spec::Baseline};

use super::{SummaryRows, SummaryTable, estimate, largest, of_all, plain, shown};
use crate::{analysis_rows::AnalysisRows, labels, plot::number::share};

/// Summarises, per model and layer, how much a mix and a random direction of the same length add to
/// the loss at each α, for the layers in which the farthest mix adds most.
pub(super) fn robustness(selected: &SummaryRows<'_>) -> SummaryTable {
    let added = selected.rows.only(|row| row.baseline == Some(Baseline::Base));
    let alphas = added.kind("mix").alphas();
    let Some(farthest) = alphas.last() else { return SummaryTable::default() };
    let titles = alphas.iter().flat_map(|alpha| {
        let alpha = share(*alpha);
        [format!("mix at {alpha}"), format!("random at {alpha}")]
    });
    let titles = std::iter::once("itself".to_owned()).chain(titles);
    let mut table = SummaryTable::new(&["model", "layers"], titles);
    let far = added.kind("mix").alpha(*farthest);
    let layers = far.only(|row| row.set != "all");
    let top = largest(&layers);
    for base in far.distinct(|row| row.base.as_str()) {
        let own = selected.rows.kind("end").base(labels::base_model(base)).first();
        let whole = far.only(|row| row.set == "all");
        for set in whole.first().map(|_| "all").into_iter().chain(top.iter().copied()) {
            let at = added.base(base).set(set);
            let mut cells = vec![labels::base(base), set.to_owned(), value(own)];
            for alpha in &alphas {
                let at = at.alpha(*alpha);
                cells.push(shown(at.kind("mix").first()));
                cells.push(shown(at.kind("random").only(|row| row.draw.is_none()).first()));
            }
            table.rows.push(cells);
        }
    }
    table.foot = format!(
        "increase by a mix or by a random direction of the same length, ± 2 standard errors{}",
        of_all(top.len(), &layers)
    );
    table
}

/// Returns a loss without its standard error. The error over the examples does not apply to the
/// difference from another loss on the same examples.
fn value(row: Option<&AnalysisRow>) -> String {
    row.map_or_else(|| "-".to_owned(), |row| estimate(row.value, None))
}

/// Summarises, per model and kind of noise in all layers, the median losses of the shorter and of
/// the longer half of the lengths.
pub(super) fn subspace(selected: &SummaryRows<'_>) -> SummaryTable {
    let noise = selected.rows.set("all").only(|row| row.sigma.is_some());
    let most = noise.iter().filter_map(|row| row.sigma).fold(0.0, f64::max);
    let half = plain(most / 2.0);
    let titles = ["without".to_owned(), format!("σ to {half}"), format!("σ from {half}")];
    let mut table = SummaryTable::new(&["model", "noise"], titles);
    for base in noise.distinct(|row| row.base.as_str()) {
        for kind in noise.distinct(|row| row.kind.as_str()) {
            let of_kind = noise.base(base).kind(kind);
            let median = |longer: bool| {
                let part = of_kind.only(|row| (row.sigma.unwrap_or(0.0) > most / 2.0) == longer);
                median(&part).map_or_else(|| "-".to_owned(), plain)
            };
            table.rows.push(vec![
                labels::base(base),
                kind.to_owned(),
                value(selected.rows.kind("clean").base(base).first()),
                median(false),
                median(true),
            ]);
        }
    }
    table.foot = "medians over the draws".to_owned();
    table
}

/// Returns the median; values that are not finite count as the largest.
fn median(rows: &AnalysisRows<'_>) -> Option<f64> {
    let mut values: Vec<f64> = rows.iter().map(|row| row.value.unwrap_or(f64::INFINITY)).collect();
    values.sort_unstable_by(f64::total_cmp);
    let count = values.len();
    Some((values.get(count.checked_sub(1)? / 2)? + values.get(count / 2)?) / 2.0)
}

/// Summarises the losses of the models, and the lowest and highest loss around and between them.
pub(super) fn surface(selected: &SummaryRows<'_>) -> SummaryTable {
    let mut table = SummaryTable::new(&["where"], ["loss", "α", "β"].map(str::to_owned));
    let mut push = |name: String, row: &AnalysisRow| {
        let at = |share: Option<f64>| share.map_or_else(|| "-".to_owned(), plain);
        table.rows.push(vec![name, estimate(row.value, None), at(row.alpha), at(row.beta)]);
    };
    for model in selected.rows.kind("model").iter() {
        push(labels::base(&model.base), model);
    }
    for (kind, name) in [
        ("segment", "segment"),
        ("plane", "plane"),
        ("path-full", "way of both sets together"),
        ("path-layers", "way of the first set, then the second"),
    ] {
        let rows = selected.rows.kind(kind);
        let size = |row: &AnalysisRow| row.value.unwrap_or(f64::INFINITY);
        let lowest =
            rows.iter().reduce(|best, next| if size(next) < size(best) { next } else { best });
        let highest =
            rows.iter().reduce(|best, next| if size(next) > size(best) { next } else { best });
        for (row, word) in [(lowest, "lowest"), (highest, "highest")] {
            if let Some(row) = row {
                push(format!("{name}, {word}"), row);
            }
        }
    }
    table
}

/// Summarises, per model and layer, the loss with the layer put back or drawn anew, and its module
/// criticality, for the layers that matter most.
pub(super) fn criticality(selected: &SummaryRows<'_>) -> SummaryTable {
    let titles = ["itself", "initial", "redrawn", "module criticality"];
    let mut table = SummaryTable::new(&["model", "layer"], titles.map(str::to_owned));
    let initial = selected.rows.kind("initial");
    let top = largest(&initial);
    for base in initial.shown_bases() {
        let own = selected.rows.kind("end").base(labels::base_model(base)).first();
        for set in &top {
            let of_layer = selected.rows.base(base).set(set);
            let redrawn = of_layer.kind("redrawn").only(|row| row.draw.is_none());
            let module = of_layer.kind("criticality");
            let module = module.first().map_or_else(
                || "-".to_owned(),
                |row| row.value.map_or_else(|| "none".to_owned(), plain),
            );
            table.rows.push(vec![
                labels::base(base),
                (*set).to_owned(),
                value(own),
                value(of_layer.kind("initial").first()),
                value(redrawn.first()),
                module,
            ]);
        }
    }
    table.foot = format!(
        "loss with the layer as it was initially, or drawn anew{}",
        of_all(top.len(), &initial)
    );
    table
}
