//! `surface`: the loss on a segment, or on a plane with models and paths on it, as in Fig. 4.

use fedlayer_core::{record::AnalysisRow, spec::SplitSpec};

use crate::{
    analysis_rows::AnalysisRows,
    labels,
    pictures::{
        SuffixedPage,
        panels::{boxed, panels},
        picture_rows::{PictureRows, page_per_round_and_metric},
    },
    plot::{
        axis::Axis,
        chart::{Chart, DataPoint, Series, SeriesKind, ValueAxis},
        contour_plot::{ContourPlot, MarkedPoint, bands},
        legend::{Legend, LegendKey},
        level_sets::ValueGrid,
        mark::Style,
        number::{share, with_error},
        page::Page,
        scale::AxisScale,
        text_width::{MEDIUM, shorten},
    },
    summary::{SummaryRows, SummaryTable, estimate, plain},
};

/// The paths on a plane of two layer sets, and their names in the legend.
const PATHS: [(&str, &str); 2] =
    [("path-full", "both sets together"), ("path-layers", "the first set, then the second")];

/// Draws one picture per round and metric: a panel per split.
pub(super) fn pages(title: &str, rows: &AnalysisRows<'_>) -> Vec<SuffixedPage> {
    page_per_round_and_metric(rows, |picture| {
        let is_segment = picture.rows.kind("plane").is_empty();
        Some(if is_segment { segment(title, picture) } else { plane(title, picture) })
    })
}

fn segment(title: &str, picture: &PictureRows<'_>) -> Page {
    let splits = picture.rows.kind("segment").splits();
    let mut legend = Legend::default();
    legend.add(LegendKey::Both(Style::of(0)), "on the segment");
    legend.add(LegendKey::Mark(model_style()), "the models");
    Page {
        title: title.to_owned(),
        subtitle: picture.about("Loss on the line through two models"),
        legend,
        panels: panels([()], &splits, |(), split| Some(segment_chart(picture, *split))),
        columns: splits.len(),
        notes: Vec::new(),
    }
}

fn segment_chart(picture: &PictureRows<'_>, split: Option<SplitSpec>) -> Chart {
    let line = picture.rows.kind("segment");
    let models = picture.rows.kind("model").split(split);
    let mut points: Vec<DataPoint> = points(&line.split(split));
    points.sort_by(|a, b| a.position.total_cmp(&b.position));
    let ends = self::points(&models);
    Chart {
        title: labels::measured(split, picture.metric),
        size: (330.0, 240.0),
        x: Axis::numbers(&segment_label(&models), AxisScale::around(line.alphas())),
        y: Axis::numbers(labels::unit(picture.metric), fitting(&line.split(split))),
        values: ValueAxis::Up,
        labels: model_labels(&models),
        series: vec![
            Series { style: Style::of(0).radius(2.2), kind: SeriesKind::Both, points },
            Series { style: model_style(), kind: SeriesKind::Marks, points: ends },
        ],
        levels: Vec::new(),
    }
}

fn plane(title: &str, picture: &PictureRows<'_>) -> Page {
    let plane = picture.rows.kind("plane");
    let mut legend = Legend::default();
    for (index, (kind, words)) in PATHS.iter().enumerate() {
        if !picture.rows.kind(kind).is_empty() {
            legend.add(LegendKey::Line(Style::of(index)), *words);
        }
    }
    legend.add(LegendKey::Mark(model_style()), "the models");
    if plane.has_lost() {
        legend.add(LegendKey::Cross, labels::NOT_FINITE);
    }
    let splits = plane.splits();
    let mut panels = panels([()], &splits, |(), split| contour_plot(picture, *split));
    let paths = splits.iter().filter_map(|split| path_chart(picture, *split));
    panels.extend(paths.map(|chart| boxed(Some(chart))));
    Page {
        title: title.to_owned(),
        subtitle: picture
            .about("Loss on a plane of parameter space; the scale's steps grow with the loss"),
        legend,
        panels,
        columns: splits.len(),
        notes: Vec::new(),
    }
}

fn contour_plot(picture: &PictureRows<'_>, split: Option<SplitSpec>) -> Option<ContourPlot> {
    let of_split = picture.rows.split(split);
    let (plane, models) = (of_split.kind("plane"), of_split.kind("model"));
    let (xs, ys) = (plane.alphas(), betas(&plane));
    let values = grid_values(&plane, &xs, &ys);
    let finite = || values.iter().flatten().flatten().copied();
    let (low, high) = (finite().reduce(f64::min)?, finite().reduce(f64::max)?);
    let ends = |axis: &[f64]| Some((*axis.first()?, *axis.last()?));
    let (x, y) = (ends(&xs)?, ends(&ys)?);
    let (x_label, y_label) = axis_labels(&plane, &models);
    let width = 330.0;
    let height = (width * (y.1 - y.0) / (x.1 - x.0)).clamp(180.0, 420.0);
    let path = |(index, (kind, _)): (usize, &(&str, &str))| {
        let path = of_split.kind(kind);
        let points = path.iter().filter_map(|row| Some((row.alpha?, row.beta?))).collect();
        (points, Style::of(index))
    };
    Some(ContourPlot {
        title: labels::measured(split, picture.metric),
        size: (width, height),
        x: Axis::numbers(&x_label, AxisScale::exact(x.0, x.1)),
        y: Axis::numbers(&y_label, AxisScale::exact(y.0, y.1)),
        corners: ((x.0, y.0), (x.1, y.1)),
        grid: ValueGrid { values },
        levels: bands(low, high),
        top: high,
        unit: labels::unit(picture.metric).to_owned(),
        paths: PATHS.iter().enumerate().map(path).collect(),
        points: models.iter().filter_map(marked_model).collect(),
    })
}

fn marked_model(row: &AnalysisRow) -> Option<MarkedPoint> {
    let name = labels::base(&row.base);
    let hint = format!("{name}: {}", with_error(row.value, row.std_error));
    Some(MarkedPoint { at: (row.alpha?, row.beta?), name, hint })
}

/// Returns the coordinates β of a plane, ascending.
fn betas(plane: &AnalysisRows<'_>) -> Vec<f64> {
    let mut betas: Vec<f64> = plane.distinct(|row| row.beta).into_iter().flatten().collect();
    betas.sort_unstable_by(f64::total_cmp);
    betas
}

/// Arranges the losses of a plane in a grid: a row per β, a column per α; `None` if not finite.
fn grid_values(plane: &AnalysisRows<'_>, alphas: &[f64], betas: &[f64]) -> Vec<Vec<Option<f64>>> {
    let index = |axis: &[f64], value: Option<f64>| {
        axis.binary_search_by(|at| at.total_cmp(&value.unwrap_or(f64::NAN))).ok()
    };
    let mut values = vec![vec![None; alphas.len()]; betas.len()];
    for row in plane.iter() {
        if let (Some(column), Some(line)) = (index(alphas, row.alpha), index(betas, row.beta)) {
            values[line][column] = row.value.filter(|value| value.is_finite());
        }
    }
    values
}

/// Returns the chart of the loss along the paths of a plane of two layer sets; `None` if it has
/// none.
fn path_chart(picture: &PictureRows<'_>, split: Option<SplitSpec>) -> Option<Chart> {
    let of_split = picture.rows.split(split);
    let series: Vec<Series> = PATHS
        .iter()
        .enumerate()
        .map(|(index, (kind, _))| {
            let point = |row: &AnalysisRow| DataPoint {
                position: (row.alpha.unwrap_or(0.0) + row.beta.unwrap_or(0.0)) / 2.0,
                value: row.value,
                error: None,
                hint: with_error(row.value, row.std_error),
            };
            let points = of_split.kind(kind).iter().map(point).collect();
            Series { style: Style::of(index), kind: SeriesKind::Line, points }
        })
        .filter(|series: &Series| !series.points.is_empty())
        .collect();
    let values: Vec<f64> =
        series.iter().flat_map(|series| &series.points).filter_map(|point| point.value).collect();
    (!series.is_empty()).then(|| Chart {
        title: format!("{} along both ways", labels::measured(split, picture.metric)),
        size: (330.0, 180.0),
        x: Axis::numbers("share of the way", AxisScale::exact(0.0, 1.0)),
        y: Axis::numbers(labels::unit(picture.metric), AxisScale::with_zero(values)),
        values: ValueAxis::Up,
        series,
        levels: Vec::new(),
        labels: Vec::new(),
    })
}

/// Returns the labels of a plane's axes: mixing coefficients of two layer sets, or steps in
/// parameter space.
fn axis_labels(plane: &AnalysisRows<'_>, models: &AnalysisRows<'_>) -> (String, String) {
    let set = plane.first().map_or("", |row| row.set.as_str());
    match set.split_once('|') {
        Some((first, second)) => (mixed_set(first), mixed_set(second)),
        None => (format!("α, in {}", step(models)), format!("β, in {}", step(models))),
    }
}

/// Returns the unit of a plane that is not spanned by layer sets.
fn step(models: &AnalysisRows<'_>) -> &'static str {
    if models.iter().count() > 1 {
        "distances between the first two models"
    } else {
        "norms of the filters"
    }
}

fn mixed_set(set: &str) -> String {
    format!("share of the way on {}", shorten(set, MEDIUM, 160.0))
}

/// Returns the label of a segment's axis.
fn segment_label(models: &AnalysisRows<'_>) -> String {
    let names: Vec<String> = models.iter().map(|row| labels::base(&row.base)).collect();
    match &names[..] {
        [first, second] => format!("α, from {first} to {second}"),
        _ => "α".to_owned(),
    }
}

fn fitting(rows: &AnalysisRows<'_>) -> AxisScale {
    AxisScale::fitting(&rows.iter().filter_map(|row| row.value).collect::<Vec<f64>>())
}

/// Returns the names of the models beside their points.
fn model_labels(models: &AnalysisRows<'_>) -> Vec<(f64, f64, String)> {
    let name = |row: &AnalysisRow| Some((row.alpha?, row.value?, labels::base(&row.base)));
    models.iter().filter_map(name).collect()
}

fn points(rows: &AnalysisRows<'_>) -> Vec<DataPoint> {
    let point = |row: &AnalysisRow| {
        Some(DataPoint {
            position: row.alpha?,
            value: row.value,
            // All points are measured on the same examples, so the spread over the examples does
            // not apply to the shape of the curve.
            error: None,
            hint: format!("α = {}: {}", share(row.alpha?), with_error(row.value, row.std_error)),
        })
    };
    rows.iter().filter_map(point).collect()
}

fn model_style() -> Style {
    Style::reference().radius(4.5)
}

/// Summarises the losses of the models, and the lowest and highest loss around and between them.
pub(super) fn summary(selected: &SummaryRows<'_>) -> SummaryTable {
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
