//! `robustness`: random directions beside the direction to the other model, as in Fig. 5.

use std::collections::BTreeMap;

use fedlayer_core::{record::AnalysisRow, spec::Baseline};

use crate::{
    analysis_rows::AnalysisRows,
    labels::{self, NOT_FINITE},
    pictures::{
        SuffixedPage,
        layer_groups::layers_and_whole,
        panels::{error_bar, panels},
        picture_rows::{PictureRows, page_per_round_and_metric},
    },
    plot::{
        axis::Axis,
        chart::{Chart, DataPoint, Series, SeriesKind, ValueAxis},
        colour::CATEGORIES,
        legend::{Legend, LegendKey},
        mark::{MarkShape, Style},
        number::{share, with_error},
        page::Page,
        scale::AxisScale,
    },
    summary::{SummaryRows, SummaryTable, largest, of_all, plain_loss, shown},
};

/// The marks of the mixing coefficients α in ascending order: of random directions, of mixes.
const SHAPES: [(MarkShape, MarkShape); 3] = [
    (MarkShape::Disc, MarkShape::Diamond),
    (MarkShape::Square, MarkShape::Triangle),
    (MarkShape::Upended, MarkShape::Cross),
];

/// The height of a layer's row, in pixels.
const ROW: f64 = 30.0;

/// Draws one picture per round and metric: a panel per split and base with a row per layer, and in
/// it the marks of each α.
pub(super) fn pages(title: &str, rows: &AnalysisRows<'_>) -> Vec<SuffixedPage> {
    let losses = with_paired_errors(rows);
    let losses = AnalysisRows::new(&losses, rows.layers);
    page_per_round_and_metric(&losses, |picture| page(title, picture))
}

/// Returns the losses, each with the standard error of its difference from the model's own loss if
/// that difference was recorded.
///
/// Both losses are measured on the same examples. What these have in common does not make the
/// difference uncertain.
fn with_paired_errors(rows: &AnalysisRows<'_>) -> Vec<AnalysisRow> {
    let key = |row: &AnalysisRow| {
        let names = (row.kind.clone(), row.set.clone(), row.base.clone());
        (row.round, row.split, row.metric, names, row.alpha.map(f64::to_bits), row.draw)
    };
    let differences = rows.only(|row| row.baseline == Some(Baseline::Base));
    let errors: BTreeMap<_, Option<f64>> =
        differences.iter().map(|row| (key(row), row.std_error)).collect();
    let losses = rows.only(|row| row.baseline.is_none());
    let paired = |row: &AnalysisRow| {
        let std_error = errors.get(&key(row)).copied().unwrap_or(row.std_error);
        AnalysisRow { std_error, ..row.clone() }
    };
    losses.iter().map(paired).collect()
}

fn page(title: &str, picture: &PictureRows<'_>) -> Option<Page> {
    let measured = picture.rows.only(|row| ["random", "mix"].contains(&row.kind.as_str()));
    let (bases, alphas) = (measured.distinct(|row| row.base.as_str()), measured.alphas());
    if bases.is_empty() {
        return None;
    }
    let split_and_group = measured.splits().into_iter().flat_map(|split| {
        let groups = layers_and_whole(&measured.split(split)).into_iter();
        groups.map(move |(suffix, rows)| (split, suffix, rows)).collect::<Vec<_>>()
    });
    let panels = panels(split_and_group, &bases, |(split, suffix, rows), base| {
        let own = picture.rows.split(*split).kind("end").base(labels::base_model(base));
        let measured = labels::measured(*split, picture.metric);
        let title = format!("{measured} around {}{suffix}", labels::base(base));
        let unit = labels::unit(picture.metric);
        Some(chart((title, unit), rows, base, &own, &alphas))
    });
    let subtitle = picture.about(
        "One layer of a model moved α of the way to the other model's (mix), or as far in random directions",
    );
    let notes = vec![
        "Error bars: 2 standard errors of the difference from the model itself; over the draws for random directions, over the examples for mixes.".to_owned(),
    ];
    let legend = legend(&measured, &alphas);
    Some(Page { title: title.to_owned(), subtitle, legend, panels, columns: bases.len(), notes })
}

fn legend(measured: &AnalysisRows<'_>, alphas: &[f64]) -> Legend {
    let mut legend = Legend::default();
    for (index, alpha) in alphas.iter().enumerate() {
        let at = share(*alpha);
        legend.add(LegendKey::Mark(random(index).open()), format!("random directions, α = {at}"));
        legend.add(LegendKey::Mark(random(index)), format!("their mean, α = {at}"));
        let swap = if *alpha == 1.0 { "full swap" } else { "mix" };
        legend.add(LegendKey::Mark(mix(index)), format!("{swap}, α = {at}"));
    }
    legend.add(LegendKey::Line(Style::reference()), "the model itself");
    if measured.has_lost() {
        legend.add(LegendKey::Cross, NOT_FINITE);
    }
    legend
}

fn random(index: usize) -> Style {
    let shape = SHAPES[index % SHAPES.len()].0;
    Style { shape, colour: CATEGORIES[0], fill: CATEGORIES[0], dash: "", radius: 3.8 }
}

fn mix(index: usize) -> Style {
    let shape = SHAPES[index % SHAPES.len()].1;
    Style { shape, colour: CATEGORIES[1], fill: CATEGORIES[1], dash: "", radius: 4.0 }
}

/// Returns the chart of a base; `rows` are those of a split, `own` is the model's own loss.
fn chart(
    (title, unit): (String, &str),
    rows: &AnalysisRows<'_>,
    base: &str,
    own: &AnalysisRows<'_>,
    alphas: &[f64],
) -> Chart {
    // Both models share the axis of values.
    let extent = |row: &AnalysisRow| {
        let error = own_error_bar(row).unwrap_or(0.0);
        [row.value.map(|value| value - error), row.value.map(|value| value + error)]
    };
    let own = own.first().and_then(|row| row.value);
    let all: Vec<f64> = rows.iter().flat_map(extent).chain([own]).flatten().collect();
    let shown = rows.base(base);
    let sets = shown.sets();
    let mut series = Vec::new();
    for (index, alpha) in alphas.iter().enumerate() {
        let offset = (index as f64 - (alphas.len() as f64 - 1.0) / 2.0) * 0.8 / alphas.len() as f64;
        let at = shown.alpha(*alpha);
        let marks = |style: Style, rows: AnalysisRows<'_>| {
            let points = points(&rows, &sets, offset);
            Series { style, kind: SeriesKind::Marks, points }
        };
        let is_mean = |row: &AnalysisRow| row.kind == "random" && row.draw.is_none();
        series.push(marks(random(index).open(), at.only(|row| row.draw.is_some())));
        series.push(marks(random(index), at.only(is_mean)));
        series.push(marks(mix(index), at.kind("mix")));
    }
    Chart {
        title,
        size: (340.0, ROW * sets.len() as f64),
        x: Axis::numbers(unit, AxisScale::fitting(&all)),
        y: Axis::names("", sets.iter().map(ToString::to_string).collect()),
        values: ValueAxis::Across,
        series,
        levels: own.into_iter().map(|value| (value, Style::reference())).collect(),
        labels: Vec::new(),
    }
}

/// Returns half the length of a row's error bar. A single draw has none: its error is that over the
/// examples and would hide the spread over the draws.
fn own_error_bar(row: &AnalysisRow) -> Option<f64> {
    error_bar(row).filter(|_| row.draw.is_none())
}

fn points(rows: &AnalysisRows<'_>, sets: &[&str], offset: f64) -> Vec<DataPoint> {
    let point = |row: &AnalysisRow| {
        let index = sets.iter().position(|set| *set == row.set)?;
        let draw = row.draw.map_or_else(String::new, |draw| format!(", draw {draw}"));
        Some(DataPoint {
            position: index as f64 + 0.5 + offset,
            value: row.value,
            error: own_error_bar(row),
            hint: format!(
                "{}, {}{draw}, α = {}: {}",
                row.set,
                row.kind,
                share(row.alpha.unwrap_or(0.0)),
                with_error(row.value, row.std_error)
            ),
        })
    };
    rows.iter().filter_map(point).collect()
}

/// Summarises, per model and layer, how much a mix and a random direction of the same length add to
/// the loss at each α, for the layers in which the farthest mix adds most.
pub(super) fn summary(selected: &SummaryRows<'_>) -> SummaryTable {
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
            let mut cells = vec![labels::base(base), set.to_owned(), plain_loss(own)];
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
