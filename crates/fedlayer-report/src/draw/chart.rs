//! [`Chart`]: lines, marks, bars and error bars between two axes.

use crate::draw::{
    axis::Axis,
    canvas::{Canvas, Font, Rect, Stroke},
    colour::{BLACK, GREY, WHITE},
    mark::{Style, cross},
    page::{Margins, Panel, title_width},
    words::{along, place},
};

/// Along which axis the measured values lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Values {
    /// To the right; the other axis goes down.
    Across,
    /// Upwards; the other axis goes to the right.
    Up,
}

/// How the points of a series are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Marks alone.
    Marks,
    /// A line alone.
    Line,
    /// Marks on a line.
    Both,
    /// Bars from 0, this many hundredths of a place thick.
    Bars(u32),
}

/// A point of a series.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Point {
    /// Where it lies on the axis that holds no values.
    pub(crate) place: f64,
    /// The value; absent where it is not finite.
    pub(crate) value: Option<f64>,
    /// Half the length of its error bar.
    pub(crate) error: Option<f64>,
    /// What readers see when they point at it; empty for nothing.
    pub(crate) hint: String,
}

/// Points that belong together.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    pub(crate) style: Style,
    pub(crate) form: Form,
    pub(crate) points: Vec<Point>,
}

/// A chart.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Chart {
    pub(crate) title: String,
    /// Width and height between the axes.
    pub(crate) size: (f64, f64),
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) values: Values,
    pub(crate) series: Vec<Series>,
    /// Lines across at one value.
    pub(crate) levels: Vec<(f64, Style)>,
    /// Words beside points: where they are, and what they say.
    pub(crate) words: Vec<(f64, f64, String)>,
}

impl Chart {
    /// Where a point lies.
    fn at(&self, plot: Rect, place: f64, value: f64) -> (f64, f64) {
        let (x, y) = match self.values {
            Values::Across => (self.x.across(value), self.y.down(place)),
            Values::Up => (self.x.across(place), self.y.down(value)),
        };
        // What lies past the end of an axis is drawn at its end.
        (plot.x + x.clamp(0.0, 1.0) * plot.width, plot.y + y.clamp(0.0, 1.0) * plot.height)
    }

    /// Where the cross of a value that is not finite stands: inside the high end of the values.
    fn lost(&self, plot: Rect, place: f64) -> (f64, f64) {
        match self.values {
            Values::Across => (plot.right() - 6.0, plot.y + self.y.down(place) * plot.height),
            Values::Up => (plot.x + self.x.across(place) * plot.width, plot.y + 6.0),
        }
    }

    fn draw_series(&self, canvas: &mut Canvas, plot: Rect, series: &Series) {
        if matches!(series.form, Form::Line | Form::Both) {
            // A value that is not finite interrupts the line.
            for run in series.points.split(|point| point.value.is_none()) {
                let points: Vec<(f64, f64)> = run
                    .iter()
                    .filter_map(|point| Some(self.at(plot, point.place, point.value?)))
                    .collect();
                canvas.line(&points, series.style.stroke());
            }
        }
        let plain =
            series.points.iter().all(|point| point.hint.is_empty() && point.error.is_none());
        if plain && series.form == Form::Marks {
            let style = series.style;
            let finite = || series.points.iter().filter_map(|p| Some((p.place, p.value?)));
            canvas.alike(style.fill, style.outline(), |canvas| {
                finite().for_each(|(p, value)| style.mark(canvas, self.at(plot, p, value)));
            });
        }
        for point in &series.points {
            match point.value {
                None => {
                    let stroke = Stroke::solid(series.style.colour, 1.6);
                    let place = self.lost(plot, point.place);
                    canvas.named("lost", &point.hint, |canvas| cross(canvas, place, 4.0, stroke));
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
        point: &Point,
        value: f64,
    ) {
        let style = series.style;
        let error_colour = match series.form {
            Form::Bars(hundredths) => {
                self.draw_bar(canvas, plot, style, (point.place, value), hundredths);
                BLACK
            }
            _ => style.colour,
        };
        if let Some(error) = point.error {
            let ends = [value - error, value + error].map(|end| self.at(plot, point.place, end));
            let stroke = Stroke::solid(error_colour, 1.0);
            canvas.line(&ends, stroke);
            for (x, y) in ends {
                let cap = match self.values {
                    Values::Across => [(x, y - 2.5), (x, y + 2.5)],
                    Values::Up => [(x - 2.5, y), (x + 2.5, y)],
                };
                canvas.line(&cap, stroke);
            }
        }
        if matches!(series.form, Form::Marks | Form::Both) {
            style.mark(canvas, self.at(plot, point.place, value));
        }
    }

    fn draw_bar(
        &self,
        canvas: &mut Canvas,
        plot: Rect,
        style: Style,
        (place, value): (f64, f64),
        hundredths: u32,
    ) {
        let half = f64::from(hundredths) / 200.0;
        let (a, b) = (self.at(plot, place - half, 0.0), self.at(plot, place + half, value));
        let corners = [(a.0, a.1), (b.0, a.1), (b.0, b.1), (a.0, b.1)];
        canvas.shape(&corners, style.fill, Stroke::solid(style.colour, 1.0));
    }
}

impl Chart {
    /// Words beside points, where there is room for them.
    fn draw_words(&self, canvas: &mut Canvas, plot: Rect) {
        let points: Vec<((f64, f64), String)> = self
            .words
            .iter()
            .map(|(place, value, words)| (self.at(plot, *place, *value), words.clone()))
            .collect();
        let mut taken: Vec<(f64, f64)> = points.iter().map(|(point, _)| *point).collect();
        for series in &self.series {
            let finite = series.points.iter().filter_map(|p| Some((p.place, p.value?)));
            let points: Vec<(f64, f64)> = finite.map(|(p, v)| self.at(plot, p, v)).collect();
            let bars = series.points.iter().filter_map(|p| Some((p.place, p.value?, p.error?)));
            taken.extend(bars.flat_map(|(p, value, error)| {
                along(&[value - error, value + error].map(|end| self.at(plot, p, end)))
            }));
            taken.extend(if series.form == Form::Marks { points } else { along(&points) });
        }
        for (place, (_, words)) in place(&points, &taken, plot).into_iter().zip(&points) {
            if let Some(place) = place {
                canvas.text(place, words, Font::SMALL.halo(WHITE));
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
        for (value, style) in &self.levels {
            let line = match self.values {
                Values::Across => {
                    let x = self.at(plot, 0.0, *value).0;
                    [(x, plot.y), (x, plot.bottom())]
                }
                Values::Up => {
                    let y = self.at(plot, 0.0, *value).1;
                    [(plot.x, y), (plot.right(), y)]
                }
            };
            canvas.line(&line, style.stroke());
        }
        for series in &self.series {
            self.draw_series(canvas, plot, series);
        }
        canvas.frame(plot, Stroke::solid(GREY, 1.0));
        self.y.draw_left(canvas, plot, margins.left);
        self.x.draw_below(canvas, plot, self.x.room_below(plot.width).1);
        self.draw_words(canvas, plot);
    }
}
