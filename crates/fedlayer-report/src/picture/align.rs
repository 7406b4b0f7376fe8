//! Barriers before and after the second model's units are permuted to fit the first's.

use fedlayer_core::{AnalysisRow, spec::SplitSpec};

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
    wording::{self, ERRORS, LOST},
};

/// The versions of the models, as records and legends name them.
const VARIANTS: [&str; 2] = ["before", "after"];

/// Kinds that are no barrier of a layer set.
const OTHER_KINDS: [&str; 5] = ["end", "geometry", "peak", "twin", "interaction"];

/// One picture a round and metric: a panel per split and base, in it two bars a layer set.
pub(super) fn pages(title: &str, rows: &Rows<'_>) -> Vec<Suffixed> {
    let scenes = scenes(rows).into_iter();
    scenes.filter_map(|scene| Some((scene.suffix.clone(), page(title, &scene)?))).collect()
}

fn page(title: &str, scene: &Scene<'_>) -> Option<Page> {
    let (barriers, baseline, _) = scene.rows.barriers()?;
    let shown =
        barriers.only(|row| row.variant.is_some() && !OTHER_KINDS.contains(&row.kind.as_str()));
    let bases = shown.shown_bases();
    let mut legend = Legend::default();
    for (index, variant) in VARIANTS.iter().enumerate() {
        legend.add(Sample::Patch(bar(index)), format!("{variant} alignment"));
    }
    if shown.iter().any(|row| row.value.is_none()) {
        legend.add(Sample::Cross, LOST);
    }
    let mut panels: Vec<Option<Box<dyn Panel>>> = Vec::new();
    for split in shown.splits() {
        for part in parts(&shown.split(split)) {
            for base in &bases {
                panels.push(Some(panel(scene, &part, (split, base))));
            }
        }
    }
    let subtitle = scene.about(&format!(
        "Barrier of averaging layers at α = ½ before and after the second model's units were permuted to fit the first's: loss of the mix minus {}",
        wording::baseline(baseline)
    ));
    (!panels.is_empty()).then(|| Page {
        title: title.to_owned(),
        subtitle,
        legend,
        panels,
        columns: bases.len(),
        notes: vec![ERRORS.to_owned()],
    })
}

fn panel(
    scene: &Scene<'_>,
    (suffix, rows): &(&str, Rows<'_>),
    (split, base): (Option<SplitSpec>, &str),
) -> Box<dyn Panel> {
    let lane = |(index, variant): (usize, &&str)| Lane {
        name: format!("{variant} alignment"),
        style: bar(index),
        rows: rows.base(base).only(|row| row.variant.as_deref() == Some(variant)),
    };
    let lanes = Lanes {
        title: format!(
            "{}, {}{suffix}",
            wording::measured(split, scene.metric),
            wording::base(base)
        ),
        unit: format!("barrier ({})", wording::difference(scene.metric)),
        drawn: Drawn::Bars,
        lanes: VARIANTS.iter().enumerate().map(lane).collect(),
        beside: rows.clone(),
    };
    Box::new(lanes.chart(&|row: &AnalysisRow| row.std_error.map(|error| 2.0 * error)))
}

/// Open before, filled afterwards.
fn bar(index: usize) -> Style {
    if index == 0 { Style::of(1).open().radius(3.5) } else { Style::of(0) }
}
