//! [`Lanes`]: values of layers from left to right, one row a layer, in it a lane a series.

use fedlayer_core::AnalysisRow;

use crate::{
    draw::{
        axis::Axis,
        chart::{Chart, Form, Point, Series, Values},
        mark::Style,
        number::with_error,
        scale::Scale,
    },
    rows::Rows,
};

/// A series of a panel: what its legend says, how it looks, its rows.
pub(crate) struct Lane<'a> {
    pub(crate) name: String,
    pub(crate) style: Style,
    pub(crate) rows: Rows<'a>,
}

/// A panel of values by layer.
pub(crate) struct Lanes<'a> {
    pub(crate) title: String,
    /// What the values are, with the unit.
    pub(crate) unit: String,
    pub(crate) lanes: Vec<Lane<'a>>,
    pub(crate) drawn: Drawn,
    /// Panels beside it that share its axis of values.
    pub(crate) beside: Rows<'a>,
}

/// How values are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Drawn {
    /// Bars from 0.
    Bars,
    /// Marks; on a logarithmic axis where the values are positive and spread far.
    Marks,
}

/// The height of a lane, in pixels.
const LANE: f64 = 12.0;

impl Lanes<'_> {
    /// The panel. `error` is half of an error bar.
    pub(crate) fn chart(self, error: &dyn Fn(&AnalysisRow) -> Option<f64>) -> Chart {
        let all = || self.beside.iter().filter_map(|row| Some((row.value?, error(row))));
        let values: Vec<f64> = all().map(|(value, _)| value).collect();
        let ends = all().flat_map(|(value, error)| {
            let error = error.unwrap_or(0.0);
            [value - error, value + error]
        });
        let (scale, form) = match self.drawn {
            Drawn::Marks => (Scale::fitting(&values), Form::Marks),
            Drawn::Bars => {
                let thickness = 80 / self.lanes.len().max(1) as u32;
                (Scale::with_zero(ends.collect::<Vec<_>>()), Form::Bars(thickness))
            }
        };
        let mut sets: Vec<&str> = Vec::new();
        for lane in &self.lanes {
            for set in lane.rows.sets() {
                if !sets.contains(&set) {
                    sets.push(set);
                }
            }
        }
        let count = self.lanes.len() as f64;
        let series = self.lanes.iter().enumerate().map(|(index, lane)| {
            let offset = (index as f64 - (count - 1.0) / 2.0) * 0.8 / count;
            let point = |row: &AnalysisRow| {
                let place = sets.iter().position(|set| *set == row.set)?;
                Some(Point {
                    place: place as f64 + 0.5 + offset,
                    value: row.value,
                    error: error(row),
                    hint: format!(
                        "{}, {}: {}",
                        row.set,
                        lane.name,
                        with_error(row.value, row.std_error)
                    ),
                })
            };
            let points = lane.rows.iter().filter_map(point).collect();
            Series { style: lane.style, form, points }
        });
        Chart {
            title: self.title.clone(),
            size: (330.0, (LANE * count).max(18.0) * sets.len() as f64),
            x: Axis::numbers(&self.unit, scale),
            y: Axis::names("", sets.iter().map(ToString::to_string).collect()),
            values: Values::Across,
            series: series.collect(),
            levels: if self.drawn == Drawn::Bars {
                vec![(0.0, Style::reference().dash(""))]
            } else {
                Vec::new()
            },
            words: Vec::new(),
        }
    }
}
