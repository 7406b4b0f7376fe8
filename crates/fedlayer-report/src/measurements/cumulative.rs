//! `cumulative`: barriers of layer sets that grow by one layer at a time, as in Fig. 3.

use fedlayer_core::{record::AnalysisRow, spec::SplitSpec};

use crate::{
    analysis_rows::AnalysisRows,
    labels::{self, ERRORS, NOT_FINITE, UNEQUAL},
    misleading_barrier::is_misleading,
    pictures::{
        SuffixedPage,
        panels::{error_bar, error_bar_ends, panels},
        picture_rows::{PictureRows, page_per_round_and_metric},
    },
    plot::{
        axis::Axis,
        chart::{Chart, DataPoint, Series, SeriesKind, ValueAxis},
        legend::{Legend, LegendKey},
        mark::Style,
        number::with_error,
        page::Page,
        scale::AxisScale,
    },
    summary::{SummaryRows, SummaryTable, barriers_at_half, highest, shown},
};

/// The orders in which layers are added: their kind in the records, and their name in titles.
const ORDERS: [(&str, &str); 4] = [
    ("shallow", "from the input"),
    ("deep", "from the output"),
    ("random", "in a random order"),
    ("alternating", "both ends, then the middle"),
];

/// Draws one picture per round and metric: a panel per split and order with a line per base.
pub(super) fn pages(title: &str, rows: &AnalysisRows<'_>) -> Vec<SuffixedPage> {
    page_per_round_and_metric(rows, |picture| page(title, picture))
}

fn page(title: &str, picture: &PictureRows<'_>) -> Option<Page> {
    let (barriers, baseline, _) = picture.rows.barriers()?;
    let bases = barriers.shown_bases();
    let orders: Vec<(&str, &str)> =
        ORDERS.into_iter().filter(|(kind, _)| !barriers.kind(kind).is_empty()).collect();
    let mut notes = vec![ERRORS.to_owned()];
    if barriers.splits().iter().any(|split| is_flagged(picture, &barriers, *split, &bases)) {
        notes.push(UNEQUAL.to_owned());
    }
    let panels = panels(barriers.splits(), &orders, |split, order| {
        let flag = if is_flagged(picture, &barriers, *split, &bases) { "! " } else { "" };
        let chart = chart(picture, &barriers.split(*split), *split, *order, &bases);
        Some(Chart { title: format!("{flag}{}", chart.title), ..chart })
    });
    let subtitle = picture.about(&format!(
        "Barrier of averaging the first k layers of an order at α = ½: loss of the mix minus {}",
        labels::baseline(baseline)
    ));
    let columns = orders.len().min(2);
    let legend = legend(&barriers, &bases);
    Some(Page { title: title.to_owned(), subtitle, legend, panels, columns, notes })
}

fn legend(barriers: &AnalysisRows<'_>, bases: &[&str]) -> Legend {
    let mut legend = Legend::default();
    for (index, base) in bases.iter().enumerate() {
        legend.add(LegendKey::Both(Style::of(index)), labels::base(base));
    }
    for split in barriers.splits() {
        let of_split = barriers.split(split);
        if !of_split.kind("full").is_empty() {
            legend.add(LegendKey::Line(Style::reference()), "full barrier");
        }
        if of_split.only(|row| bases.contains(&row.base.as_str())).has_lost() {
            legend.add(LegendKey::Cross, NOT_FINITE);
        }
    }
    legend
}

/// Returns whether a split's unmixed models differ by more than the full barrier in one of the
/// bases.
fn is_flagged(
    picture: &PictureRows<'_>,
    barriers: &AnalysisRows<'_>,
    split: Option<SplitSpec>,
    bases: &[&str],
) -> bool {
    let full = barriers.split(split).kind("full");
    let all = picture.rows.split(split);
    bases.iter().any(|base| {
        let barrier = full.base(base).first().and_then(|row| row.value);
        is_misleading(barrier, all.end_loss_spread(base))
    })
}

fn chart(
    picture: &PictureRows<'_>,
    of_split: &AnalysisRows<'_>,
    split: Option<SplitSpec>,
    (kind, order): (&str, &str),
    bases: &[&str],
) -> Chart {
    let shown = of_split.only(|row| bases.contains(&row.base.as_str()));
    let steps = shown.kind(kind);
    let names = step_names(&steps);
    let series = bases.iter().enumerate().map(|(index, base)| Series {
        style: Style::of(index),
        kind: SeriesKind::Both,
        points: points(&steps.base(base), &labels::base(base)),
    });
    // The panels of a split share their axis of values.
    let extent = shown.only(|row| ORDERS.iter().any(|(kind, _)| row.kind == *kind));
    let full = shown.kind("full");
    let values: Vec<f64> = extent.iter().chain(full.iter()).flat_map(error_bar_ends).collect();
    let levels = full.distinct(|row| row.value).into_iter().flatten();
    Chart {
        title: format!("{}, {order}", labels::measured(split, picture.metric)),
        size: ((18.0 * names.len() as f64).max(300.0), 220.0),
        x: Axis::names("number of layers averaged, and the layer added", names),
        y: Axis::numbers(
            &format!("barrier ({})", labels::difference(picture.metric)),
            AxisScale::with_zero(values),
        ),
        values: ValueAxis::Up,
        series: series.collect(),
        levels: levels.map(|value| (value, Style::reference())).collect(),
        labels: Vec::new(),
    }
}

/// Returns `3 fc1` for each step: the number of layers after it, and the layer that it adds.
fn step_names(steps: &AnalysisRows<'_>) -> Vec<String> {
    let mut sets: Vec<Vec<usize>> =
        steps.distinct(|row| row.set.as_str()).into_iter().map(|set| steps.members(set)).collect();
    sets.sort_by_key(Vec::len);
    let mut before: Vec<usize> = Vec::new();
    let mut names = Vec::new();
    for set in sets {
        let added = set.iter().filter(|layer| !before.contains(layer));
        let added: Vec<&str> = added.map(|&layer| steps.layers[layer].as_str()).collect();
        names.push(format!("{} {}", set.len(), added.join("+")));
        before = set;
    }
    names
}

fn points(steps: &AnalysisRows<'_>, base: &str) -> Vec<DataPoint> {
    let mut points: Vec<DataPoint> = steps
        .iter()
        .map(|row| {
            let count = steps.members(&row.set).len();
            DataPoint {
                position: count as f64 - 0.5,
                value: row.value,
                error: error_bar(row),
                hint: format!("{base}, {count} layers: {}", with_error(row.value, row.std_error)),
            }
        })
        .collect();
    points.sort_by(|a, b| a.position.total_cmp(&b.position));
    points
}

/// Summarises, per order and base, the full barrier, the largest one on the way, and the number of
/// layers at which half of the full barrier is reached.
pub(super) fn summary(selected: &SummaryRows<'_>) -> SummaryTable {
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
    table.foot = barriers_at_half(baseline);
    table
}
