//! Random directions beside the way to the other model, layer by layer, as in Fig. 5.

use std::collections::BTreeMap;

use fedlayer_core::{AnalysisRow, spec::Baseline};

use crate::{
    draw::{
        axis::Axis,
        chart::{Chart, Form, Point, Series, Values},
        colour::CATEGORIES,
        legend::{Legend, Sample},
        mark::{Shape, Style},
        number::{share, with_error},
        page::{Page, Panel},
        scale::Scale,
    },
    picture::{
        Suffixed,
        parts::parts,
        scene::{Scene, scenes},
    },
    rows::Rows,
    wording::{self, LOST},
};

/// What the shares of the way look like, in their order: random directions, mixes.
const SHAPES: [(Shape, Shape); 3] = [
    (Shape::Disc, Shape::Diamond),
    (Shape::Square, Shape::Triangle),
    (Shape::Upended, Shape::Cross),
];
const ROW: f64 = 30.0;

/// One picture a round and metric: a panel per split and base; a row per layer, and in it a lane per share of the way.
pub(super) fn pages(title: &str, rows: &Rows<'_>) -> Vec<Suffixed> {
    let losses = with_paired_errors(rows);
    let pages = scenes(&Rows::new(&losses, rows.layers)).into_iter();
    pages.filter_map(|scene| Some((scene.suffix.clone(), page(title, &scene)?))).collect()
}

/// The losses, each with the standard error of its difference from the model's own loss, where that difference stands beside it: the examples are the same, and what
/// they have in common is no doubt about the difference.
fn with_paired_errors(rows: &Rows<'_>) -> Vec<AnalysisRow> {
    let key = |row: &AnalysisRow| {
        let place = (row.kind.clone(), row.set.clone(), row.base.clone());
        (row.round, row.split, row.metric, place, row.alpha.map(f64::to_bits), row.draw)
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

fn page(title: &str, scene: &Scene<'_>) -> Option<Page> {
    let measured = scene.rows.only(|row| ["random", "mix"].contains(&row.kind.as_str()));
    let (bases, alphas) = (measured.distinct(|row| row.base.as_str()), measured.alphas());
    if bases.is_empty() {
        return None;
    }
    let mut legend = Legend::default();
    for (index, alpha) in alphas.iter().enumerate() {
        let at = share(*alpha);
        legend.add(Sample::Mark(random(index).open()), format!("random directions, α = {at}"));
        legend.add(Sample::Mark(random(index)), format!("their mean, α = {at}"));
        let swap = if *alpha == 1.0 { "full swap" } else { "mix" };
        legend.add(Sample::Mark(mix(index)), format!("{swap}, α = {at}"));
    }
    legend.add(Sample::Line(Style::reference()), "the model itself");
    if measured.iter().any(|row| row.value.is_none()) {
        legend.add(Sample::Cross, LOST);
    }
    let mut panels: Vec<Option<Box<dyn Panel>>> = Vec::new();
    for split in measured.splits() {
        let of_split = measured.split(split);
        for (part, rows) in parts(&of_split) {
            for base in &bases {
                let own = scene.rows.split(split).kind("end").base(wording::own(base));
                let what = wording::measured(split, scene.metric);
                let title = format!("{what} around {}{part}", wording::base(base));
                let unit = wording::unit(scene.metric);
                panels.push(Some(Box::new(chart((title, unit), &rows, base, &own, &alphas))));
            }
        }
    }
    let subtitle = scene.about(
        "One layer of a model moved α of the way to the other model's (mix), or as far in random directions",
    );
    let notes = vec![
        "Error bars: 2 standard errors of the difference from the model itself; over the draws for random directions, over the examples for mixes.".to_owned(),
    ];
    Some(Page { title: title.to_owned(), subtitle, legend, panels, columns: bases.len(), notes })
}

fn random(index: usize) -> Style {
    let shape = SHAPES[index % SHAPES.len()].0;
    Style { shape, colour: CATEGORIES[0], fill: CATEGORIES[0], dash: "", radius: 3.8 }
}

fn mix(index: usize) -> Style {
    let shape = SHAPES[index % SHAPES.len()].1;
    Style { shape, colour: CATEGORIES[1], fill: CATEGORIES[1], dash: "", radius: 4.0 }
}

/// `rows` are those of a split, `own` the model's own loss.
fn chart(
    (title, unit): (String, &str),
    rows: &Rows<'_>,
    base: &str,
    own: &Rows<'_>,
    alphas: &[f64],
) -> Chart {
    // Both models share the axis of the values.
    let extent = |row: &AnalysisRow| {
        let error = row.std_error.filter(|_| row.draw.is_none()).map_or(0.0, |error| 2.0 * error);
        [row.value.map(|value| value - error), row.value.map(|value| value + error)]
    };
    let own = own.first().and_then(|row| row.value);
    let all: Vec<f64> = rows.iter().flat_map(extent).chain([own]).flatten().collect();
    let shown = rows.base(base);
    let sets = shown.sets();
    let mut series = Vec::new();
    for (index, alpha) in alphas.iter().enumerate() {
        let lane = (index as f64 - (alphas.len() as f64 - 1.0) / 2.0) * 0.8 / alphas.len() as f64;
        let at = shown.alpha(*alpha);
        let points = |wanted: &dyn Fn(&AnalysisRow) -> bool| points(&at.only(wanted), &sets, lane);
        let marks = |style, points| Series { style, form: Form::Marks, points };
        series.push(marks(random(index).open(), points(&|row| row.draw.is_some())));
        series
            .push(marks(random(index), points(&|row| row.kind == "random" && row.draw.is_none())));
        series.push(marks(mix(index), points(&|row| row.kind == "mix")));
    }
    Chart {
        title,
        size: (340.0, ROW * sets.len() as f64),
        x: Axis::numbers(unit, Scale::fitting(&all)),
        y: Axis::names("", sets.iter().map(ToString::to_string).collect()),
        values: Values::Across,
        series,
        levels: own.into_iter().map(|value| (value, Style::reference())).collect(),
        words: Vec::new(),
    }
}

fn points(rows: &Rows<'_>, sets: &[&str], lane: f64) -> Vec<Point> {
    let point = |row: &AnalysisRow| {
        let place = sets.iter().position(|set| *set == row.set)?;
        let draw = row.draw.map_or_else(String::new, |draw| format!(", draw {draw}"));
        Some(Point {
            place: place as f64 + 0.5 + lane,
            value: row.value,
            // A draw's own error is that of the examples: it would hide the spread over the draws.
            error: row.std_error.filter(|_| row.draw.is_none()).map(|error| 2.0 * error),
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
