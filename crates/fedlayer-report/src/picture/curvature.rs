//! Values that are made of second derivatives, layer by layer: trace and largest eigenvalue of the Hessian, relative flatness.

use fedlayer_core::AnalysisRow;

use crate::{
    draw::{
        legend::{Legend, Sample},
        mark::Style,
        page::{Page, Panel},
    },
    picture::{
        Suffixed,
        lanes::{Drawn, Lane, Lanes},
        parts::parts,
        scene::{Scene, scenes},
    },
    rows::Rows,
    wording::{self, LOST},
};

/// What is drawn of a measurement: its kinds, each with the title of its panels.
#[derive(Clone, Copy)]
pub(super) struct Topic {
    kinds: &'static [(&'static str, &'static str)],
    drawn: Drawn,
    about: &'static str,
    errors: &'static str,
}

pub(super) const HESSIAN: Topic = Topic {
    drawn: Drawn::Bars,
    kinds: &[("trace", "trace"), ("top", "largest eigenvalue")],
    about: "Hessian of the mean loss by the values of one layer (its block on the diagonal), and of all layers; the eigenvalue is the one of largest magnitude, with its sign",
    errors: "Error bars: 2 standard errors of the mean over the random directions for the trace, none where it is exact; the residual for the eigenvalue.",
};

pub(super) const FLATNESS: Topic = Topic {
    drawn: Drawn::Marks,
    kinds: &[("kappa", "relative flatness κ")],
    about: "Relative flatness κ = Σ ⟨w_s, w_s'⟩ Tr(H_s,s') over the neurons of a layer (Petzka et al. 2021); smaller is flatter",
    errors: "Error bars: 2 standard errors of the mean over the random directions; none where the value is exact.",
};

/// One picture a round: a panel per split and kind, in it a bar per layer and model.
pub(super) fn pages(title: &str, rows: &Rows<'_>, topic: Topic) -> Vec<Suffixed> {
    let scenes = scenes(rows).into_iter();
    scenes.filter_map(|scene| Some((scene.suffix.clone(), page(title, &scene, topic)?))).collect()
}

fn page(title: &str, scene: &Scene<'_>, topic: Topic) -> Option<Page> {
    let kinds: Vec<(&str, &str)> =
        topic.kinds.iter().copied().filter(|(kind, _)| !scene.rows.kind(kind).is_empty()).collect();
    let shown = scene.rows.only(|row| kinds.iter().any(|(kind, _)| row.kind == *kind));
    let bases = shown.shown_bases();
    let mut legend = Legend::default();
    for (index, base) in bases.iter().enumerate() {
        let sample = match topic.drawn {
            Drawn::Bars => Sample::Patch(bar(index)),
            Drawn::Marks => Sample::Mark(bar(index)),
        };
        legend.add(sample, wording::base(base));
    }
    if shown.iter().any(|row| row.value.is_none()) {
        legend.add(Sample::Cross, LOST);
    }
    let residual = scene.rows.kind("residual");
    let error = |row: &AnalysisRow| {
        if row.kind != "top" {
            return row.std_error.map(|error| 2.0 * error);
        }
        let same = |other: &&AnalysisRow| {
            (other.split, &other.set, &other.base) == (row.split, &row.set, &row.base)
        };
        residual.iter().find(same).and_then(|row| row.value)
    };
    let mut panels: Vec<Option<Box<dyn Panel>>> = Vec::new();
    for split in shown.splits() {
        for part in [0, 1] {
            for (kind, name) in &kinds {
                let of_kind = shown.split(split).kind(kind);
                let Some((suffix, rows)) = parts(&of_kind).into_iter().nth(part) else { continue };
                let lane = |(index, base): (usize, &&str)| Lane {
                    name: wording::base(base),
                    style: bar(index),
                    rows: rows.base(base),
                };
                let lanes = Lanes {
                    title: format!("{name}, {}{suffix}", wording::measured(split, scene.metric)),
                    unit: (*name).to_owned(),
                    drawn: topic.drawn,
                    lanes: bases.iter().enumerate().map(lane).collect(),
                    beside: rows.clone(),
                };
                panels.push(Some(Box::new(lanes.chart(&error))));
            }
        }
    }
    let columns = if kinds.len() == 1 { shown.splits().len() } else { kinds.len() };
    (!panels.is_empty()).then(|| Page {
        title: title.to_owned(),
        subtitle: scene.about(topic.about),
        legend,
        panels,
        columns,
        notes: vec![topic.errors.to_owned()],
    })
}

/// Filled for the first model, open for the second, so that they differ in grey.
fn bar(index: usize) -> Style {
    let style = Style::of(index);
    if index % 2 == 1 { style.open().radius(3.5) } else { style }
}
