//! `align`: barriers before and after the second model's units are permuted to match the first's.

use fedlayer_core::spec::SplitSpec;

use crate::{
    analysis_rows::AnalysisRows,
    labels::{self, ERRORS, NOT_FINITE},
    pictures::{
        SuffixedPage,
        layer_bars::{LayerBars, LayerMark, LayerSeries},
        layer_groups::layers_and_whole,
        panels::{error_bar, panels},
        picture_rows::{PictureRows, page_per_round_and_metric},
    },
    plot::{
        chart::Chart,
        legend::{Legend, LegendKey},
        mark::Style,
        page::Page,
    },
    summary::{SummaryRows, SummaryTable, barriers_at_half, highest, plain, shown},
};

/// The variants of the second model, as records and legends name them.
const VARIANTS: [&str; 2] = ["before", "after"];

/// Draws one picture per round and metric: a panel per split and base with two bars per layer set.
pub(super) fn pages(title: &str, rows: &AnalysisRows<'_>) -> Vec<SuffixedPage> {
    page_per_round_and_metric(rows, |picture| page(title, picture))
}

fn page(title: &str, picture: &PictureRows<'_>) -> Option<Page> {
    let (barriers, baseline, _) = picture.rows.barriers()?;
    let shown = barriers.of_layer_sets().only(|row| row.variant.is_some());
    let bases = shown.shown_bases();
    let split_and_group = shown.splits().into_iter().flat_map(|split| {
        let groups = layers_and_whole(&shown.split(split)).into_iter();
        groups.map(move |group| (split, group)).collect::<Vec<_>>()
    });
    let subtitle = picture.about(&format!(
        "Barrier of averaging layers at α = ½ before and after the second model's units were permuted to fit the first's: loss of the mix minus {}",
        labels::baseline(baseline)
    ));
    Some(Page {
        title: title.to_owned(),
        subtitle,
        legend: legend(&shown),
        panels: panels(split_and_group, &bases, |(split, group), base| {
            Some(panel(picture, group, (*split, base)))
        }),
        columns: bases.len(),
        notes: vec![ERRORS.to_owned()],
    })
}

fn legend(shown: &AnalysisRows<'_>) -> Legend {
    let mut legend = Legend::default();
    for (index, variant) in VARIANTS.iter().enumerate() {
        legend.add(LegendKey::Patch(bar(index)), format!("{variant} alignment"));
    }
    if shown.has_lost() {
        legend.add(LegendKey::Cross, NOT_FINITE);
    }
    legend
}

fn panel(
    picture: &PictureRows<'_>,
    (suffix, rows): &(&str, AnalysisRows<'_>),
    (split, base): (Option<SplitSpec>, &str),
) -> Chart {
    let series = |(index, variant): (usize, &&str)| LayerSeries {
        name: format!("{variant} alignment"),
        style: bar(index),
        rows: rows.base(base).only(|row| row.variant.as_deref() == Some(variant)),
    };
    let bars = LayerBars {
        title: format!(
            "{}, {}{suffix}",
            labels::measured(split, picture.metric),
            labels::base(base)
        ),
        unit: format!("barrier ({})", labels::difference(picture.metric)),
        mark: LayerMark::Bars,
        series: VARIANTS.iter().enumerate().map(series).collect(),
        beside: rows.clone(),
    };
    bars.chart(&error_bar)
}

/// Returns the style of a variant's bars: open before the alignment, filled after it.
fn bar(index: usize) -> Style {
    if index == 0 { Style::of(1).open().radius(3.5) } else { Style::of(0) }
}

/// Summarises, per base, the full barrier, the largest barrier of a layer and their sum, before and
/// after the alignment.
pub(super) fn summary(selected: &SummaryRows<'_>) -> SummaryTable {
    let Some((barriers, baseline, _)) = selected.rows.barriers() else {
        return SummaryTable::default();
    };
    let titles = ["full", "largest layer", "sum of layers"];
    let mut table = SummaryTable::new(&["base", "alignment"], titles.map(str::to_owned));
    for base in barriers.shown_bases() {
        for variant in ["before", "after"] {
            let rows = barriers.base(base).only(|row| row.variant.as_deref() == Some(variant));
            let layers = rows.kind("layer");
            let sum: Option<f64> = layers.iter().map(|row| row.value).sum();
            let layer = highest(&layers);
            table.rows.push(vec![
                labels::base(base),
                variant.to_owned(),
                shown(rows.kind("full").first()),
                layer.map_or_else(
                    || "-".to_owned(),
                    |row| format!("{} {}", row.set, shown(Some(row))),
                ),
                sum.filter(|_| !layers.is_empty()).map_or_else(|| "-".to_owned(), plain),
            ]);
        }
    }
    table.foot = barriers_at_half(baseline);
    table
}
