//! `predict`: barriers of single layers against what norms, angles and derivatives predict.

use fedlayer_core::{
    record::{AnalysisRow, Metric},
    spec::SplitSpec,
};

use crate::{
    analysis_rows::AnalysisRows,
    labels::{self, ERRORS, NOT_FINITE},
    pictures::{
        SuffixedPage,
        panels::{error_bar, error_bar_ends, panels},
    },
    plot::{
        axis::Axis,
        chart::{Chart, DataPoint, Series, SeriesKind, ValueAxis},
        legend::{Legend, LegendKey},
        mark::Style,
        number::{short, with_error},
        page::Page,
        scale::AxisScale,
    },
    summary::{SummaryRows, SummaryTable, plain},
};

/// The predictors: their kind in the records, and the label of their axis.
const PREDICTORS: [(&str, &str); 3] =
    [("expansion", "½⟨g, Δ⟩ + ⅛ΔᵀHΔ"), ("norm", "‖Δ‖₂"), ("cosine", "cosine of the movements")];

/// Draws one picture per round: a panel per split, model and predictor with a mark per layer.
pub(super) fn pages(title: &str, rows: &AnalysisRows<'_>) -> Vec<SuffixedPage> {
    let rounds = rows.rounds();
    let suffix = |round| if rounds.len() > 1 { format!("round-{round}") } else { String::new() };
    let page = |round: &u32| (suffix(*round), page(title, &rows.round(*round), *round));
    rounds.iter().map(page).collect()
}

fn page(title: &str, rows: &AnalysisRows<'_>, round: u32) -> Page {
    let measured = rows.kind("measured").metric(Metric::Loss);
    let predictors: Vec<(&str, &str)> = PREDICTORS
        .into_iter()
        .filter(|(kind, _)| rows.kind(kind).iter().any(|row| row.value.is_some()))
        .collect();
    let bases = measured.shown_bases();
    let split_and_base = measured
        .splits()
        .into_iter()
        .flat_map(|split| bases.iter().map(move |&base| (split, base)));
    let panels = panels(split_and_base, &predictors, |&(split, base), predictor| {
        let shown = measured.split(split).base(base);
        Some(chart(rows, &shown, (split, base), *predictor))
    });
    Page {
        title: title.to_owned(),
        subtitle: format!(
            "Barrier of averaging one layer at α = ½ (baseline: the base's loss) against predictions \
             that need no evaluation of the mix. Δ: movement of the layer to the other model; g and H: \
             gradient and Hessian at the base; ρ: rank correlation over the layers (Spearman).{}",
            labels::models_after(round)
        ),
        legend: legend(&measured, &predictors),
        columns: predictors.len(),
        panels,
        notes: vec![ERRORS.to_owned()],
    }
}

fn legend(measured: &AnalysisRows<'_>, predictors: &[(&str, &str)]) -> Legend {
    let mut legend = Legend::default();
    legend.add(LegendKey::Mark(Style::of(0)), "a layer");
    if predictors.iter().any(|(kind, _)| *kind == "expansion") {
        legend.add(LegendKey::Line(Style::reference()), "predicted and measured alike");
    }
    if measured.has_lost() {
        legend.add(LegendKey::Cross, NOT_FINITE);
    }
    legend
}

/// Returns the chart of a predictor; `measured` are the barriers of the panel.
fn chart(
    rows: &AnalysisRows<'_>,
    measured: &AnalysisRows<'_>,
    (split, base): (Option<SplitSpec>, &str),
    (kind, label): (&str, &str),
) -> Chart {
    let predictions = rows.kind(kind).base(base);
    let predicted = |set: &str| {
        // Norms and angles need no data, so their rows have no split.
        let mut found = predictions.iter().filter(|row| row.set == set);
        found.find(|row| row.split.is_none() || row.split == split).and_then(|row| row.value)
    };
    let point = |row: &AnalysisRow| Some(data_point(row, predicted(&row.set)?, label));
    let points: Vec<DataPoint> = measured.iter().filter_map(point).collect();
    let label_of = |row: &AnalysisRow| Some((predicted(&row.set)?, row.value?, row.set.clone()));
    let positions = points.iter().map(|point| point.position);
    let x = match kind {
        "norm" => AxisScale::with_zero(positions),
        _ => AxisScale::around(positions),
    };
    let shown = measured.only(|row| predicted(&row.set).is_some());
    let y = AxisScale::around(shown.iter().flat_map(error_bar_ends));
    let mut series = vec![Series { style: Style::of(0), kind: SeriesKind::Marks, points }];
    if kind == "expansion" {
        series.insert(0, identity_line(x, y));
    }
    let rho = rows.kind(&format!("spearman-{kind}")).split(split).base(base);
    let rho = rho.first().and_then(|row| row.value);
    let rho = rho.map_or_else(String::new, |rho| format!(", ρ = {}", short(rho)));
    Chart {
        title: format!("{}, {}{rho}", labels::measured(split, Metric::Loss), labels::base(base)),
        size: (260.0, 200.0),
        x: Axis::numbers(label, x),
        y: Axis::numbers("measured barrier (loss)", y),
        values: ValueAxis::Up,
        series,
        levels: Vec::new(),
        labels: measured.iter().filter_map(label_of).collect(),
    }
}

fn data_point(row: &AnalysisRow, predicted: f64, label: &str) -> DataPoint {
    let measured = with_error(row.value, row.std_error);
    DataPoint {
        position: predicted,
        value: row.value,
        error: error_bar(row),
        hint: format!("{}: {measured}, {label} = {}", row.set, short(predicted)),
    }
}

/// Returns the line on which prediction and measurement are equal, as far as it is inside the
/// panel.
fn identity_line(x: AxisScale, y: AxisScale) -> Series {
    let ((left, right), (low, high)) = (x.ends(), y.ends());
    let (from, to) = (left.max(low), right.min(high));
    let point = |value: f64| DataPoint {
        position: value,
        value: Some(value),
        error: None,
        hint: String::new(),
    };
    let points = if from < to { vec![point(from), point(to)] } else { Vec::new() };
    Series { style: Style::reference(), kind: SeriesKind::Line, points }
}

/// Summarises, per model, the rank correlation of each predictor with the measured barriers.
pub(super) fn summary(selected: &SummaryRows<'_>) -> SummaryTable {
    let predictors = ["norm", "cosine", "expansion"];
    let mut table = SummaryTable::new(&["model"], predictors.map(str::to_owned));
    for base in selected.rows.kind("measured").shown_bases() {
        let rho = |predictor: &str| {
            let rows = selected.rows.kind(&format!("spearman-{predictor}")).base(base);
            rows.first().and_then(|row| row.value).map_or_else(|| "-".to_owned(), plain)
        };
        let mut cells = vec![labels::base(base)];
        cells.extend(predictors.map(rho));
        table.rows.push(cells);
    }
    table.foot = "rank correlation (Spearman) over the layers with the measured barriers at α = ½"
        .to_owned();
    table
}
