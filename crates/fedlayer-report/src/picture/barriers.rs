//! Barriers of layer sets over the rounds: heat maps as in Fig. 2 of Adilova et al. (ICLR 2024).

use fedlayer_core::{AnalysisRow, Metric, spec::SplitSpec};

use crate::{
    draw::{
        heat::{Cell, Heat},
        legend::{Legend, Sample},
        page::{Page, Panel},
        scale::limit,
    },
    picture::Suffixed,
    rows::Rows,
    wording::{self, LOST, UNCERTAIN, UNEQUAL},
};

/// Kinds of rows that are no barrier of a layer set.
const OTHER_KINDS: [&str; 5] = ["end", "geometry", "peak", "twin", "interaction"];

/// One picture: a heat map per base, split and metric; rows are the full model, each layer from the input, and other sets; columns are rounds.
pub(super) fn pages(title: &str, rows: &Rows<'_>) -> Vec<Suffixed> {
    let Some((barriers, baseline, alpha)) = rows.barriers() else { return Vec::new() };
    let barriers = barriers.only(|row| !OTHER_KINDS.contains(&row.kind.as_str()));
    let bases = barriers.shown_bases();
    let shown = barriers.only(|row| bases.contains(&row.base.as_str()));
    let mut legend = Legend::default();
    let mut notes = Vec::new();
    let mut panels: Vec<Option<Box<dyn Panel>>> = Vec::new();
    for split in shown.splits() {
        for metric in shown.losses() {
            let of_metric = shown.metric(metric);
            let largest = |row: &AnalysisRow| row.value.unwrap_or(0.0).abs();
            let limit = limit(of_metric.iter().map(largest).fold(0.0, f64::max));
            for base in &bases {
                let of_panel = of_metric.split(split).base(base);
                if of_panel.is_empty() {
                    panels.push(None);
                    continue;
                }
                let place = Place { split, metric, base };
                let heat = heat(rows, &of_panel, place, limit);
                explain(&heat, &mut legend, &mut notes);
                panels.push(Some(Box::new(heat)));
            }
        }
    }
    let subtitle = format!(
        "Barrier of averaging the layers of a row at α = {}: loss of the mix minus {}. Colour: signed square root of the barrier, from blue (better) to brown (worse).",
        crate::draw::number::share(alpha),
        wording::baseline(baseline)
    );
    // Few columns leave room for two rows of the grid side by side.
    let is_narrow = shown.rounds().len() <= 3 && bases.len() <= 2;
    let columns = if is_narrow { 2 * bases.len() } else { bases.len() };
    let page = Page { title: title.to_owned(), subtitle, legend, panels, columns, notes };
    vec![(String::new(), page)]
}

/// Which panel it is.
#[derive(Clone, Copy)]
struct Place<'a> {
    split: Option<SplitSpec>,
    metric: Metric,
    base: &'a str,
}

/// `rows` are all rows of the analysis, `shown` those of the panel.
fn heat(rows: &Rows<'_>, shown: &Rows<'_>, place: Place<'_>, limit: f64) -> Heat {
    let Place { split, metric, base } = place;
    let rounds = shown.rounds();
    let sets = ordered(shown);
    let cells: Vec<Vec<Cell>> = sets
        .iter()
        .map(|set| rounds.iter().map(|&round| cell(&shown.round(round), set)).collect())
        .collect();
    let flag = |(index, &round): (usize, &u32)| {
        let ends = rows.round(round).split(split).metric(metric).ends_apart(base);
        let column: Vec<Cell> = cells.iter().map(|row| row[index]).collect();
        is_unequal(&sets, &column, ends)
    };
    let flags = rounds.iter().enumerate().map(flag).collect();
    let is_given = rounds == [0];
    let column = |round: &u32| if is_given { "as given".to_owned() } else { round.to_string() };
    Heat {
        title: format!("{}, {}", wording::measured(split, metric), wording::base(base)),
        rows: sets.iter().map(|(kind, set)| row_name(shown, kind, set)).collect(),
        row_label: String::new(),
        columns: rounds.iter().map(column).collect(),
        column_label: if is_given { "models" } else { "round" }.to_owned(),
        flags,
        cells,
        limit,
        unit: format!("barrier ({})", wording::difference(metric)),
    }
}

/// Kind and set of each row of a heat map: the full model, each layer from the input, the other sets.
fn ordered<'a>(shown: &Rows<'a>) -> Vec<(&'a str, &'a str)> {
    let mut sets = shown.distinct(|row| (row.kind.as_str(), row.set.as_str()));
    sets.sort_by_key(|(kind, set)| match *kind {
        "full" => (0, 0),
        "layer" => (1, shown.place(set)),
        _ => (2, 0),
    });
    sets
}

fn cell(shown: &Rows<'_>, &(kind, set): &(&str, &str)) -> Cell {
    let row = shown.iter().find(|row| row.kind == kind && row.set == set);
    row.map_or(Cell::Empty, |row| Cell::measured(row.value, row.std_error))
}

fn row_name(shown: &Rows<'_>, kind: &str, set: &str) -> String {
    match kind {
        "full" => "full".to_owned(),
        // A model of one layer calls it `all`.
        "layer" => match shown.layers {
            [only] if set == "all" => only.to_string(),
            _ => set.to_owned(),
        },
        "named" => set.to_owned(),
        _ => format!("{kind} {set}"),
    }
}

/// Whether the unmixed models lie farther apart than the full barrier is high, or than the highest of a layer where the full one is not there.
fn is_unequal(sets: &[(&str, &str)], column: &[Cell], ends: Option<f64>) -> bool {
    let size = |wanted: &str| {
        let cells = sets.iter().zip(column).filter(|((kind, _), _)| *kind == wanted);
        cells.map(|(_, cell)| cell.size()).reduce(f64::max)
    };
    let barrier = size("full").or_else(|| size("layer"));
    barrier.zip(ends).is_some_and(|(barrier, ends)| ends > barrier)
}

/// What of a heat map needs an explanation.
fn explain(heat: &Heat, legend: &mut Legend, notes: &mut Vec<String>) {
    let cells = || heat.cells.iter().flatten();
    if cells().any(|cell| cell.is_uncertain()) {
        legend.add(Sample::Hatch, UNCERTAIN);
    }
    if cells().any(|cell| *cell == Cell::Lost) {
        legend.add(Sample::Cross, LOST);
    }
    if heat.flags.contains(&true) && notes.is_empty() {
        legend.add(Sample::Sign("!".to_owned()), "unmixed models farther apart than the barrier");
        notes.push(UNEQUAL.to_owned());
    }
}
