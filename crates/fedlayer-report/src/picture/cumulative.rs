//! Barriers of sets that grow by one layer at a time, as in Fig. 3.

use fedlayer_core::spec::SplitSpec;

use crate::{
    draw::{
        axis::Axis,
        chart::{Chart, Form, Point, Series, Values},
        legend::{Legend, Sample},
        mark::Style,
        number::with_error,
        page::{Page, Panel},
        scale::Scale,
    },
    picture::{
        Suffixed,
        scene::{Scene, scenes},
    },
    rows::Rows,
    wording::{self, ERRORS, LOST, UNEQUAL},
};

/// The orders, and what a panel of each is called.
const ORDERS: [(&str, &str); 4] = [
    ("shallow", "from the input"),
    ("deep", "from the output"),
    ("random", "in a random order"),
    ("alternating", "both ends, then the middle"),
];

/// One picture a round and metric: a panel per split and order, a line per base.
pub(super) fn pages(title: &str, rows: &Rows<'_>) -> Vec<Suffixed> {
    let pages = scenes(rows).into_iter();
    pages.filter_map(|scene| Some((scene.suffix.clone(), page(title, &scene)?))).collect()
}

fn page(title: &str, scene: &Scene<'_>) -> Option<Page> {
    let (barriers, baseline, _) = scene.rows.barriers()?;
    let bases = barriers.shown_bases();
    let orders: Vec<(&str, &str)> =
        ORDERS.into_iter().filter(|(kind, _)| !barriers.kind(kind).is_empty()).collect();
    let mut legend = Legend::default();
    for (index, base) in bases.iter().enumerate() {
        legend.add(Sample::Both(Style::of(index)), wording::base(base));
    }
    let mut notes = vec![ERRORS.to_owned()];
    let mut panels: Vec<Option<Box<dyn Panel>>> = Vec::new();
    for split in barriers.splits() {
        let of_split = barriers.split(split);
        let is_unequal = explain(&scene.rows.split(split), &of_split, &bases, &mut legend);
        if is_unequal && notes.len() == 1 {
            notes.push(UNEQUAL.to_owned());
        }
        for order in &orders {
            let chart = chart(scene, &of_split, split, *order, &bases);
            let flag = if is_unequal { "! " } else { "" };
            panels.push(Some(Box::new(Chart { title: format!("{flag}{}", chart.title), ..chart })));
        }
    }
    let subtitle = scene.about(&format!(
        "Barrier of averaging the first k layers of an order at α = ½: loss of the mix minus {}",
        wording::baseline(baseline)
    ));
    let columns = orders.len().min(2);
    Some(Page { title: title.to_owned(), subtitle, legend, panels, columns, notes })
}

/// Adds what a split's panels need to the legend, and says whether its unmixed models are farther apart than the full barrier is high.
fn explain(all: &Rows<'_>, shown: &Rows<'_>, bases: &[&str], legend: &mut Legend) -> bool {
    let full = shown.kind("full");
    if !full.is_empty() {
        legend.add(Sample::Line(Style::reference()), "full barrier");
    }
    if shown.iter().any(|row| row.value.is_none() && bases.contains(&row.base.as_str())) {
        legend.add(Sample::Cross, LOST);
    }
    bases.iter().any(|base| {
        let barrier = full.base(base).first().and_then(|row| row.value);
        let ends = all.ends_apart(base);
        barrier.zip(ends).is_some_and(|(barrier, ends)| ends > barrier.abs())
    })
}

fn chart(
    scene: &Scene<'_>,
    of_split: &Rows<'_>,
    split: Option<SplitSpec>,
    (kind, order): (&str, &str),
    bases: &[&str],
) -> Chart {
    let shown = of_split.only(|row| bases.contains(&row.base.as_str()));
    let steps = shown.kind(kind);
    let names = steps_of(&steps);
    let series = bases.iter().enumerate().map(|(index, base)| Series {
        style: Style::of(index),
        form: Form::Both,
        points: points(&steps.base(base), &wording::base(base)),
    });
    // Panels of one split share their values' axis.
    let extent = shown.iter().filter(|row| ORDERS.iter().any(|(kind, _)| row.kind == *kind));
    let values = extent.chain(shown.kind("full").iter().collect::<Vec<_>>()).flat_map(|row| {
        let (value, error) = (row.value.unwrap_or(f64::NAN), 2.0 * row.std_error.unwrap_or(0.0));
        [value - error, value + error]
    });
    let levels = shown.kind("full").distinct(|row| row.value).into_iter().flatten();
    Chart {
        title: format!("{}, {order}", wording::measured(split, scene.metric)),
        size: ((18.0 * names.len() as f64).max(300.0), 220.0),
        x: Axis::names("number of layers averaged, and the layer added", names),
        y: Axis::numbers(
            &format!("barrier ({})", wording::difference(scene.metric)),
            Scale::with_zero(values.collect::<Vec<_>>()),
        ),
        values: Values::Up,
        series: series.collect(),
        levels: levels.map(|value| (value, Style::reference())).collect(),
        words: Vec::new(),
    }
}

/// `3 fc1`: the number of layers after each step, and the layer that the step adds.
fn steps_of(steps: &Rows<'_>) -> Vec<String> {
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

fn points(steps: &Rows<'_>, base: &str) -> Vec<Point> {
    let mut points: Vec<Point> = steps
        .iter()
        .map(|row| {
            let count = steps.members(&row.set).len();
            Point {
                place: count as f64 - 0.5,
                value: row.value,
                error: row.std_error.map(|error| 2.0 * error),
                hint: format!("{base}, {count} layers: {}", with_error(row.value, row.std_error)),
            }
        })
        .collect();
    points.sort_by(|a, b| a.place.total_cmp(&b.place));
    points
}
