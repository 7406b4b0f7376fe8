//! `distance`: how far models are from each other, layer by layer, over rounds.

use fedlayer_core::record::AnalysisRow;

use crate::{
    analysis_rows::AnalysisRows,
    labels,
    pictures::{
        SuffixedPage,
        layer_bars::{LayerBars, LayerMark, LayerSeries},
        panels::panels,
    },
    plot::{
        axis::Axis,
        chart::{Chart, DataPoint, Series, SeriesKind, ValueAxis},
        colour::rising,
        legend::{Legend, LegendKey},
        mark::Style,
        number::short,
        page::Page,
        scale::AxisScale,
    },
    summary::{SummaryRows, SummaryTable, largest, of_all, shown},
};

/// The kinds of rows, and their names.
const KINDS: [(&str, &str); 4] = [
    ("distance", "distance ‖Δ‖₂"),
    ("relative", "relative distance"),
    ("cosine", "cosine of the values"),
    ("movement", "cosine of the movements"),
];

/// The number of layers up to which each has a colour of its own.
const FEW: usize = 6;

/// The meaning of the colours of more layers.
const LIGHTER: &str = "Lines of layers get lighter from the input to the output.";

/// Draws one picture: a panel per kind and comparison. Several rounds give a line per layer over
/// the rounds; one round gives a mark per layer.
pub(super) fn pages(title: &str, rows: &AnalysisRows<'_>) -> Vec<SuffixedPage> {
    let kinds: Vec<(&str, &str)> =
        KINDS.into_iter().filter(|(kind, _)| !rows.kind(kind).is_empty()).collect();
    let bases = rows.shown_bases();
    let shown = rows.only(|row| bases.contains(&row.base.as_str()));
    let (rounds, sets) = (shown.rounds(), shown.sets());
    let over_rounds = rounds.len() > 1;
    let has_ramp = over_rounds && layers(&sets) > FEW;
    let panels = panels(&kinds, &bases, |&&(kind, name), base| {
        let of_kind = shown.kind(kind);
        let title = format!("{name}, {}", compared(base));
        if over_rounds {
            return Some(lines(title, name, &of_kind, base, &sets));
        }
        let series =
            LayerSeries { name: compared(base), style: Style::of(0), rows: of_kind.base(base) };
        let (unit, mark) = (name.to_owned(), LayerMark::Marks);
        let bars = LayerBars { title, unit, mark, series: vec![series], beside: of_kind };
        Some(bars.chart(&|_| None))
    });
    let after = match rounds[..] {
        [round] => labels::models_after(round),
        _ => String::new(),
    };
    let page = Page {
        title: title.to_owned(),
        subtitle: format!(
            "Distance of two models in the trained values of each layer; relative: divided by the mean \
             of both norms. Cosines: 1 is the same direction, 0 a right angle; movements are those from \
             the common initial model.{after}"
        ),
        legend: if over_rounds { legend(&sets) } else { Legend::default() },
        panels,
        columns: if bases.len() == 1 { 2 } else { bases.len() },
        notes: has_ramp.then(|| LIGHTER.to_owned()).into_iter().collect(),
    };
    vec![(String::new(), page)]
}

/// Returns the models that a base names.
fn compared(base: &str) -> String {
    match (base, base.split_once("<-")) {
        ("mean", _) => "mean over the comparisons".to_owned(),
        ("max", _) => "largest of the comparisons".to_owned(),
        (_, Some((first, second))) => format!("models {first} and {second}"),
        _ => format!("model {base} and the mean of all"),
    }
}

fn legend(sets: &[&str]) -> Legend {
    let mut legend = Legend::default();
    for (index, set) in sets.iter().enumerate() {
        legend.add(LegendKey::Both(style(sets, index)), words(set));
    }
    legend
}

/// Returns the name of a layer set.
fn words(set: &str) -> &str {
    if set == "all" { "all layers" } else { set }
}

/// Returns the number of single layers.
fn layers(sets: &[&str]) -> usize {
    sets.iter().filter(|set| **set != "all").count()
}

/// Returns the style of a layer set. Many layers get darker towards the input; neighbours differ in
/// mark and dash.
fn style(sets: &[&str], index: usize) -> Style {
    let layers = layers(sets);
    if sets[index] == "all" && layers > 0 {
        return Style::reference();
    }
    let style = Style::of(index);
    if layers <= FEW {
        return style;
    }
    let colour = rising(0.8 * index as f64 / (layers - 1) as f64);
    Style { colour, fill: colour, ..style }
}

/// Returns the chart of a kind and comparison: a line per layer set over the rounds. All
/// comparisons have the same axes.
fn lines(
    title: String,
    unit: &str,
    of_kind: &AnalysisRows<'_>,
    base: &str,
    sets: &[&str],
) -> Chart {
    let of_base = of_kind.base(base);
    let series = |(index, set): (usize, &&str)| Series {
        style: style(sets, index),
        kind: SeriesKind::Both,
        points: of_base.set(set).iter().map(point).collect(),
    };
    let values: Vec<f64> = of_kind.iter().filter_map(|row| row.value).collect();
    Chart {
        title,
        size: (330.0, 240.0),
        x: Axis::numbers("round", AxisScale::around(of_kind.iter().map(|row| row.round.into()))),
        y: Axis::numbers(unit, AxisScale::fitting(&values)),
        values: ValueAxis::Up,
        series: sets.iter().enumerate().map(series).collect(),
        levels: Vec::new(),
        labels: Vec::new(),
    }
}

fn point(row: &AnalysisRow) -> DataPoint {
    let value = row.value.map_or_else(|| labels::NOT_FINITE.to_owned(), short);
    DataPoint {
        position: row.round.into(),
        value: row.value,
        error: None,
        hint: format!("{}, round {}: {value}", words(&row.set), row.round),
    }
}

/// Summarises, per comparison, all layers and those that are farthest apart.
pub(super) fn summary(selected: &SummaryRows<'_>) -> SummaryTable {
    let titles = ["distance", "relative", "cosine", "movements"].map(str::to_owned);
    let mut table = SummaryTable::new(&["models", "layers"], titles);
    let distances = selected.rows.kind("distance");
    let layers = distances.only(|row| row.set != "all");
    let top = largest(&layers);
    for base in distances.shown_bases() {
        let whole = distances.set("all");
        for set in whole.first().map(|_| "all").into_iter().chain(top.iter().copied()) {
            let of_set = selected.rows.base(base).set(set);
            let mut cells = vec![compared(base), set.to_owned()];
            cells.extend(KINDS.map(|(kind, _)| shown(of_set.kind(kind).first())));
            table.rows.push(cells);
        }
    }
    table.foot = format!(
        "distance ‖Δ‖₂, divided by the mean of both norms, and cosines of the values and of the \
         movements from the initial model{}",
        of_all(top.len(), &layers)
    );
    table
}
