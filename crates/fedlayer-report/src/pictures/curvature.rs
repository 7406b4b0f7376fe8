//! Pictures of second derivatives of the loss, layer by layer: `hessian` and `flatness`.

use fedlayer_core::{record::AnalysisRow, spec::SplitSpec};

use super::{
    SuffixedPage,
    layer_bars::{LayerBars, LayerMark, LayerSeries},
    layer_groups::layers_and_whole,
    panels::{boxed, error_bar},
    picture_rows::{PictureRows, page_per_round_and_metric},
};
use crate::{
    analysis_rows::AnalysisRows,
    labels::{self, NOT_FINITE},
    plot::{
        chart::Chart,
        legend::{Legend, LegendKey},
        mark::Style,
        page::{Page, Panels},
    },
};

/// The words and the style of a measurement's pictures.
#[derive(Clone, Copy)]
pub(crate) struct Topic {
    /// The kinds of rows that are drawn, each with the title of its panels.
    pub(crate) kinds: &'static [(&'static str, &'static str)],
    pub(crate) mark: LayerMark,
    pub(crate) about: &'static str,
    pub(crate) errors: &'static str,
}

/// Draws one picture per round: a panel per split and kind with a bar or mark per layer and model.
pub(crate) fn pages(title: &str, rows: &AnalysisRows<'_>, topic: Topic) -> Vec<SuffixedPage> {
    page_per_round_and_metric(rows, |picture| Some(page(title, picture, topic)))
}

fn page(title: &str, picture: &PictureRows<'_>, topic: Topic) -> Page {
    let kinds: Vec<(&str, &str)> = topic
        .kinds
        .iter()
        .copied()
        .filter(|(kind, _)| !picture.rows.kind(kind).is_empty())
        .collect();
    let shown = picture.rows.only(|row| kinds.iter().any(|(kind, _)| row.kind == *kind));
    let splits = shown.splits();
    let mut panels = Panels::new();
    for &split in &splits {
        // Panels of single layers come before those of the whole model.
        for group in [0, 1] {
            for kind in &kinds {
                let of_kind = shown.split(split).kind(kind.0);
                let rows = layers_and_whole(&of_kind).into_iter().nth(group);
                let chart = rows.map(|rows| panel(picture, topic, &rows, split, kind.1));
                panels.extend(chart.map(|chart| boxed(Some(chart))));
            }
        }
    }
    Page {
        title: title.to_owned(),
        subtitle: picture.about(topic.about),
        legend: legend(&shown, topic),
        panels,
        columns: if kinds.len() == 1 { splits.len() } else { kinds.len() },
        notes: vec![topic.errors.to_owned()],
    }
}

fn legend(shown: &AnalysisRows<'_>, topic: Topic) -> Legend {
    let mut legend = Legend::default();
    for (index, base) in shown.shown_bases().into_iter().enumerate() {
        let key = match topic.mark {
            LayerMark::Bars => LegendKey::Patch(bar(index)),
            LayerMark::Marks => LegendKey::Mark(bar(index)),
        };
        legend.add(key, labels::base(base));
    }
    if shown.has_lost() {
        legend.add(LegendKey::Cross, NOT_FINITE);
    }
    legend
}

fn panel(
    picture: &PictureRows<'_>,
    topic: Topic,
    (suffix, rows): &(&str, AnalysisRows<'_>),
    split: Option<SplitSpec>,
    name: &str,
) -> Chart {
    let shown = picture.rows.only(|row| topic.kinds.iter().any(|(kind, _)| row.kind == *kind));
    let bases = shown.shown_bases();
    let series = |(index, base): (usize, &&str)| LayerSeries {
        name: labels::base(base),
        style: bar(index),
        rows: rows.base(base),
    };
    let bars = LayerBars {
        title: format!("{name}, {}{suffix}", labels::measured(split, picture.metric)),
        unit: name.to_owned(),
        mark: topic.mark,
        series: bases.iter().enumerate().map(series).collect(),
        beside: rows.clone(),
    };
    let residuals = picture.rows.kind("residual");
    bars.chart(&|row| if row.kind == "top" { residual(row, &residuals) } else { error_bar(row) })
}

/// Returns the residual of an eigenvalue, which is its error bar.
fn residual(eigenvalue: &AnalysisRow, residuals: &AnalysisRows<'_>) -> Option<f64> {
    let key = |row: &AnalysisRow| (row.split, row.set.clone(), row.base.clone());
    let wanted = key(eigenvalue);
    residuals.iter().find(|row| key(row) == wanted).and_then(|row| row.value)
}

/// Returns the style of a model's bars: filled for the first, open for the second, so that they
/// differ in grey.
fn bar(index: usize) -> Style {
    let style = Style::of(index);
    if index % 2 == 1 { style.open().radius(3.5) } else { style }
}
