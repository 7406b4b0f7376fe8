//! The loss on a segment, or on a plane with the ways and the models on it, as in Fig. 4.

use fedlayer_core::spec::SplitSpec;

use crate::{
    draw::{
        axis::Axis,
        bands::Grid,
        chart::{Chart, Form, Point, Series, Values},
        field::{Field, Spot, bands},
        legend::{Legend, Sample},
        mark::Style,
        number::{share, with_error},
        page::{Page, Panel},
        scale::Scale,
    },
    picture::{
        Suffixed,
        scene::{Scene, scenes},
    },
    rows::Rows,
    wording,
};

/// The ways on a plane of two layer sets, and what the legend calls them.
const PATHS: [(&str, &str); 2] =
    [("path-full", "both sets together"), ("path-layers", "the first set, then the second")];

/// One picture a round and metric: a panel per split.
pub(super) fn pages(title: &str, rows: &Rows<'_>) -> Vec<Suffixed> {
    let page = |scene: &Scene<'_>| {
        if scene.rows.kind("plane").is_empty() {
            segment(title, scene)
        } else {
            plane(title, scene)
        }
    };
    scenes(rows).iter().filter_map(|scene| Some((scene.suffix.clone(), page(scene)?))).collect()
}

fn segment(title: &str, scene: &Scene<'_>) -> Option<Page> {
    let line = scene.rows.kind("segment");
    let models = scene.rows.kind("model");
    let mut panels: Vec<Option<Box<dyn Panel>>> = Vec::new();
    for split in line.splits() {
        let mut points: Vec<Point> = points(&line.split(split));
        points.sort_by(|a, b| a.place.total_cmp(&b.place));
        let ends = self::points(&models.split(split));
        let chart = Chart {
            title: wording::measured(split, scene.metric),
            size: (330.0, 240.0),
            x: Axis::numbers(&way(&models.split(split)), Scale::around(line.alphas())),
            y: Axis::numbers(wording::unit(scene.metric), fitting(&line.split(split))),
            values: Values::Up,
            words: named(&models.split(split)),
            series: vec![
                Series { style: Style::of(0).radius(2.2), form: Form::Both, points },
                Series { style: model_style(), form: Form::Marks, points: ends },
            ],
            levels: Vec::new(),
        };
        panels.push(Some(Box::new(chart)));
    }
    let mut legend = Legend::default();
    legend.add(Sample::Both(Style::of(0)), "on the segment");
    legend.add(Sample::Mark(model_style()), "the models");
    let subtitle = scene.about("Loss on the line through two models");
    (!panels.is_empty()).then(|| Page {
        title: title.to_owned(),
        subtitle,
        legend,
        columns: panels.len(),
        panels,
        notes: Vec::new(),
    })
}

fn plane(title: &str, scene: &Scene<'_>) -> Option<Page> {
    let mut legend = Legend::default();
    for (index, (kind, words)) in PATHS.iter().enumerate() {
        if !scene.rows.kind(kind).is_empty() {
            legend.add(Sample::Line(path_style(index)), *words);
        }
    }
    legend.add(Sample::Mark(model_style()), "the models");
    if scene.rows.kind("plane").iter().any(|row| row.value.is_none()) {
        legend.add(Sample::Cross, wording::LOST);
    }
    let splits = scene.rows.kind("plane").splits();
    let boxed = |split| -> Option<Box<dyn Panel>> { Some(Box::new(field(scene, split)?)) };
    let mut panels: Vec<Option<Box<dyn Panel>>> =
        splits.iter().map(|split| boxed(*split)).collect();
    for chart in splits.iter().filter_map(|split| ways(scene, *split)) {
        panels.push(Some(Box::new(chart)));
    }
    let subtitle =
        scene.about("Loss on a plane of parameter space; the scale's steps grow with the loss");
    Some(Page {
        title: title.to_owned(),
        subtitle,
        legend,
        panels,
        columns: splits.len(),
        notes: Vec::new(),
    })
}

fn field(scene: &Scene<'_>, split: Option<SplitSpec>) -> Option<Field> {
    let plane = scene.rows.kind("plane").split(split);
    let xs = plane.alphas();
    let mut ys: Vec<f64> = plane.distinct(|row| row.beta).into_iter().flatten().collect();
    ys.sort_unstable_by(f64::total_cmp);
    let mut values = vec![vec![None; xs.len()]; ys.len()];
    for row in plane.iter() {
        let place = |axis: &[f64], value: Option<f64>| {
            axis.binary_search_by(|at| at.total_cmp(&value.unwrap_or(f64::NAN))).ok()
        };
        if let (Some(column), Some(line)) = (place(&xs, row.alpha), place(&ys, row.beta)) {
            values[line][column] = row.value.filter(|value| value.is_finite());
        }
    }
    let finite = || values.iter().flatten().flatten().copied();
    let (low, high) = (finite().reduce(f64::min)?, finite().reduce(f64::max)?);
    let of_split = scene.rows.split(split);
    let ends = |axis: &[f64]| Some((*axis.first()?, *axis.last()?));
    let (x, y) = (ends(&xs)?, ends(&ys)?);
    let (x_label, y_label) = axis_labels(&plane, &of_split.kind("model"));
    let wide = 330.0;
    let high_px = (wide * (y.1 - y.0) / (x.1 - x.0)).clamp(180.0, 420.0);
    let path = |(index, (kind, _)): (usize, &(&str, &str))| {
        let points = of_split.kind(kind);
        let points = points.iter().filter_map(|row| Some((row.alpha?, row.beta?))).collect();
        (points, path_style(index))
    };
    let spots = of_split.kind("model");
    let spots = spots.iter().filter_map(|row| {
        let name = wording::base(&row.base);
        let hint = format!("{name}: {}", with_error(row.value, row.std_error));
        Some(Spot { at: (row.alpha?, row.beta?), name, hint })
    });
    Some(Field {
        title: wording::measured(split, scene.metric),
        size: (wide, high_px),
        x: Axis::numbers(&x_label, Scale::exact(x.0, x.1)),
        y: Axis::numbers(&y_label, Scale::exact(y.0, y.1)),
        corners: ((x.0, y.0), (x.1, y.1)),
        grid: Grid { values },
        levels: bands(low, high),
        top: high,
        unit: wording::unit(scene.metric).to_owned(),
        paths: PATHS.iter().enumerate().map(path).collect(),
        spots: spots.collect(),
    })
}

/// The loss along the ways on a plane of two layer sets; nothing where there is none.
fn ways(scene: &Scene<'_>, split: Option<SplitSpec>) -> Option<Chart> {
    let of_split = scene.rows.split(split);
    let series: Vec<Series> = PATHS
        .iter()
        .enumerate()
        .map(|(index, (kind, _))| {
            let point = |row: &fedlayer_core::AnalysisRow| Point {
                place: (row.alpha.unwrap_or(0.0) + row.beta.unwrap_or(0.0)) / 2.0,
                value: row.value,
                error: None,
                hint: with_error(row.value, row.std_error),
            };
            let points = of_split.kind(kind).iter().map(point).collect();
            Series { style: path_style(index), form: Form::Line, points }
        })
        .filter(|series: &Series| !series.points.is_empty())
        .collect();
    let values: Vec<f64> =
        series.iter().flat_map(|series| &series.points).filter_map(|point| point.value).collect();
    (!series.is_empty()).then(|| Chart {
        title: format!("{} along both ways", wording::measured(split, scene.metric)),
        size: (330.0, 180.0),
        x: Axis::numbers("share of the way", Scale::exact(0.0, 1.0)),
        y: Axis::numbers(wording::unit(scene.metric), Scale::with_zero(values)),
        values: Values::Up,
        series,
        levels: Vec::new(),
        words: Vec::new(),
    })
}

/// What the axes of a plane are: shares of the way on two layer sets, or steps in parameter space.
fn axis_labels(plane: &Rows<'_>, models: &Rows<'_>) -> (String, String) {
    let set = plane.first().map_or("", |row| row.set.as_str());
    match set.split_once('|') {
        Some((first, second)) => (on(first), on(second)),
        None => (format!("α, in {}", unit(models)), format!("β, in {}", unit(models))),
    }
}

/// The unit of a plane that is not of layer sets.
fn unit(models: &Rows<'_>) -> &'static str {
    if models.iter().count() > 1 {
        "distances between the first two models"
    } else {
        "norms of the filters"
    }
}

fn on(set: &str) -> String {
    let set = crate::draw::letters::shorten(set, crate::draw::letters::MEDIUM, 160.0);
    format!("share of the way on {set}")
}

fn way(models: &Rows<'_>) -> String {
    let names: Vec<String> = models.iter().map(|row| wording::base(&row.base)).collect();
    match &names[..] {
        [first, second] => format!("α, from {first} to {second}"),
        _ => "α".to_owned(),
    }
}

fn fitting(rows: &Rows<'_>) -> Scale {
    Scale::fitting(&rows.iter().filter_map(|row| row.value).collect::<Vec<f64>>())
}

fn named(models: &Rows<'_>) -> Vec<(f64, f64, String)> {
    let name =
        |row: &fedlayer_core::AnalysisRow| Some((row.alpha?, row.value?, wording::base(&row.base)));
    models.iter().filter_map(name).collect()
}

fn points(rows: &Rows<'_>) -> Vec<Point> {
    let point = |row: &fedlayer_core::AnalysisRow| {
        Some(Point {
            place: row.alpha?,
            value: row.value,
            // The examples are the same everywhere: their spread says nothing of the shape of the curve.
            error: None,
            hint: format!("α = {}: {}", share(row.alpha?), with_error(row.value, row.std_error)),
        })
    };
    rows.iter().filter_map(point).collect()
}

fn path_style(index: usize) -> Style {
    Style::of(index)
}

fn model_style() -> Style {
    Style::reference().radius(4.5)
}
