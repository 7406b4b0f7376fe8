//! `window`: barriers of a fixed number of neighbouring layers, by their position in the network.

use fedlayer_core::spec::SplitSpec;

use crate::{
    analysis_rows::AnalysisRows,
    labels::{self, ERRORS, NOT_FINITE},
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
    tables::ColumnAlign,
};

/// Draws one picture per round and metric: a panel per split and base with a line per window width.
pub(super) fn pages(title: &str, rows: &AnalysisRows<'_>) -> Vec<SuffixedPage> {
    page_per_round_and_metric(rows, |picture| page(title, picture))
}

fn page(title: &str, picture: &PictureRows<'_>) -> Option<Page> {
    let (barriers, baseline, _) = picture.rows.barriers()?;
    let bases = barriers.shown_bases();
    let shown = barriers.only(|row| {
        ["window", "full"].contains(&row.kind.as_str()) && bases.contains(&row.base.as_str())
    });
    let windows = shown.kind("window");
    let mut widths = windows.distinct(|row| windows.members(&row.set).len());
    widths.sort_unstable();
    let panels = panels(shown.splits(), &bases, |split, base| {
        Some(chart(picture, &shown.split(*split), (*split, base), &widths))
    });
    let subtitle = picture.about(&format!(
        "Barrier of averaging neighbouring layers at α = ½, drawn at the middle of the window: loss of the mix minus {}",
        labels::baseline(baseline)
    ));
    let legend = legend(&shown, &widths);
    let notes = vec![ERRORS.to_owned()];
    Some(Page { title: title.to_owned(), subtitle, legend, panels, columns: bases.len(), notes })
}

fn legend(shown: &AnalysisRows<'_>, widths: &[usize]) -> Legend {
    let mut legend = Legend::default();
    for (index, width) in widths.iter().enumerate() {
        let layers = if *width == 1 { "layer" } else { "layers" };
        legend.add(LegendKey::Both(Style::of(index)), format!("{width} {layers}"));
    }
    legend.add(LegendKey::Line(Style::reference()), "full barrier");
    if shown.has_lost() {
        legend.add(LegendKey::Cross, NOT_FINITE);
    }
    legend
}

fn chart(
    picture: &PictureRows<'_>,
    of_split: &AnalysisRows<'_>,
    (split, base): (Option<SplitSpec>, &str),
    widths: &[usize],
) -> Chart {
    let names: Vec<String> = of_split.layers.iter().map(ToString::to_string).collect();
    let shown = of_split.base(base);
    let series = widths.iter().enumerate().map(|(index, &width)| Series {
        style: Style::of(index),
        kind: SeriesKind::Both,
        points: points(&shown.kind("window"), width),
    });
    let values: Vec<f64> = of_split.iter().flat_map(error_bar_ends).collect();
    let full = shown.kind("full").first().and_then(|row| row.value);
    Chart {
        title: format!("{}, {}", labels::measured(split, picture.metric), labels::base(base)),
        size: ((18.0 * names.len() as f64).max(300.0), 220.0),
        x: Axis::names("layer", names),
        y: Axis::numbers(
            &format!("barrier ({})", labels::difference(picture.metric)),
            AxisScale::with_zero(values),
        ),
        values: ValueAxis::Up,
        series: series.collect(),
        levels: full.into_iter().map(|value| (value, Style::reference())).collect(),
        labels: Vec::new(),
    }
}

/// Returns the windows of one width, each at its middle.
fn points(windows: &AnalysisRows<'_>, width: usize) -> Vec<DataPoint> {
    let mut points = Vec::new();
    for row in windows.iter() {
        let members = windows.members(&row.set);
        if let (Some(first), true) = (members.first(), members.len() == width) {
            points.push(DataPoint {
                position: *first as f64 + width as f64 / 2.0,
                value: row.value,
                error: error_bar(row),
                hint: format!("{}: {}", row.set, with_error(row.value, row.std_error)),
            });
        }
    }
    points
}

/// Summarises, per width and base, the window with the largest barrier, and the full barrier.
pub(super) fn summary(selected: &SummaryRows<'_>) -> SummaryTable {
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
    table.foot = barriers_at_half(baseline);
    table
}
