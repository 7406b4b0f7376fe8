//! The loss against the length of noise in subspaces, as in Fig. 6.

use fedlayer_core::spec::SplitSpec;

use crate::{
    draw::{
        axis::Axis,
        chart::{Chart, Form, Point, Series, Values},
        legend::{Legend, Sample},
        mark::Style,
        page::{Page, Panel},
        scale::Scale,
    },
    picture::{
        Suffixed,
        scene::{Scene, scenes},
    },
    rows::Rows,
    wording::{self, LOST},
};

/// The kinds of noise, and what the legend calls them.
const KINDS: [(&str, &str); 4] = [
    ("training", "in the subspace of training"),
    ("null", "in its complement"),
    ("interpolation", "towards the other model"),
    ("extrapolation", "away from the other model"),
];

/// Before the kinds of the variant with the faults of the article's notebook.
const PUBLISHED: &str = "published-";

/// Medians are taken over this many equal parts of the lengths.
const PARTS: usize = 10;

/// Per round and metric: one picture of noise in all layers, one per split of noise in one layer; the same again, marked `published`, for the variant with
/// the faults of the article's notebook.
pub(super) fn pages(title: &str, rows: &Rows<'_>) -> Vec<Suffixed> {
    let mut pages = Vec::new();
    for scene in scenes(rows) {
        for variant in ["", PUBLISHED] {
            let word = variant.trim_end_matches('-');
            if let Some(page) = whole(title, &scene, variant) {
                let suffix = scene.suffix.clone();
                pages.push((if word.is_empty() { suffix } else { scene.suffix_with(word) }, page));
            }
            for split in scene.rows.splits() {
                if let Some(page) = layers(title, &scene, variant, split) {
                    let split = split.map_or_else(String::new, |split| format!("-{split}"));
                    pages.push((scene.suffix_with(&format!("{variant}layers{split}")), page));
                }
            }
        }
    }
    pages
}

/// The noise of a variant, with the plain kinds, in the order of the legend.
fn kinds(rows: &Rows<'_>, variant: &str) -> Vec<(String, Style, &'static str)> {
    let kinds = KINDS
        .iter()
        .enumerate()
        .map(|(index, (kind, words))| (format!("{variant}{kind}"), Style::of(index), *words));
    kinds.filter(|(kind, ..)| !rows.kind(kind).is_empty()).collect()
}

/// Noise in all layers: a panel per split and base.
fn whole(title: &str, scene: &Scene<'_>, variant: &str) -> Option<Page> {
    let kinds = kinds(&scene.rows.set("all"), variant);
    let noise = noise(&scene.rows.set("all"), &kinds);
    let bases = noise.distinct(|row| row.base.as_str());
    let mut panels: Vec<Option<Box<dyn Panel>>> = Vec::new();
    for split in noise.splits() {
        let values = values(&noise.split(split), &scene.rows.kind("clean").split(split));
        for base in &bases {
            let panel = Scatter {
                title: format!(
                    "{}, {}",
                    wording::measured(split, scene.metric),
                    wording::base(base)
                ),
                size: (330.0, 240.0),
                unit: wording::unit(scene.metric),
                y: Scale::fitting(&values),
            };
            let clean = scene.rows.kind("clean").split(split).base(base);
            panels.push(Some(Box::new(panel.chart(
                &noise.split(split).base(base),
                &clean,
                &kinds,
            ))));
        }
    }
    let columns = bases.len();
    (!panels.is_empty()).then(|| page(title, scene, variant, &noise, (&kinds, panels, columns)))
}

/// Noise in one layer alone: a panel per base and layer.
fn layers(title: &str, scene: &Scene<'_>, variant: &str, split: Option<SplitSpec>) -> Option<Page> {
    let of_layers = scene.rows.split(split).only(|row| row.set != "all" && row.set != "none");
    let kinds = kinds(&of_layers, variant);
    let noise = noise(&of_layers, &kinds);
    let (bases, sets) = (noise.distinct(|row| row.base.as_str()), noise.sets());
    let clean = scene.rows.kind("clean").split(split);
    let y = Scale::fitting(&values(&noise, &clean));
    let panel = |set: &&str, base: &&str| -> Option<Box<dyn Panel>> {
        let scatter = Scatter {
            title: format!("{set}, {}", wording::base(base)),
            size: (200.0, 140.0),
            unit: wording::unit(scene.metric),
            y,
        };
        Some(Box::new(scatter.chart(&noise.set(set).base(base), &clean.base(base), &kinds)))
    };
    // A few layers stand side by side; many go down the page, with the models side by side.
    let (panels, columns): (Vec<_>, usize) = if sets.len() <= 5 {
        let by_base = bases.iter().flat_map(|base| sets.iter().map(move |set| (set, base)));
        (by_base.map(|(set, base)| panel(set, base)).collect(), sets.len())
    } else {
        let by_set = sets.iter().flat_map(|set| bases.iter().map(move |base| (set, base)));
        (by_set.map(|(set, base)| panel(set, base)).collect(), 2 * bases.len())
    };
    let title = format!("{title}: {} layer by layer", wording::measured(split, scene.metric));
    (!panels.is_empty()).then(|| page(&title, scene, variant, &noise, (&kinds, panels, columns)))
}

fn noise<'a>(rows: &Rows<'a>, kinds: &[(String, Style, &str)]) -> Rows<'a> {
    rows.only(|row| row.sigma.is_some() && kinds.iter().any(|(kind, ..)| *kind == row.kind))
}

fn values(noise: &Rows<'_>, clean: &Rows<'_>) -> Vec<f64> {
    noise.iter().chain(clean.iter().collect::<Vec<_>>()).filter_map(|row| row.value).collect()
}

/// Kinds, panels and the number of columns.
type Drawn<'a> = (&'a [(String, Style, &'static str)], Vec<Option<Box<dyn Panel>>>, usize);

fn page(
    title: &str,
    scene: &Scene<'_>,
    variant: &str,
    noise: &Rows<'_>,
    (kinds, panels, columns): Drawn<'_>,
) -> Page {
    let mut legend = Legend::default();
    for (_, style, words) in kinds {
        legend.add(Sample::Both(style.open()), *words);
    }
    legend.add(Sample::Line(Style::reference()), "without noise");
    if noise.iter().any(|row| row.value.is_none()) {
        legend.add(Sample::Cross, LOST);
    }
    let mut notes =
        vec![format!("Lines: the median in each of {PARTS} equal parts of the lengths.")];
    if variant == PUBLISHED {
        notes.push(
            "Drawn as the notebook behind the article's figure draws it, with its faults; the right way stands beside it."
                .to_owned(),
        );
    }
    let subtitle =
        scene.about("Loss at a model plus noise of length σ in a random direction of a subspace");
    Page { title: title.to_owned(), subtitle, legend, panels, columns, notes }
}

/// A panel, but for its points.
struct Scatter {
    title: String,
    size: (f64, f64),
    unit: &'static str,
    y: Scale,
}

impl Scatter {
    fn chart(self, noise: &Rows<'_>, clean: &Rows<'_>, kinds: &[(String, Style, &str)]) -> Chart {
        let sigmas: Vec<f64> = noise.iter().filter_map(|row| row.sigma).collect();
        let mut series = Vec::new();
        for (kind, style, _) in kinds {
            let points = points(&noise.kind(kind));
            series.push(Series { style: style.open().radius(2.0), form: Form::Marks, points });
        }
        for (kind, style, _) in kinds {
            let points = medians(&points(&noise.kind(kind)));
            series.push(Series { style: *style, form: Form::Line, points });
        }
        let clean = clean.first().and_then(|row| row.value);
        Chart {
            title: self.title,
            size: self.size,
            x: Axis::numbers("length of the noise σ", Scale::with_zero(sigmas)),
            y: Axis::numbers(self.unit, self.y),
            values: Values::Up,
            series,
            levels: clean.into_iter().map(|value| (value, Style::reference())).collect(),
            words: Vec::new(),
        }
    }
}

fn points(rows: &Rows<'_>) -> Vec<Point> {
    let point =
        |place: f64, value: Option<f64>| Point { place, value, error: None, hint: String::new() };
    rows.iter().filter_map(|row| Some(point(row.sigma?, row.value))).collect()
}

/// The median of the finite values in each of equal parts of the lengths, at the mean length there.
fn medians(points: &[Point]) -> Vec<Point> {
    let most = points.iter().map(|point| point.place).fold(0.0, f64::max);
    let part = |point: &Point| (point.place / most * PARTS as f64).ceil().max(1.0) as usize - 1;
    let median = |index: usize| {
        let inside: Vec<(f64, f64)> = points
            .iter()
            .filter(|point| part(point) == index)
            .filter_map(|point| Some((point.place, point.value?)))
            .collect();
        let mut values: Vec<f64> = inside.iter().map(|(_, value)| *value).collect();
        values.sort_unstable_by(f64::total_cmp);
        let count = values.len();
        let middle = (values.get(count.checked_sub(1)? / 2)? + values.get(count / 2)?) / 2.0;
        let place = inside.iter().map(|(place, _)| place).sum::<f64>() / count as f64;
        Some(Point { place, value: Some(middle), error: None, hint: String::new() })
    };
    (0..PARTS).filter_map(median).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_of_the_finite_values_of_a_part() {
        let point = |place, value| Point { place, value, error: None, hint: String::new() };
        let points = [
            point(0.5, Some(1.0)),
            point(1.0, Some(3.0)),
            point(0.7, None),
            point(10.0, Some(7.0)),
        ];
        let medians = medians(&points);
        let found: Vec<(f64, Option<f64>)> = medians.iter().map(|m| (m.place, m.value)).collect();
        assert_eq!(found, [(0.75, Some(2.0)), (10.0, Some(7.0))]);
    }
}
