//! `barriers`: heat maps of layer sets over rounds, as in Fig. 2 of Adilova et al. (ICLR 2024).

use fedlayer_core::{
    record::{AnalysisRow, Metric},
    spec::SplitSpec,
};

use crate::{
    analysis_rows::AnalysisRows,
    labels::{self, NOT_FINITE, UNCERTAIN, UNEQUAL},
    misleading_barrier::{WARNING, is_misleading},
    pictures::{SuffixedPage, panels::panels},
    plot::{
        heat_map::{HeatCell, HeatMap},
        legend::{Legend, LegendKey},
        number::share,
        page::Page,
        scale::limit,
    },
    summary::{SummaryRows, SummaryTable, largest, of_all, shown},
};

/// Draws one picture with a heat map per split, metric and base. A column is a round; a row is the
/// full model, a layer (from the input) or another layer set.
pub(super) fn pages(title: &str, rows: &AnalysisRows<'_>) -> Vec<SuffixedPage> {
    let Some((barriers, baseline, alpha)) = rows.barriers() else { return Vec::new() };
    let barriers = barriers.of_layer_sets();
    let bases = barriers.shown_bases();
    let shown = barriers.only(|row| bases.contains(&row.base.as_str()));
    let mut legend = Legend::default();
    let mut notes = Vec::new();
    let losses = shown.losses();
    let split_and_metric = shown
        .splits()
        .into_iter()
        .flat_map(|split| losses.iter().map(move |&metric| (split, metric)));
    let panels = panels(split_and_metric, &bases, |&(split, metric), base| {
        let key = PanelKey { split, metric, base };
        let of_panel = shown.metric(metric).split(split).base(base);
        let heat_map = heat_map(rows, &of_panel, key, largest_barrier(&shown.metric(metric)))?;
        explain(&heat_map, &mut legend, &mut notes);
        Some(heat_map)
    });
    let subtitle = format!(
        "Barrier of averaging the layers of a row at α = {}: loss of the mix minus {}. Colour: signed square root of the barrier, from blue (better) to brown (worse).",
        share(alpha),
        labels::baseline(baseline)
    );
    // A few columns leave room for two rows of panels side by side.
    let is_narrow = shown.rounds().len() <= 3 && bases.len() <= 2;
    let columns = if is_narrow { 2 * bases.len() } else { bases.len() };
    let page = Page { title: title.to_owned(), subtitle, legend, panels, columns, notes };
    vec![(String::new(), page)]
}

/// Returns the value at which the colours of a metric's heat maps end.
fn largest_barrier(of_metric: &AnalysisRows<'_>) -> f64 {
    let size = |row: &AnalysisRow| row.value.unwrap_or(0.0).abs();
    limit(of_metric.iter().map(size).fold(0.0, f64::max))
}

/// The split, metric and base of a panel.
#[derive(Clone, Copy)]
struct PanelKey<'a> {
    split: Option<SplitSpec>,
    metric: Metric,
    base: &'a str,
}

/// Returns the heat map of a panel's rows `shown`; `None` if there are none. `rows` are all rows of
/// the analysis.
fn heat_map(
    rows: &AnalysisRows<'_>,
    shown: &AnalysisRows<'_>,
    PanelKey { split, metric, base }: PanelKey<'_>,
    limit: f64,
) -> Option<HeatMap> {
    if shown.is_empty() {
        return None;
    }
    let rounds = shown.rounds();
    let sets = ordered(shown);
    let cells: Vec<Vec<HeatCell>> = sets
        .iter()
        .map(|set| rounds.iter().map(|&round| cell(&shown.round(round), set)).collect())
        .collect();
    let flag = |(index, &round): (usize, &u32)| {
        let ends = rows.round(round).split(split).metric(metric).end_loss_spread(base);
        let column: Vec<HeatCell> = cells.iter().map(|row| row[index]).collect();
        is_flagged(&sets, &column, ends)
    };
    let flags = rounds.iter().enumerate().map(flag).collect();
    let is_given = rounds == [0];
    let column = |round: &u32| if is_given { "as given".to_owned() } else { round.to_string() };
    Some(HeatMap {
        title: format!("{}, {}", labels::measured(split, metric), labels::base(base)),
        rows: sets.iter().map(|(kind, set)| row_name(shown, kind, set)).collect(),
        row_label: String::new(),
        columns: rounds.iter().map(column).collect(),
        column_label: if is_given { "models" } else { "round" }.to_owned(),
        flags,
        cells,
        limit,
        unit: format!("barrier ({})", labels::difference(metric)),
    })
}

/// Returns kind and set of each row of a heat map: the full model, each layer from the input, then
/// the other sets.
fn ordered<'a>(shown: &AnalysisRows<'a>) -> Vec<(&'a str, &'a str)> {
    let mut sets = shown.distinct(|row| (row.kind.as_str(), row.set.as_str()));
    sets.sort_by_key(|(kind, set)| match *kind {
        "full" => (0, 0),
        "layer" => (1, shown.layer_index(set)),
        _ => (2, 0),
    });
    sets
}

fn cell(shown: &AnalysisRows<'_>, &(kind, set): &(&str, &str)) -> HeatCell {
    let row = shown.iter().find(|row| row.kind == kind && row.set == set);
    row.map_or(HeatCell::Empty, |row| HeatCell::measured(row.value, row.std_error))
}

fn row_name(shown: &AnalysisRows<'_>, kind: &str, set: &str) -> String {
    match kind {
        "full" => "full".to_owned(),
        // The only layer of a model is recorded as the set `all`.
        "layer" => match shown.layers {
            [only] if set == "all" => only.to_string(),
            _ => set.to_owned(),
        },
        "named" => set.to_owned(),
        _ => format!("{kind} {set}"),
    }
}

/// Returns whether the losses of the unmixed models differ by more than the full barrier; without a
/// full barrier, by more than the largest barrier of a layer.
fn is_flagged(sets: &[(&str, &str)], column: &[HeatCell], ends: Option<f64>) -> bool {
    let size = |wanted: &str| {
        let cells = sets.iter().zip(column).filter(|((kind, _), _)| *kind == wanted);
        cells.map(|(_, cell)| cell.size()).reduce(f64::max)
    };
    let barrier = size("full").or_else(|| size("layer"));
    is_misleading(barrier, ends)
}

/// Adds the signs of a heat map to the legend, and the warning of its flags to the notes.
fn explain(heat_map: &HeatMap, legend: &mut Legend, notes: &mut Vec<String>) {
    let cells = || heat_map.cells.iter().flatten();
    if cells().any(|cell| cell.is_uncertain()) {
        legend.add(LegendKey::Hatch, UNCERTAIN);
    }
    if cells().any(|cell| *cell == HeatCell::Lost) {
        legend.add(LegendKey::Cross, NOT_FINITE);
    }
    if heat_map.flags.contains(&true) && notes.is_empty() {
        legend
            .add(LegendKey::Sign("!".to_owned()), "unmixed models farther apart than the barrier");
        notes.push(UNEQUAL.to_owned());
    }
}

/// Summarises the full barrier and the largest barriers of single layers, in every shown base.
pub(super) fn summary(selected: &SummaryRows<'_>) -> SummaryTable {
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
