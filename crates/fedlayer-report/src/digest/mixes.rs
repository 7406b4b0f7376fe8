//! Digests of barriers.

use fedlayer_core::AnalysisRow;

use super::{Focus, Table, largest, of_all, plain, shown};
use crate::{draw::number::share, rows::Rows, wording};

/// The full barrier and the largest of single layers, into every shown base.
pub(super) fn barriers(focus: &Focus<'_>) -> Table {
    let Some((barriers, baseline, alpha)) = focus.rows.barriers() else { return Table::default() };
    let bases = barriers.shown_bases();
    let layers = barriers.kind("layer");
    let named = bases.iter().map(|base| wording::base(base));
    let mut table = Table::new(&["layers"], named);
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
            let flag = if is_unequal(focus, row) { "!" } else { "" };
            is_flagged |= !flag.is_empty();
            cells.push(format!("{flag}{}", shown(row)));
        }
        table.rows.push(cells);
    }
    let warning = if is_flagged { UNEQUAL } else { "" };
    table.foot = format!(
        "barriers at α = {}, baseline {}; ± 2 standard errors{}{warning}",
        share(alpha),
        wording::baseline(baseline),
        of_all(top.len(), &layers)
    );
    table
}

const UNEQUAL: &str =
    "\n! the unmixed models' losses differ by more than this barrier: see the other baselines";

/// Whether the unmixed models lie farther apart than a barrier is high.
fn is_unequal(focus: &Focus<'_>, row: Option<&AnalysisRow>) -> bool {
    let apart = row.and_then(|row| focus.rows.ends_apart(&row.base));
    row.and_then(|row| row.value).zip(apart).is_some_and(|(barrier, apart)| apart > barrier.abs())
}

/// Per order and base: the full barrier, the largest on the way, and where half of the full one is reached.
pub(super) fn cumulative(focus: &Focus<'_>) -> Table {
    let Some((barriers, baseline, _)) = focus.rows.barriers() else { return Table::default() };
    let titles = ["full", "largest", "at k layers", "half of full at k layers"];
    let mut table = Table::new(&["order", "base"], titles.map(str::to_owned));
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
                wording::base(base),
                shown(full),
                shown(peak),
                peak.map_or_else(String::new, |row| count(row).to_string()),
                reached.map_or_else(|| "-".to_owned(), |count| count.to_string()),
            ]);
        }
    }
    table.foot =
        format!("barriers at α = ½, baseline {}; ± 2 standard errors", wording::baseline(baseline));
    table
}

/// Per width and base: the highest window, and the full barrier.
pub(super) fn window(focus: &Focus<'_>) -> Table {
    let Some((barriers, baseline, _)) = focus.rows.barriers() else { return Table::default() };
    let windows = barriers.kind("window");
    let mut widths = windows.distinct(|row| windows.members(&row.set).len());
    widths.sort_unstable();
    let mut table = Table::new(&["width", "base"], ["largest".to_owned(), "full".to_owned()]);
    table.heading.push(("at".to_owned(), crate::grid::ColumnAlign::Left));
    for width in widths {
        for base in windows.shown_bases() {
            let of_width = windows.base(base).only(|row| windows.members(&row.set).len() == width);
            let peak = highest(&of_width);
            table.rows.push(vec![
                width.to_string(),
                wording::base(base),
                shown(peak),
                shown(barriers.kind("full").base(base).first()),
                peak.map_or_else(String::new, |row| row.set.clone()),
            ]);
        }
    }
    table.foot =
        format!("barriers at α = ½, baseline {}; ± 2 standard errors", wording::baseline(baseline));
    table
}

/// Per base: the full barrier and the sum of the single layers' before and after alignment.
pub(super) fn align(focus: &Focus<'_>) -> Table {
    let Some((barriers, baseline, _)) = focus.rows.barriers() else { return Table::default() };
    let titles = ["full", "largest layer", "sum of layers"];
    let mut table = Table::new(&["base", "alignment"], titles.map(str::to_owned));
    for base in barriers.shown_bases() {
        for variant in ["before", "after"] {
            let rows = barriers.base(base).only(|row| row.variant.as_deref() == Some(variant));
            let layers = rows.kind("layer");
            let sum: Option<f64> = layers.iter().map(|row| row.value).sum();
            let layer = highest(&layers);
            table.rows.push(vec![
                wording::base(base),
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
        format!("barriers at α = ½, baseline {}; ± 2 standard errors", wording::baseline(baseline));
    table
}

/// The row of the highest value; one that is not finite is the highest.
fn highest<'a>(rows: &Rows<'a>) -> Option<&'a AnalysisRow> {
    let size = |row: &AnalysisRow| row.value.unwrap_or(f64::INFINITY);
    rows.iter().reduce(|best, next| if size(next) > size(best) { next } else { best })
}
