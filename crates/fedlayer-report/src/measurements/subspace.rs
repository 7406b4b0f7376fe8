//! `subspace`: the loss against the length of noise in subspaces, as in Fig. 6.

use fedlayer_core::spec::SplitSpec;

use crate::{
    analysis_rows::AnalysisRows,
    labels::{self, NOT_FINITE},
    pictures::{
        SuffixedPage,
        panels::panels,
        picture_rows::{PictureRows, by_round_and_metric},
    },
    plot::{
        axis::Axis,
        chart::{Chart, DataPoint, Series, SeriesKind, ValueAxis},
        legend::{Legend, LegendKey},
        mark::Style,
        page::{Page, Panels},
        scale::AxisScale,
    },
    summary::{SummaryRows, SummaryTable, plain, plain_loss},
};

/// The kinds of noise, and their names in the legend.
const KINDS: [(&str, &str); 4] = [
    ("training", "in the subspace of training"),
    ("null", "in its complement"),
    ("interpolation", "towards the other model"),
    ("extrapolation", "away from the other model"),
];

/// The prefix of the kinds that repeat the faults of the article's notebook.
const PUBLISHED: &str = "published-";

/// The number of equal parts of the lengths over which medians are taken.
const PARTS: usize = 10;

/// Draws, per round and metric, one picture of noise in all layers and one per split of noise in
/// single layers. The variant with the faults of the article's notebook has the same pictures
/// again, marked `published`.
pub(super) fn pages(title: &str, rows: &AnalysisRows<'_>) -> Vec<SuffixedPage> {
    let mut pages = Vec::new();
    for picture in by_round_and_metric(rows) {
        for variant in ["", PUBLISHED] {
            pages.extend(whole(title, &picture, variant));
            for split in picture.rows.splits() {
                pages.extend(layers(title, &picture, variant, split));
            }
        }
    }
    pages
}

/// A kind of noise: its name in the records, its style, and its words in the legend.
struct NoiseKind {
    kind: String,
    style: Style,
    words: &'static str,
}

/// Returns the kinds of a variant that the rows have, in the order of the legend.
fn kinds(rows: &AnalysisRows<'_>, variant: &str) -> Vec<NoiseKind> {
    let kinds = KINDS.iter().enumerate().map(|(index, (kind, words))| NoiseKind {
        kind: format!("{variant}{kind}"),
        style: Style::of(index),
        words,
    });
    kinds.filter(|noise| !rows.kind(&noise.kind).is_empty()).collect()
}

/// Draws noise in all layers: a panel per split and base.
fn whole(title: &str, picture: &PictureRows<'_>, variant: &str) -> Option<SuffixedPage> {
    let of_model = picture.rows.set("all");
    let kinds = kinds(&of_model, variant);
    let noisy = noisy(&of_model, &kinds);
    let bases = noisy.distinct(|row| row.base.as_str());
    let panels = panels(noisy.splits(), &bases, |split, base| {
        let (of_split, clean) = (noisy.split(*split), picture.rows.kind("clean").split(*split));
        let measured = labels::measured(*split, picture.metric);
        let scatter = Scatter {
            title: format!("{measured}, {}", labels::base(base)),
            size: (330.0, 240.0),
            unit: labels::unit(picture.metric),
            y: AxisScale::fitting(&values(&of_split, &clean)),
        };
        Some(scatter.chart(&of_split.base(base), &clean.base(base), &kinds))
    });
    if panels.is_empty() {
        return None;
    }
    let suffix = match variant.trim_end_matches('-') {
        "" => picture.suffix.clone(),
        word => picture.suffix_with(word),
    };
    let page = NoisePage { kinds: &kinds, panels, columns: bases.len() };
    Some((suffix, page.finish(title, picture, variant, &noisy)))
}

/// Draws noise in single layers: a panel per base and layer.
fn layers(
    title: &str,
    picture: &PictureRows<'_>,
    variant: &str,
    split: Option<SplitSpec>,
) -> Option<SuffixedPage> {
    let of_layers = picture.rows.split(split).only(|row| row.set != "all" && row.set != "none");
    let kinds = kinds(&of_layers, variant);
    let noisy = noisy(&of_layers, &kinds);
    let (bases, sets) = (noisy.distinct(|row| row.base.as_str()), noisy.sets());
    if sets.is_empty() {
        return None;
    }
    let clean = picture.rows.kind("clean").split(split);
    let y = AxisScale::fitting(&values(&noisy, &clean));
    let panel = |set: &str, base: &str| {
        let scatter = Scatter {
            title: format!("{set}, {}", labels::base(base)),
            size: (200.0, 140.0),
            unit: labels::unit(picture.metric),
            y,
        };
        Some(scatter.chart(&noisy.set(set).base(base), &clean.base(base), &kinds))
    };
    // A few layers are side by side, in a row per base; many go down the page, two layers to a row.
    let (panels, columns) = if sets.len() <= 5 {
        (panels(&bases, &sets, |base, set| panel(set, base)), sets.len())
    } else {
        (panels(&sets, &bases, |set, base| panel(set, base)), 2 * bases.len())
    };
    let title = format!("{title}: {} layer by layer", labels::measured(split, picture.metric));
    let split = split.map_or_else(String::new, |split| format!("-{split}"));
    let suffix = picture.suffix_with(&format!("{variant}layers{split}"));
    let page = NoisePage { kinds: &kinds, panels, columns };
    Some((suffix, page.finish(&title, picture, variant, &noisy)))
}

/// Selects the rows of these kinds of noise.
fn noisy<'a>(rows: &AnalysisRows<'a>, kinds: &[NoiseKind]) -> AnalysisRows<'a> {
    rows.only(|row| row.sigma.is_some() && kinds.iter().any(|noise| noise.kind == row.kind))
}

fn values(noisy: &AnalysisRows<'_>, clean: &AnalysisRows<'_>) -> Vec<f64> {
    noisy.iter().chain(clean.iter()).filter_map(|row| row.value).collect()
}

/// The panels of a page, and the kinds of noise that they show.
struct NoisePage<'a> {
    kinds: &'a [NoiseKind],
    panels: Panels,
    columns: usize,
}

impl NoisePage<'_> {
    fn finish(
        self,
        title: &str,
        picture: &PictureRows<'_>,
        variant: &str,
        noisy: &AnalysisRows<'_>,
    ) -> Page {
        let mut legend = Legend::default();
        for noise in self.kinds {
            legend.add(LegendKey::Both(noise.style.open()), noise.words);
        }
        legend.add(LegendKey::Line(Style::reference()), "without noise");
        if noisy.has_lost() {
            legend.add(LegendKey::Cross, NOT_FINITE);
        }
        let mut notes =
            vec![format!("Lines: the median in each of {PARTS} equal parts of the lengths.")];
        if variant == PUBLISHED {
            notes.push(
                "Drawn as in the notebook behind the article's figure, with its faults; the right way has a picture of its own."
                    .to_owned(),
            );
        }
        let subtitle = picture
            .about("Loss at a model plus noise of length σ in a random direction of a subspace");
        let Self { panels, columns, .. } = self;
        Page { title: title.to_owned(), subtitle, legend, panels, columns, notes }
    }
}

/// A panel without its points.
struct Scatter {
    title: String,
    size: (f64, f64),
    unit: &'static str,
    y: AxisScale,
}

impl Scatter {
    fn chart(
        self,
        noisy: &AnalysisRows<'_>,
        clean: &AnalysisRows<'_>,
        kinds: &[NoiseKind],
    ) -> Chart {
        let sigmas: Vec<f64> = noisy.iter().filter_map(|row| row.sigma).collect();
        let mut series = Vec::new();
        for NoiseKind { kind, style, .. } in kinds {
            let points = points(&noisy.kind(kind));
            let style = style.open().radius(2.0);
            series.push(Series { style, kind: SeriesKind::Marks, points });
        }
        for NoiseKind { kind, style, .. } in kinds {
            let points = medians(&points(&noisy.kind(kind)));
            series.push(Series { style: *style, kind: SeriesKind::Line, points });
        }
        let clean = clean.first().and_then(|row| row.value);
        Chart {
            title: self.title,
            size: self.size,
            x: Axis::numbers("length of the noise σ", AxisScale::with_zero(sigmas)),
            y: Axis::numbers(self.unit, self.y),
            values: ValueAxis::Up,
            series,
            levels: clean.into_iter().map(|value| (value, Style::reference())).collect(),
            labels: Vec::new(),
        }
    }
}

fn points(rows: &AnalysisRows<'_>) -> Vec<DataPoint> {
    let point = |position: f64, value: Option<f64>| DataPoint {
        position,
        value,
        error: None,
        hint: String::new(),
    };
    rows.iter().filter_map(|row| Some(point(row.sigma?, row.value))).collect()
}

/// Divides the lengths into equal parts and returns the median of each part's finite values, at the
/// mean length of the part.
fn medians(points: &[DataPoint]) -> Vec<DataPoint> {
    let most = points.iter().map(|point| point.position).fold(0.0, f64::max);
    let part =
        |point: &DataPoint| (point.position / most * PARTS as f64).ceil().max(1.0) as usize - 1;
    let median = |index: usize| {
        let inside: Vec<(f64, f64)> = points
            .iter()
            .filter(|point| part(point) == index)
            .filter_map(|point| Some((point.position, point.value?)))
            .collect();
        let mut values: Vec<f64> = inside.iter().map(|(_, value)| *value).collect();
        values.sort_unstable_by(f64::total_cmp);
        let count = values.len();
        let middle = (values.get(count.checked_sub(1)? / 2)? + values.get(count / 2)?) / 2.0;
        let position = inside.iter().map(|(position, _)| position).sum::<f64>() / count as f64;
        Some(DataPoint { position, value: Some(middle), error: None, hint: String::new() })
    };
    (0..PARTS).filter_map(median).collect()
}

/// Summarises, per model and kind of noise in all layers, the median losses of the shorter and of
/// the longer half of the lengths.
pub(super) fn summary(selected: &SummaryRows<'_>) -> SummaryTable {
    let noise = selected.rows.set("all").only(|row| row.sigma.is_some());
    let most = noise.iter().filter_map(|row| row.sigma).fold(0.0, f64::max);
    let half = plain(most / 2.0);
    let titles = ["without".to_owned(), format!("σ to {half}"), format!("σ from {half}")];
    let mut table = SummaryTable::new(&["model", "noise"], titles);
    for base in noise.distinct(|row| row.base.as_str()) {
        for kind in noise.distinct(|row| row.kind.as_str()) {
            let of_kind = noise.base(base).kind(kind);
            let median = |longer: bool| {
                let part = of_kind.only(|row| (row.sigma.unwrap_or(0.0) > most / 2.0) == longer);
                median(&part).map_or_else(|| "-".to_owned(), plain)
            };
            table.rows.push(vec![
                labels::base(base),
                kind.to_owned(),
                plain_loss(selected.rows.kind("clean").base(base).first()),
                median(false),
                median(true),
            ]);
        }
    }
    table.foot = "medians over the draws".to_owned();
    table
}

/// Returns the median; values that are not finite count as the largest.
fn median(rows: &AnalysisRows<'_>) -> Option<f64> {
    let mut values: Vec<f64> = rows.iter().map(|row| row.value.unwrap_or(f64::INFINITY)).collect();
    values.sort_unstable_by(f64::total_cmp);
    let count = values.len();
    Some((values.get(count.checked_sub(1)? / 2)? + values.get(count / 2)?) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_of_the_finite_values_of_a_part() {
        let point =
            |position, value| DataPoint { position, value, error: None, hint: String::new() };
        let points = [
            point(0.5, Some(1.0)),
            point(1.0, Some(3.0)),
            point(0.7, None),
            point(10.0, Some(7.0)),
        ];
        let medians = medians(&points);
        let found: Vec<(f64, Option<f64>)> =
            medians.iter().map(|m| (m.position, m.value)).collect();
        assert_eq!(found, [(0.75, Some(2.0)), (10.0, Some(7.0))]);
    }
}
