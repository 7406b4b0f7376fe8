//! How much a trained model needs each layer to be where it is: the loss with the layer put back or drawn anew, and the module criticality.

use fedlayer_core::{AnalysisRow, Metric, spec::SplitSpec};

use crate::{
    draw::{
        axis::Axis,
        chart::{Chart, Form, Point, Series, Values},
        heat::{Cell, Heat},
        legend::{Legend, Sample},
        mark::Style,
        number::{short, with_error},
        page::{Page, Panel},
        scale::{Scale, limit},
    },
    picture::{Suffixed, scene::scenes},
    rows::Rows,
    wording::{self, LOST},
};

/// Per round: a heat map per split, metric and model, of the increase of the loss; and a picture of the module criticality of each layer.
pub(super) fn pages(title: &str, rows: &Rows<'_>) -> Vec<Suffixed> {
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

/// What a layer was replaced by: the column of a heat map.
fn column(row: &AnalysisRow) -> Option<(u8, u32, String)> {
    match (row.kind.as_str(), row.epoch) {
        ("initial", _) => Some((0, 0, "initial".to_owned())),
        ("rewind", Some(epoch)) => Some((1, epoch, epoch.to_string())),
        ("redrawn", _) if row.draw.is_none() => Some((2, 0, "redrawn".to_owned())),
        _ => None,
    }
}

fn increases(title: &str, rows: &Rows<'_>, round: u32) -> Option<Page> {
    let shown = rows.only(|row| column(row).is_some());
    let bases = shown.shown_bases();
    let mut legend = Legend::default();
    let mut panels: Vec<Option<Box<dyn Panel>>> = Vec::new();
    for split in shown.splits() {
        for metric in shown.losses() {
            let of_split = rows.split(split).metric(metric);
            let heats: Vec<Heat> =
                bases.iter().map(|base| heat(&of_split, (split, metric), base)).collect();
            let sizes = heats.iter().flat_map(|heat| heat.cells.iter().flatten());
            let limit = limit(sizes.clone().map(|cell| cell.size()).fold(0.0, f64::max));
            if sizes.clone().any(|cell| *cell == Cell::Lost) {
                legend.add(Sample::Cross, LOST);
            }
            panels.extend(
                heats.into_iter().map(|heat| -> Option<Box<dyn Panel>> {
                    Some(Box::new(Heat { limit, ..heat }))
                }),
            );
        }
    }
    let after = wording::after(round);
    let models = if after.is_empty() { String::new() } else { format!(" Models {after}.") };
    let subtitle = format!(
        "Loss of a model one layer of which is as it was before training (initial), as it was after an earlier round, or drawn anew (mean over the draws), minus the \
         model's own.{models} Colour: signed square root, from blue (better) to brown (worse)."
    );
    let columns = bases.len().clamp(1, 2);
    (!panels.is_empty()).then(|| Page {
        title: title.to_owned(),
        subtitle,
        legend,
        panels,
        columns,
        notes: Vec::new(),
    })
}

/// `rows` are those of a split and metric.
fn heat(rows: &Rows<'_>, (split, metric): (Option<SplitSpec>, Metric), base: &str) -> Heat {
    let own = rows.kind("end").base(wording::own(base)).first().and_then(|row| row.value);
    let of_base = rows.base(base);
    let shown = of_base.only(|row| column(row).is_some());
    let mut columns = shown.distinct(column);
    columns.sort();
    let sets = shown.sets();
    let cell = |set: &str, wanted: &Option<(u8, u32, String)>| {
        let mut found = shown.iter().filter(|row| row.set == set && column(row) == *wanted);
        // The two losses are not paired here: the increase has no standard error.
        let increase =
            |row: &AnalysisRow| Cell::measured(row.value.zip(own).map(|(a, b)| a - b), None);
        found.next().map_or(Cell::Empty, increase)
    };
    Heat {
        title: format!("{}, {}", wording::measured(split, metric), wording::base(base)),
        cells: sets.iter().map(|set| columns.iter().map(|c| cell(set, c)).collect()).collect(),
        rows: sets.iter().map(ToString::to_string).collect(),
        row_label: String::new(),
        flags: vec![false; columns.len()],
        columns: columns.into_iter().flatten().map(|(_, _, name)| name).collect(),
        column_label: "layer as after round".to_owned(),
        limit: 1.0,
        unit: format!("increase ({})", wording::difference(metric)),
    }
}

fn modules(title: &str, rows: &Rows<'_>, round: u32) -> Option<Page> {
    let scene = scenes(&rows.kind("criticality")).into_iter().next()?;
    let bases = scene.rows.shown_bases();
    let mut legend = Legend::default();
    for (index, base) in bases.iter().enumerate() {
        legend.add(Sample::Mark(Style::of(index)), wording::base(base));
    }
    if scene.rows.iter().any(|row| row.value.is_none()) {
        legend.add(Sample::Cross, "no pair of α and σ keeps the loss within ε");
    }
    let is_zero = |row: &AnalysisRow| row.value == Some(0.0);
    let notes = if scene.rows.iter().any(is_zero) {
        vec!["μ = 0 is drawn at the low end: the initial layer does as well, whatever noise is on it.".to_owned()]
    } else {
        Vec::new()
    };
    let panel = |split: &Option<SplitSpec>| -> Option<Box<dyn Panel>> {
        Some(Box::new(module(&scene.rows.split(*split), *split, &bases)))
    };
    let panels: Vec<_> = scene.rows.splits().iter().map(panel).collect();
    let after = wording::after(round);
    let models = if after.is_empty() { String::new() } else { format!(" Models {after}.") };
    Some(Page {
        title: format!("{title}: module criticality"),
        subtitle: format!(
            "μ = min α²‖θ_F − θ_0‖²/σ² over the shares α of the way from the initial layer and the noise σ that keep the mean loss within ε of the model's own \
             (Chatterji et al. 2020). A layer with a large μ can neither be put back nor take noise.{models}"
        ),
        legend,
        columns: panels.len(),
        panels,
        notes,
    })
}

fn module(rows: &Rows<'_>, split: Option<SplitSpec>, bases: &[&str]) -> Chart {
    let sets = rows.sets();
    // A criticality of 0 is drawn at the low end.
    let values: Vec<f64> =
        rows.iter().filter_map(|row| row.value).filter(|value| *value > 0.0).collect();
    let series = bases.iter().enumerate().map(|(index, base)| {
        let lane = (index as f64 - (bases.len() as f64 - 1.0) / 2.0) * 0.3;
        let point = |row: &AnalysisRow| {
            let place = sets.iter().position(|set| *set == row.set)?;
            let at = |name: &str, value: Option<f64>| {
                value.map_or_else(String::new, |value| format!(", {name} = {}", short(value)))
            };
            Some(Point {
                place: place as f64 + 0.5 + lane,
                value: row.value,
                error: None,
                hint: format!(
                    "{}, {}: {}{}{}",
                    row.set,
                    wording::base(base),
                    with_error(row.value, None),
                    at("α", row.alpha),
                    at("σ", row.sigma)
                ),
            })
        };
        let points = rows.base(base).iter().filter_map(point).collect();
        Series { style: Style::of(index), form: Form::Marks, points }
    });
    Chart {
        title: wording::measured(split, Metric::Loss),
        size: (330.0, 20.0 * sets.len() as f64),
        x: Axis::numbers("module criticality μ", Scale::fitting(&values)),
        y: Axis::names("", sets.iter().map(ToString::to_string).collect()),
        values: Values::Across,
        series: series.collect(),
        levels: Vec::new(),
        words: Vec::new(),
    }
}
