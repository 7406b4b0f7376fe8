//! [`Chart`]: lines, marks, bars and error bars between two axes.

use crate::plot::{
    axis::Axis,
    canvas::{Canvas, Font, Rect, Stroke},
    colour::{BLACK, GREY, WHITE},
    mark::{Style, cross},
    page::{Margins, Panel, title_width},
    point_labels::{along, place_labels},
};

/// The axis of the measured values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ValueAxis {
    /// The values grow to the right; the other axis goes down.
    Across,
    /// The values grow upwards; the other axis goes to the right.
    Up,
}

/// The form in which a series is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SeriesKind {
    /// Marks only.
    Marks,
    /// A line only.
    Line,
    /// Marks on a line.
    Both,
    /// Bars from 0. The number is their thickness, in hundredths of a step of the other axis.
    Bars(u32),
}

/// A point of a series.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DataPoint {
    /// Its position on the axis without values.
    pub(crate) position: f64,
    /// The value; `None` if not finite.
    pub(crate) value: Option<f64>,
    /// Half the length of the error bar.
    pub(crate) error: Option<f64>,
    /// The text that viewers show when the reader points at it; may be empty.
    pub(crate) hint: String,
}

/// Points of one style.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    pub(crate) style: Style,
    pub(crate) kind: SeriesKind,
    pub(crate) points: Vec<DataPoint>,
}

/// A panel with points between two axes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Chart {
    pub(crate) title: String,
    /// Width and height of the plot between the axes.
    pub(crate) size: (f64, f64),
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) values: ValueAxis,
    pub(crate) series: Vec<Series>,
    /// Lines across the plot at one value.
    pub(crate) levels: Vec<(f64, Style)>,
    /// Labels beside points: position, value and text.
    pub(crate) labels: Vec<(f64, f64, String)>,
}

impl Chart {
    /// Returns the pixel of a position and a value. A value beyond the axis is drawn at its end.
    fn at(&self, plot: Rect, position: f64, value: f64) -> (f64, f64) {
        let (x, y) = match self.values {
            ValueAxis::Across => (self.x.across(value), self.y.down(position)),
            ValueAxis::Up => (self.x.across(position), self.y.down(value)),
        };
        (plot.x + x.clamp(0.0, 1.0) * plot.width, plot.y + y.clamp(0.0, 1.0) * plot.height)
    }

    /// Returns the pixel of the cross for a value that is not finite: near the high end of the
    /// values.
    fn lost(&self, plot: Rect, position: f64) -> (f64, f64) {
        match self.values {
            ValueAxis::Across => (plot.right() - 6.0, plot.y + self.y.down(position) * plot.height),
            ValueAxis::Up => (plot.x + self.x.across(position) * plot.width, plot.y + 6.0),
        }
    }

    /// Draws the line of a series. A value that is not finite interrupts it.
    fn draw_line(&self, canvas: &mut Canvas, plot: Rect, series: &Series) {
        for run in series.points.split(|point| point.value.is_none()) {
            let points: Vec<(f64, f64)> = run
                .iter()
                .filter_map(|point| Some(self.at(plot, point.position, point.value?)))
                .collect();
            canvas.line(&points, series.style.stroke());
        }
    }

    fn draw_series(&self, canvas: &mut Canvas, plot: Rect, series: &Series) {
        if matches!(series.kind, SeriesKind::Line | SeriesKind::Both) {
            self.draw_line(canvas, plot, series);
        }
        let plain =
            series.points.iter().all(|point| point.hint.is_empty() && point.error.is_none());
        if plain && series.kind == SeriesKind::Marks {
            let style = series.style;
            let finite = || series.points.iter().filter_map(|p| Some((p.position, p.value?)));
            canvas.alike(style.fill, style.outline(), |canvas| {
                finite().for_each(|(p, value)| style.mark(canvas, self.at(plot, p, value)));
            });
        }
        for point in &series.points {
            match point.value {
                None => {
                    let stroke = Stroke::solid(series.style.colour, 1.6);
                    let at = self.lost(plot, point.position);
                    canvas.named("lost", &point.hint, |canvas| cross(canvas, at, 4.0, stroke));
                }
                Some(_) if plain => {}
                Some(value) if point.hint.is_empty() => {
                    self.draw_point(canvas, plot, series, point, value);
                }
                Some(value) => canvas.named("point", &point.hint, |canvas| {
                    self.draw_point(canvas, plot, series, point, value);
                }),
            }
        }
    }

    fn draw_point(
        &self,
        canvas: &mut Canvas,
        plot: Rect,
        series: &Series,
        point: &DataPoint,
        value: f64,
    ) {
        let style = series.style;
        let error_colour = match series.kind {
            SeriesKind::Bars(hundredths) => {
                self.draw_bar(canvas, plot, style, (point.position, value), hundredths);
                BLACK
            }
            _ => style.colour,
        };
        if let Some(error) = point.error {
            let ends = [value - error, value + error].map(|end| self.at(plot, point.position, end));
            self.draw_error_bar(canvas, ends, Stroke::solid(error_colour, 1.0));
        }
        if matches!(series.kind, SeriesKind::Marks | SeriesKind::Both) {
            style.mark(canvas, self.at(plot, point.position, value));
        }
    }

    /// Draws an error bar between two pixels, with caps at its ends.
    fn draw_error_bar(&self, canvas: &mut Canvas, ends: [(f64, f64); 2], stroke: Stroke) {
        canvas.line(&ends, stroke);
        for (x, y) in ends {
            let cap = match self.values {
                ValueAxis::Across => [(x, y - 2.5), (x, y + 2.5)],
                ValueAxis::Up => [(x - 2.5, y), (x + 2.5, y)],
            };
            canvas.line(&cap, stroke);
        }
    }

    fn draw_bar(
        &self,
        canvas: &mut Canvas,
        plot: Rect,
        style: Style,
        (position, value): (f64, f64),
        hundredths: u32,
    ) {
        let half = f64::from(hundredths) / 200.0;
        let (a, b) = (self.at(plot, position - half, 0.0), self.at(plot, position + half, value));
        let corners = [(a.0, a.1), (b.0, a.1), (b.0, b.1), (a.0, b.1)];
        canvas.shape(&corners, style.fill, Stroke::solid(style.colour, 1.0));
    }
}

impl Chart {
    fn draw_levels(&self, canvas: &mut Canvas, plot: Rect) {
        for (value, style) in &self.levels {
            let (x, y) = self.at(plot, 0.0, *value);
            let line = match self.values {
                ValueAxis::Across => [(x, plot.y), (x, plot.bottom())],
                ValueAxis::Up => [(plot.x, y), (plot.right(), y)],
            };
            canvas.line(&line, style.stroke());
        }
    }

    /// Writes labels beside their points, as far as there is room for them.
    fn draw_labels(&self, canvas: &mut Canvas, plot: Rect) {
        let points: Vec<((f64, f64), String)> = self
            .labels
            .iter()
            .map(|(position, value, label)| (self.at(plot, *position, *value), label.clone()))
            .collect();
        let mut taken: Vec<(f64, f64)> = points.iter().map(|(point, _)| *point).collect();
        for series in &self.series {
            let finite = series.points.iter().filter_map(|p| Some((p.position, p.value?)));
            let points: Vec<(f64, f64)> = finite.map(|(p, v)| self.at(plot, p, v)).collect();
            let bars = series.points.iter().filter_map(|p| Some((p.position, p.value?, p.error?)));
            taken.extend(bars.flat_map(|(p, value, error)| {
                along(&[value - error, value + error].map(|end| self.at(plot, p, end)))
            }));
            taken.extend(if series.kind == SeriesKind::Marks { points } else { along(&points) });
        }
        for (corner, (_, label)) in place_labels(&points, &taken, plot).into_iter().zip(&points) {
            if let Some(corner) = corner {
                canvas.text(corner, label, Font::SMALL.halo(WHITE));
            }
        }
    }
}

impl Panel for Chart {
    fn title(&self) -> &str {
        &self.title
    }

    fn size(&self) -> (f64, f64) {
        self.size
    }

    fn margins(&self) -> Margins {
        let (wide, high) = self.size;
        let (overhang, bottom) = self.x.room_below(wide);
        Margins {
            left: self.y.room_left(high).max(overhang),
            right: (title_width(&self.title) - wide).max(10.0),
            top: 0.0,
            bottom,
        }
    }

    fn draw(&self, canvas: &mut Canvas, plot: Rect, margins: Margins) {
        self.y.guide_left(canvas, plot);
        self.x.guide_below(canvas, plot);
        self.draw_levels(canvas, plot);
        for series in &self.series {
            self.draw_series(canvas, plot, series);
        }
        canvas.frame(plot, Stroke::solid(GREY, 1.0));
        self.y.draw_left(canvas, plot, margins.left);
        self.x.draw_below(canvas, plot, self.x.room_below(plot.width).1);
        self.draw_labels(canvas, plot);
    }
}
