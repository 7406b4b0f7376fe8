//! What lengths, angles and derivatives say of the barriers of single layers, against the barriers themselves.

use fedlayer_core::{AnalysisRow, Metric, spec::SplitSpec};

use crate::{
    draw::{
        axis::Axis,
        chart::{Chart, Form, Point, Series, Values},
        legend::{Legend, Sample},
        mark::Style,
        number::{short, with_error},
        page::{Page, Panel},
        scale::Scale,
    },
    picture::Suffixed,
    rows::Rows,
    wording::{self, ERRORS, LOST},
};

/// Predictors, and what their axes say.
const PREDICTORS: [(&str, &str); 3] =
    [("expansion", "½⟨g, Δ⟩ + ⅛ΔᵀHΔ"), ("norm", "‖Δ‖₂"), ("cosine", "cosine of the movements")];

/// One picture a round: a panel per split, model and predictor, in it a mark per layer.
pub(super) fn pages(title: &str, rows: &Rows<'_>) -> Vec<Suffixed> {
    let rounds = rows.rounds();
    let suffix = |round| if rounds.len() > 1 { format!("round-{round}") } else { String::new() };
    let page = |round: &u32| Some((suffix(*round), page(title, &rows.round(*round), *round)?));
    rounds.iter().filter_map(page).collect()
}

fn page(title: &str, rows: &Rows<'_>, round: u32) -> Option<Page> {
    let measured = rows.kind("measured").metric(Metric::Loss);
    let predictors: Vec<(&str, &str)> = PREDICTORS
        .into_iter()
        .filter(|(kind, _)| rows.kind(kind).iter().any(|row| row.value.is_some()))
        .collect();
    let mut panels: Vec<Option<Box<dyn Panel>>> = Vec::new();
    for split in measured.splits() {
        for base in measured.shown_bases() {
            for predictor in &predictors {
                let shown = measured.split(split).base(base);
                panels.push(Some(Box::new(chart(rows, &shown, (split, base), *predictor))));
            }
        }
    }
    let mut legend = Legend::default();
    legend.add(Sample::Mark(Style::of(0)), "a layer");
    if predictors.iter().any(|(kind, _)| *kind == "expansion") {
        legend.add(Sample::Line(Style::reference()), "predicted and measured alike");
    }
    if measured.iter().any(|row| row.value.is_none()) {
        legend.add(Sample::Cross, LOST);
    }
    let after = wording::after(round);
    let models = if after.is_empty() { String::new() } else { format!(" Models {after}.") };
    (!panels.is_empty()).then(|| Page {
        title: title.to_owned(),
        subtitle: format!(
            "Barrier of averaging one layer at α = ½ minus the base's loss, against what is told without evaluating the mix; Δ: the way of the layer to the other model, g and H: \
             gradient and Hessian at the base. ρ: rank correlation over the layers (Spearman).{models}"
        ),
        legend,
        columns: predictors.len(),
        panels,
        notes: vec![ERRORS.to_owned()],
    })
}

/// `measured` are the barriers of the panel.
fn chart(
    rows: &Rows<'_>,
    measured: &Rows<'_>,
    (split, base): (Option<SplitSpec>, &str),
    (kind, label): (&str, &str),
) -> Chart {
    let predictions = rows.kind(kind).base(base);
    let predicted = |set: &str| {
        // Lengths and angles need no data: they have no split.
        let mut found = predictions.iter().filter(|row| row.set == set);
        found.find(|row| row.split.is_none() || row.split == split).and_then(|row| row.value)
    };
    let point = |row: &AnalysisRow| {
        let place = predicted(&row.set)?;
        Some(Point {
            place,
            value: row.value,
            error: row.std_error.map(|error| 2.0 * error),
            hint: format!(
                "{}: {}, {label} = {}",
                row.set,
                with_error(row.value, row.std_error),
                short(place)
            ),
        })
    };
    let points: Vec<Point> = measured.iter().filter_map(point).collect();
    let words = measured
        .iter()
        .filter_map(|row| Some((predicted(&row.set)?, row.value?, row.set.clone())))
        .collect();
    let places = points.iter().map(|point| point.place);
    let x = if kind == "norm" { Scale::with_zero(places) } else { Scale::around(places) };
    let ends = points.iter().flat_map(|point| {
        let (value, error) = (point.value.unwrap_or(f64::NAN), point.error.unwrap_or(0.0));
        [value - error, value + error]
    });
    let y = Scale::around(ends);
    let mut series = vec![Series { style: Style::of(0), form: Form::Marks, points }];
    if kind == "expansion" {
        series.insert(0, alike(x, y));
    }
    let rho = rows.kind(&format!("spearman-{kind}")).split(split).base(base);
    let rho = rho.first().and_then(|row| row.value);
    let rho = rho.map_or_else(String::new, |rho| format!(", ρ = {}", short(rho)));
    Chart {
        title: format!("{}, {}{rho}", wording::measured(split, Metric::Loss), wording::base(base)),
        size: (260.0, 200.0),
        x: Axis::numbers(label, x),
        y: Axis::numbers("measured barrier (loss)", y),
        values: Values::Up,
        series,
        levels: Vec::new(),
        words,
    }
}

/// The part of the line on which prediction and measurement are the same that lies in the panel.
fn alike(x: Scale, y: Scale) -> Series {
    let ((left, right), (low, high)) = (x.ends(), y.ends());
    let (from, to) = (left.max(low), right.min(high));
    let point =
        |value: f64| Point { place: value, value: Some(value), error: None, hint: String::new() };
    let points = if from < to { vec![point(from), point(to)] } else { Vec::new() };
    Series { style: Style::reference(), form: Form::Line, points }
}
