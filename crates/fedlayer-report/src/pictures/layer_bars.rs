//! [`LayerBars`]: a chart with one row per layer, and in it a bar or mark per series.

use fedlayer_core::record::AnalysisRow;

use crate::{
    analysis_rows::AnalysisRows,
    plot::{
        axis::Axis,
        chart::{Chart, DataPoint, Series, SeriesKind, ValueAxis},
        mark::Style,
        number::with_error,
        scale::AxisScale,
    },
};

/// A series of values by layer, such as those of one model.
pub(crate) struct LayerSeries<'a> {
    pub(crate) name: String,
    pub(crate) style: Style,
    pub(crate) rows: AnalysisRows<'a>,
}

/// A panel of values by layer. The values grow to the right.
pub(crate) struct LayerBars<'a> {
    pub(crate) title: String,
    /// The name of the values, with the unit.
    pub(crate) unit: String,
    pub(crate) series: Vec<LayerSeries<'a>>,
    pub(crate) mark: LayerMark,
    /// The rows of all panels that share this panel's axis of values, its own included.
    pub(crate) beside: AnalysisRows<'a>,
}

/// How a value is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LayerMark {
    /// As a bar from 0.
    Bars,
    /// As a mark. The axis is logarithmic if the values are positive and spread widely.
    Marks,
}

/// The height of a series within a layer's row, in pixels.
const SERIES_HEIGHT: f64 = 12.0;

/// The least height of a layer's row, in pixels.
const ROW_HEIGHT: f64 = 18.0;

impl LayerBars<'_> {
    /// Returns the chart. `error` gives half the length of a row's error bar.
    pub(crate) fn chart(self, error: &dyn Fn(&AnalysisRow) -> Option<f64>) -> Chart {
        let (scale, kind) = self.scale(error);
        let sets = self.sets();
        let count = self.series.len() as f64;
        let series = self.series.iter().enumerate().map(|(index, series)| {
            let offset = (index as f64 - (count - 1.0) / 2.0) * 0.8 / count;
            let points = points(series, &sets, offset, error);
            Series { style: series.style, kind, points }
        });
        Chart {
            title: self.title.clone(),
            size: (330.0, (SERIES_HEIGHT * count).max(ROW_HEIGHT) * sets.len() as f64),
            x: Axis::numbers(&self.unit, scale),
            y: Axis::names("", sets.iter().map(ToString::to_string).collect()),
            values: ValueAxis::Across,
            series: series.collect(),
            levels: match self.mark {
                LayerMark::Bars => vec![(0.0, Style::reference().dash(""))],
                LayerMark::Marks => Vec::new(),
            },
            labels: Vec::new(),
        }
    }

    /// Returns the scale of the values and the form of their marks.
    fn scale(&self, error: &dyn Fn(&AnalysisRow) -> Option<f64>) -> (AxisScale, SeriesKind) {
        let finite = || self.beside.iter().filter_map(|row| Some((row.value?, error(row))));
        match self.mark {
            LayerMark::Marks => {
                let values: Vec<f64> = finite().map(|(value, _)| value).collect();
                (AxisScale::fitting(&values), SeriesKind::Marks)
            }
            LayerMark::Bars => {
                let ends = finite().flat_map(|(value, error)| {
                    let error = error.unwrap_or(0.0);
                    [value - error, value + error]
                });
                let thickness = 80 / self.series.len().max(1) as u32;
                (AxisScale::with_zero(ends.collect::<Vec<_>>()), SeriesKind::Bars(thickness))
            }
        }
    }

    /// Returns the layer sets of all series, each once.
    fn sets(&self) -> Vec<&str> {
        let mut sets: Vec<&str> = Vec::new();
        for set in self.series.iter().flat_map(|series| series.rows.sets()) {
            if !sets.contains(&set) {
                sets.push(set);
            }
        }
        sets
    }
}

fn points(
    series: &LayerSeries<'_>,
    sets: &[&str],
    offset: f64,
    error: &dyn Fn(&AnalysisRow) -> Option<f64>,
) -> Vec<DataPoint> {
    let point = |row: &AnalysisRow| {
        let index = sets.iter().position(|set| *set == row.set)?;
        Some(DataPoint {
            position: index as f64 + 0.5 + offset,
            value: row.value,
            error: error(row),
            hint: format!("{}, {}: {}", row.set, series.name, with_error(row.value, row.std_error)),
        })
    };
    series.rows.iter().filter_map(point).collect()
}
