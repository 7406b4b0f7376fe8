//! Barriers of neighbouring layers of a fixed number, by where they are in the network.

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
    wording::{self, ERRORS, LOST},
};

/// One picture a round and metric: a panel per split and base, a line per width of the window.
pub(super) fn pages(title: &str, rows: &Rows<'_>) -> Vec<Suffixed> {
    let pages = scenes(rows).into_iter();
    pages.filter_map(|scene| Some((scene.suffix.clone(), page(title, &scene)?))).collect()
}

fn page(title: &str, scene: &Scene<'_>) -> Option<Page> {
    let (barriers, baseline, _) = scene.rows.barriers()?;
    let bases = barriers.shown_bases();
    let shown = barriers.only(|row| {
        ["window", "full"].contains(&row.kind.as_str()) && bases.contains(&row.base.as_str())
    });
    let windows = shown.kind("window");
    let mut widths = windows.distinct(|row| windows.members(&row.set).len());
    widths.sort_unstable();
    let mut legend = Legend::default();
    for (index, width) in widths.iter().enumerate() {
        let layers = if *width == 1 { "layer" } else { "layers" };
        legend.add(Sample::Both(Style::of(index)), format!("{width} {layers}"));
    }
    legend.add(Sample::Line(Style::reference()), "full barrier");
    if shown.iter().any(|row| row.value.is_none()) {
        legend.add(Sample::Cross, LOST);
    }
    let mut panels: Vec<Option<Box<dyn Panel>>> = Vec::new();
    for split in shown.splits() {
        let of_split = shown.split(split);
        for base in &bases {
            panels.push(Some(Box::new(chart(scene, &of_split, (split, base), &widths))));
        }
    }
    let subtitle = scene.about(&format!(
        "Barrier of averaging neighbouring layers at α = ½, drawn at the middle of the window: loss of the mix minus {}",
        wording::baseline(baseline)
    ));
    let notes = vec![ERRORS.to_owned()];
    Some(Page { title: title.to_owned(), subtitle, legend, panels, columns: bases.len(), notes })
}

fn chart(
    scene: &Scene<'_>,
    of_split: &Rows<'_>,
    (split, base): (Option<SplitSpec>, &str),
    widths: &[usize],
) -> Chart {
    let names: Vec<String> = of_split.layers.iter().map(ToString::to_string).collect();
    let shown = of_split.base(base);
    let series = widths.iter().enumerate().map(|(index, &width)| Series {
        style: Style::of(index),
        form: Form::Both,
        points: points(&shown.kind("window"), width),
    });
    let values = of_split.iter().flat_map(|row| {
        let (value, error) = (row.value.unwrap_or(f64::NAN), 2.0 * row.std_error.unwrap_or(0.0));
        [value - error, value + error]
    });
    let full = shown.kind("full").first().and_then(|row| row.value);
    Chart {
        title: format!("{}, {}", wording::measured(split, scene.metric), wording::base(base)),
        size: ((18.0 * names.len() as f64).max(300.0), 220.0),
        x: Axis::names("layer", names),
        y: Axis::numbers(
            &format!("barrier ({})", wording::difference(scene.metric)),
            Scale::with_zero(values.collect::<Vec<_>>()),
        ),
        values: Values::Up,
        series: series.collect(),
        levels: full.into_iter().map(|value| (value, Style::reference())).collect(),
        words: Vec::new(),
    }
}

/// The windows of one width, each at its middle.
fn points(windows: &Rows<'_>, width: usize) -> Vec<Point> {
    let mut points = Vec::new();
    for row in windows.iter() {
        let members = windows.members(&row.set);
        if let (Some(first), true) = (members.first(), members.len() == width) {
            points.push(Point {
                place: *first as f64 + width as f64 / 2.0,
                value: row.value,
                error: row.std_error.map(|error| 2.0 * error),
                hint: format!("{}: {}", row.set, with_error(row.value, row.std_error)),
            });
        }
    }
    points
}
