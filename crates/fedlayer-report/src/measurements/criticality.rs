//! `criticality`: the loss with a layer put back or drawn anew, and the module criticality.

use fedlayer_core::{
    record::{AnalysisRow, Metric},
    spec::SplitSpec,
};

use crate::{
    analysis_rows::AnalysisRows,
    labels::{self, NOT_FINITE},
    pictures::{
        SuffixedPage,
        panels::{boxed, panels},
        picture_rows::by_round_and_metric,
    },
    plot::{
        axis::Axis,
        chart::{Chart, DataPoint, Series, SeriesKind, ValueAxis},
        heat_map::{HeatCell, HeatMap},
        legend::{Legend, LegendKey},
        mark::Style,
        number::{short, with_error},
        page::Page,
        scale::{AxisScale, limit},
    },
    summary::{SummaryRows, SummaryTable, largest, of_all, plain, plain_loss},
};

/// Draws two pictures per round: heat maps of the increase of the loss per split, metric and model,
/// and the module criticality of each layer.
pub(super) fn pages(title: &str, rows: &AnalysisRows<'_>) -> Vec<SuffixedPage> {
    let mut pages = Vec::new();
    let rounds = rows.rounds();
    for &round in &rounds {
        let rows = rows.round(round);
        let numbered = |word: &str| {
            let dash = if word.is_empty() || rounds.len() < 2 { "" } else { "-" };
            let round = if rounds.len() < 2 { String::new() } else { format!("round-{round}") };
            format!("{word}{dash}{round}")
        };
        pages.extend(increases(title, &rows, round).map(|page| (numbered(""), page)));
        pages.extend(modules(title, &rows, round).map(|page| (numbered("module"), page)));
    }
    pages
}

/// The replacement of a layer: a column of a heat map.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Replacement {
    /// Its values before training.
    Initial,
    /// Its values after an earlier round.
    Rewound(u32),
    /// New initial values; the mean over the draws.
    Redrawn,
}

impl Replacement {
    fn of(row: &AnalysisRow) -> Option<Self> {
        match (row.kind.as_str(), row.epoch) {
            ("initial", _) => Some(Self::Initial),
            ("rewind", Some(epoch)) => Some(Self::Rewound(epoch)),
            ("redrawn", _) if row.draw.is_none() => Some(Self::Redrawn),
            _ => None,
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Initial => "initial".to_owned(),
            Self::Rewound(epoch) => epoch.to_string(),
            Self::Redrawn => "redrawn".to_owned(),
        }
    }
}

fn increases(title: &str, rows: &AnalysisRows<'_>, round: u32) -> Option<Page> {
    let shown = rows.only(|row| Replacement::of(row).is_some());
    let bases = shown.shown_bases();
    let losses = shown.losses();
    let mut legend = Legend::default();
    let mut heat_maps: Vec<HeatMap> = Vec::new();
    for split in shown.splits() {
        for &metric in &losses {
            let of_split = rows.split(split).metric(metric);
            let maps = bases.iter().map(|base| heat_map(&of_split, (split, metric), base));
            heat_maps.extend(on_one_scale(maps.collect()));
        }
    }
    if heat_maps
        .iter()
        .flat_map(|map| map.cells.iter().flatten())
        .any(|cell| *cell == HeatCell::Lost)
    {
        legend.add(LegendKey::Cross, NOT_FINITE);
    }
    let subtitle = format!(
        "Loss of a model with one layer replaced by its values before training (initial) or after an \
         earlier round, or drawn anew (mean over the draws), minus the model's own loss.{} Colour: \
         signed square root, from blue (better) to brown (worse).",
        labels::models_after(round)
    );
    Some(Page {
        title: title.to_owned(),
        subtitle,
        legend,
        panels: heat_maps.into_iter().map(|map| boxed(Some(map))).collect(),
        columns: bases.len().clamp(1, 2),
        notes: Vec::new(),
    })
}

/// Gives heat maps the same colour scale.
fn on_one_scale(maps: Vec<HeatMap>) -> impl Iterator<Item = HeatMap> {
    let cells = maps.iter().flat_map(|map| map.cells.iter().flatten());
    let limit = limit(cells.map(|cell| cell.size()).fold(0.0, f64::max));
    maps.into_iter().map(move |map| HeatMap { limit, ..map })
}

/// Returns the heat map of a base; `rows` are those of a split and metric.
fn heat_map(
    rows: &AnalysisRows<'_>,
    (split, metric): (Option<SplitSpec>, Metric),
    base: &str,
) -> HeatMap {
    let own = rows.kind("end").base(labels::base_model(base)).first().and_then(|row| row.value);
    let of_base = rows.base(base);
    let shown = of_base.only(|row| Replacement::of(row).is_some());
    let mut columns: Vec<Replacement> =
        shown.distinct(Replacement::of).into_iter().flatten().collect();
    columns.sort();
    let sets = shown.sets();
    let cell = |set: &str, wanted: &Replacement| {
        let is_cell =
            |row: &&AnalysisRow| row.set == set && Replacement::of(row).as_ref() == Some(wanted);
        // The two losses are not paired here, so the increase has no standard error.
        let increase =
            |row: &AnalysisRow| HeatCell::measured(row.value.zip(own).map(|(a, b)| a - b), None);
        shown.iter().find(is_cell).map_or(HeatCell::Empty, increase)
    };
    HeatMap {
        title: format!("{}, {}", labels::measured(split, metric), labels::base(base)),
        cells: sets.iter().map(|set| columns.iter().map(|c| cell(set, c)).collect()).collect(),
        rows: sets.iter().map(ToString::to_string).collect(),
        row_label: String::new(),
        flags: vec![false; columns.len()],
        columns: columns.iter().map(Replacement::name).collect(),
        column_label: "layer as after round".to_owned(),
        limit: 1.0,
        unit: format!("increase ({})", labels::difference(metric)),
    }
}

fn modules(title: &str, rows: &AnalysisRows<'_>, round: u32) -> Option<Page> {
    let picture = by_round_and_metric(&rows.kind("criticality")).into_iter().next()?;
    let bases = picture.rows.shown_bases();
    let splits = picture.rows.splits();
    let is_zero = |row: &AnalysisRow| row.value == Some(0.0);
    let notes = if picture.rows.iter().any(is_zero) {
        vec!["μ = 0 is drawn at the low end: the initial layer does as well, whatever noise is on it.".to_owned()]
    } else {
        Vec::new()
    };
    Some(Page {
        title: format!("{title}: module criticality"),
        subtitle: format!(
            "μ = min α²‖θ_F − θ_0‖²/σ² over the shares α of the way from the initial layer and the noise σ that keep the mean loss within ε of the model's own \
             (Chatterji et al. 2020). A layer with a large μ tolerates neither its initial values nor noise.{}",
            labels::models_after(round)
        ),
        legend: module_legend(&picture.rows, &bases),
        panels: panels([()], &splits, |(), split| {
            Some(module_chart(&picture.rows.split(*split), *split, &bases))
        }),
        columns: splits.len(),
        notes,
    })
}

fn module_legend(rows: &AnalysisRows<'_>, bases: &[&str]) -> Legend {
    let mut legend = Legend::default();
    for (index, base) in bases.iter().enumerate() {
        legend.add(LegendKey::Mark(Style::of(index)), labels::base(base));
    }
    if rows.has_lost() {
        legend.add(LegendKey::Cross, "no pair of α and σ keeps the loss within ε");
    }
    legend
}

fn module_chart(rows: &AnalysisRows<'_>, split: Option<SplitSpec>, bases: &[&str]) -> Chart {
    let sets = rows.sets();
    // A criticality of 0 is drawn at the low end of the logarithmic axis.
    let values: Vec<f64> =
        rows.iter().filter_map(|row| row.value).filter(|value| *value > 0.0).collect();
    let series = bases.iter().enumerate().map(|(index, base)| {
        let offset = (index as f64 - (bases.len() as f64 - 1.0) / 2.0) * 0.3;
        let of_base = rows.base(base);
        let points = of_base.iter().filter_map(|row| module_point(row, &sets, offset)).collect();
        Series { style: Style::of(index), kind: SeriesKind::Marks, points }
    });
    Chart {
        title: labels::measured(split, Metric::Loss),
        size: (330.0, 20.0 * sets.len() as f64),
        x: Axis::numbers("module criticality μ", AxisScale::fitting(&values)),
        y: Axis::names("", sets.iter().map(ToString::to_string).collect()),
        values: ValueAxis::Across,
        series: series.collect(),
        levels: Vec::new(),
        labels: Vec::new(),
    }
}

fn module_point(row: &AnalysisRow, sets: &[&str], offset: f64) -> Option<DataPoint> {
    let index = sets.iter().position(|set| *set == row.set)?;
    let at = |name: &str, value: Option<f64>| {
        value.map_or_else(String::new, |value| format!(", {name} = {}", short(value)))
    };
    Some(DataPoint {
        position: index as f64 + 0.5 + offset,
        value: row.value,
        error: None,
        hint: format!(
            "{}, {}: {}{}{}",
            row.set,
            labels::base(&row.base),
            with_error(row.value, None),
            at("α", row.alpha),
            at("σ", row.sigma)
        ),
    })
}

/// Summarises, per model and layer, the loss with the layer put back or drawn anew, and its module
/// criticality, for the layers that matter most.
pub(super) fn summary(selected: &SummaryRows<'_>) -> SummaryTable {
    let titles = ["itself", "initial", "redrawn", "module criticality"];
    let mut table = SummaryTable::new(&["model", "layer"], titles.map(str::to_owned));
    let initial = selected.rows.kind("initial");
    let top = largest(&initial);
    for base in initial.shown_bases() {
        let own = selected.rows.kind("end").base(labels::base_model(base)).first();
        for set in &top {
            let of_layer = selected.rows.base(base).set(set);
            let redrawn = of_layer.kind("redrawn").only(|row| row.draw.is_none());
            let module = of_layer.kind("criticality");
            let module = module.first().map_or_else(
                || "-".to_owned(),
                |row| row.value.map_or_else(|| "none".to_owned(), plain),
            );
            table.rows.push(vec![
                labels::base(base),
                (*set).to_owned(),
                plain_loss(own),
                plain_loss(of_layer.kind("initial").first()),
                plain_loss(redrawn.first()),
                module,
            ]);
        }
    }
    table.foot = format!(
        "loss with the layer as it was initially, or drawn anew{}",
        of_all(top.len(), &initial)
    );
    table
}
