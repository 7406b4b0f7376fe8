//! Summaries of measurements of mixed models.

use fedlayer_core::record::AnalysisRow;

use super::{SummaryRows, SummaryTable, largest, of_all, plain, shown};
use crate::{
    analysis_rows::AnalysisRows,
    labels,
    misleading_barrier::{WARNING, is_misleading},
    plot::number::share,
    tables::ColumnAlign,
};

/// Summarises the full barrier and the largest barriers of single layers, in every shown base.
pub(super) fn barriers(selected: &SummaryRows<'_>) -> SummaryTable {
    let Some((barriers, baseline, alpha)) = selected.rows.barriers() else {
        return SummaryTable::default();
    };
    let bases = barriers.shown_bases();
    let layers = barriers.kind("layer");
    let named = bases.iter().map(|base| labels::base(base));
    let mut table = SummaryTable::new(&["layers"], named);
    let is_shown = |row: &AnalysisRow| bases.contains(&row.base.as_str());
    let top = largest(&layers.only(is_shown));
    let mut is_flagged = false;
    let full = barriers.kind("full");
    for (kind, set, name) in full
        .first()
        .map(|row| ("full", row.set.as_str(), "full"))
        .into_iter()
        .chain(top.iter().map(|set| ("layer", *set, *set)))
    {
        let mut cells = vec![name.to_owned()];
        for base in &bases {
            let row = barriers.kind(kind).set(set).base(base).first();
            let flag = if is_marked(selected, row) { "!" } else { "" };
            is_flagged |= !flag.is_empty();
            cells.push(format!("{flag}{}", shown(row)));
        }
        table.rows.push(cells);
    }
    let warning = if is_flagged { format!("\n{WARNING}") } else { String::new() };
    table.foot = format!(
        "barriers at α = {}, baseline {}; ± 2 standard errors{}{warning}",
        share(alpha),
        labels::baseline(baseline),
        of_all(top.len(), &layers)
    );
    table
}

/// Returns whether a barrier is misleading.
fn is_marked(selected: &SummaryRows<'_>, row: Option<&AnalysisRow>) -> bool {
    let spread = row.and_then(|row| selected.rows.end_loss_spread(&row.base));
    is_misleading(row.and_then(|row| row.value), spread)
}

/// Summarises, per order and base, the full barrier, the largest one on the way, and the number of
/// layers at which half of the full barrier is reached.
pub(super) fn cumulative(selected: &SummaryRows<'_>) -> SummaryTable {
    let Some((barriers, baseline, _)) = selected.rows.barriers() else {
        return SummaryTable::default();
    };
    let titles = ["full", "largest", "at k layers", "half of full at k layers"];
    let mut table = SummaryTable::new(&["order", "base"], titles.map(str::to_owned));
    for (kind, order) in [
        ("shallow", "from the input"),
        ("deep", "from the output"),
        ("random", "random"),
        ("alternating", "alternating"),
    ] {
        for base in barriers.kind(kind).shown_bases() {
            let steps = barriers.kind(kind).base(base);
            let count = |row: &AnalysisRow| steps.members(&row.set).len();
            let full =
                barriers.kind("full").base(base).first().or_else(|| steps.iter().next_back());
            let peak = highest(&steps);
            let half = full.and_then(|row| row.value).map(|full| full / 2.0);
            let reached = half.filter(|half| *half > 0.0).and_then(|half| {
                steps
                    .iter()
                    .filter(|row| row.value.is_none_or(|value| value >= half))
                    .map(count)
                    .min()
            });
            table.rows.push(vec![
                order.to_owned(),
                labels::base(base),
                shown(full),
                shown(peak),
                peak.map_or_else(String::new, |row| count(row).to_string()),
                reached.map_or_else(|| "-".to_owned(), |count| count.to_string()),
            ]);
        }
    }
    table.foot =
        format!("barriers at α = ½, baseline {}; ± 2 standard errors", labels::baseline(baseline));
    table
}

/// Summarises, per width and base, the window with the largest barrier, and the full barrier.
pub(super) fn window(selected: &SummaryRows<'_>) -> SummaryTable {
    let Some((barriers, baseline, _)) = selected.rows.barriers() else {
        return SummaryTable::default();
    };
    let windows = barriers.kind("window");
    let mut widths = windows.distinct(|row| windows.members(&row.set).len());
    widths.sort_unstable();
    let mut table =
        SummaryTable::new(&["width", "base"], ["largest".to_owned(), "full".to_owned()]);
    table.heading.push(("at".to_owned(), ColumnAlign::Left));
    for width in widths {
        for base in windows.shown_bases() {
            let of_width = windows.base(base).only(|row| windows.members(&row.set).len() == width);
            let peak = highest(&of_width);
            table.rows.push(vec![
                width.to_string(),
                labels::base(base),
                shown(peak),
                shown(barriers.kind("full").base(base).first()),
                peak.map_or_else(String::new, |row| row.set.clone()),
            ]);
        }
    }
    table.foot =
        format!("barriers at α = ½, baseline {}; ± 2 standard errors", labels::baseline(baseline));
    table
}

/// Summarises, per base, the full barrier, the largest barrier of a layer and their sum, before and
/// after the alignment.
pub(super) fn align(selected: &SummaryRows<'_>) -> SummaryTable {
    let Some((barriers, baseline, _)) = selected.rows.barriers() else {
        return SummaryTable::default();
    };
    let titles = ["full", "largest layer", "sum of layers"];
    let mut table = SummaryTable::new(&["base", "alignment"], titles.map(str::to_owned));
    for base in barriers.shown_bases() {
        for variant in ["before", "after"] {
            let rows = barriers.base(base).only(|row| row.variant.as_deref() == Some(variant));
            let layers = rows.kind("layer");
            let sum: Option<f64> = layers.iter().map(|row| row.value).sum();
            let layer = highest(&layers);
            table.rows.push(vec![
                labels::base(base),
                variant.to_owned(),
                shown(rows.kind("full").first()),
                layer.map_or_else(
                    || "-".to_owned(),
                    |row| format!("{} {}", row.set, shown(Some(row))),
                ),
                sum.filter(|_| !layers.is_empty()).map_or_else(|| "-".to_owned(), plain),
            ]);
        }
    }
    table.foot =
        format!("barriers at α = ½, baseline {}; ± 2 standard errors", labels::baseline(baseline));
    table
}

/// Returns the row with the largest value; one that is not finite counts as the largest.
fn highest<'a>(rows: &AnalysisRows<'a>) -> Option<&'a AnalysisRow> {
    let size = |row: &AnalysisRow| row.value.unwrap_or(f64::INFINITY);
    rows.iter().reduce(|best, next| if size(next) > size(best) { next } else { best })
}
