//! [`HeatMap`]: a number per cell, names along both sides, colours that diverge around 0.

use crate::plot::{
    axis::Axis,
    canvas::{Anchor, Canvas, Font, Rect, Stroke},
    colour::{BLACK, GREY, PALE, Rgb, diverging, ink_on},
    colour_bar::{ColourBar, OVERLAP},
    mark::cross,
    number::{short, with_error},
    page::{Margins, Panel, title_width},
    text_width::{SMALL, width},
};

/// One cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum HeatCell {
    /// It was not measured.
    Empty,
    /// It was measured and is not finite.
    Lost,
    /// A value and its standard error.
    Value(f64, Option<f64>),
}

impl HeatCell {
    /// Returns the cell of a measured value; `Lost` if it is not finite.
    pub(crate) fn measured(value: Option<f64>, std_error: Option<f64>) -> Self {
        value
            .filter(|value| value.is_finite())
            .map_or(Self::Lost, |value| Self::Value(value, std_error))
    }

    /// Returns whether the value is within 2 standard errors of 0.
    pub(crate) fn is_uncertain(self) -> bool {
        matches!(self, Self::Value(value, Some(error)) if value.abs() <= 2.0 * error)
    }

    /// Returns the magnitude of the value; 0 if there is none.
    pub(crate) fn size(self) -> f64 {
        if let Self::Value(value, _) = self { value.abs() } else { 0.0 }
    }

    fn hint(self) -> String {
        match self {
            Self::Empty => "not measured".to_owned(),
            Self::Lost => with_error(None, None),
            Self::Value(value, error) => with_error(Some(value), error),
        }
    }
}

/// A panel of coloured cells.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HeatMap {
    pub(crate) title: String,
    /// The names of the rows, from the top.
    pub(crate) rows: Vec<String>,
    /// The heading of the rows.
    pub(crate) row_label: String,
    /// The names of the columns.
    pub(crate) columns: Vec<String>,
    /// The heading of the columns.
    pub(crate) column_label: String,
    /// True for each column that is marked with `!`.
    pub(crate) flags: Vec<bool>,
    /// The cells row by row.
    pub(crate) cells: Vec<Vec<HeatCell>>,
    /// The magnitude at which the colours end. The scale is symmetric around 0.
    pub(crate) limit: f64,
    /// The unit of the values, beside the colour bar.
    pub(crate) unit: String,
}

/// The height of a row.
const HEIGHT: f64 = 18.0;
/// The space above the columns for their marks.
const FLAG: f64 = 13.0;
/// The largest number of columns with numbers in their cells.
const WRITTEN_COLUMNS: usize = 22;
/// The width of a cell without a number.
const NARROW: f64 = 12.0;
/// How far the label of the colour bar may reach beyond the bar's ends.
const AROUND: f64 = 64.0;
/// The thickness of the colour bar.
const BAR: f64 = 12.0;
/// The largest height of the colour bar.
const TALLEST_BAR: f64 = 260.0;
/// The stripes of the colour bar.
const STRIPES: u32 = 64;

/// Returns the position of a value on the colour scale, from −1 to 1. The signed square root gives
/// small values beside a large one a visible colour.
pub(crate) fn colour_share(value: f64, limit: f64) -> f64 {
    (value.abs() / limit).sqrt().min(1.0).copysign(value)
}

/// Returns the colour of a value in a heat map, as red, green and blue. `limit` is the magnitude at
/// which the colours end.
pub fn heat_colour(value: f64, limit: f64) -> [u8; 3] {
    let Rgb(red, green, blue) = diverging(colour_share(value, limit));
    [red, green, blue]
}

impl HeatMap {
    /// Returns the width of a cell, and whether its number is written.
    fn cell(&self) -> (f64, bool) {
        if self.columns.len() > WRITTEN_COLUMNS {
            return (NARROW, false);
        }
        let text = |cell: &HeatCell| match cell {
            HeatCell::Value(value, _) => width(&short(*value), SMALL) + 8.0,
            _ => 0.0,
        };
        let needed = self.cells.iter().flatten().map(text).fold(34.0, f64::max);
        let names = self.columns.iter().map(|name| width(name, SMALL) + 8.0).fold(0.0, f64::max);
        // A few columns are made wide enough for their own names.
        let wide = if self.columns.len() <= 6 { needed.max(names).min(80.0) } else { needed };
        (wide, true)
    }

    fn axes(&self) -> (Axis, Axis) {
        (
            Axis::names(&self.column_label, self.columns.clone()),
            Axis::names(&self.row_label, self.rows.clone()),
        )
    }

    /// Returns the values at which the colour bar has ticks.
    fn bar_ticks(&self) -> Vec<f64> {
        let shares = [-1.0, -0.25, -0.04, 0.0, 0.04, 0.25, 1.0];
        shares.iter().map(|share| share * self.limit).collect()
    }

    fn draw_cell(
        &self,
        canvas: &mut Canvas,
        (row, column): (usize, usize),
        area: Rect,
        is_written: bool,
    ) {
        let cell = self.cells[row][column];
        let name = format!(
            "{}, {} {}: {}",
            self.rows[row],
            self.column_label,
            self.columns[column],
            cell.hint()
        );
        canvas.named("cell", &name, |canvas| match cell {
            HeatCell::Empty => canvas.fill(area, PALE),
            HeatCell::Lost => {
                canvas.fill(area, PALE);
                let middle = (area.x + area.width / 2.0, area.y + area.height / 2.0);
                cross(canvas, middle, 4.0, Stroke::solid(BLACK, 1.4));
            }
            HeatCell::Value(value, _) => {
                let colour = diverging(colour_share(value, self.limit));
                canvas.fill(area, colour);
                if cell.is_uncertain() {
                    canvas.hatch(area);
                }
                if is_written {
                    let point = (area.x + area.width / 2.0, area.y + area.height / 2.0 + 3.6);
                    let font = Font::SMALL.anchor(Anchor::Middle).colour(ink_on(colour));
                    let font = if cell.is_uncertain() { font.halo(colour) } else { font };
                    canvas.text(point, &short(value), font);
                }
            }
        });
    }

    fn bar(&self) -> ColourBar {
        ColourBar::new(BAR, self.bar_ticks().into_iter().map(short))
    }

    fn draw_bar(&self, canvas: &mut Canvas, plot: Rect) {
        let bar = self.bar();
        let area = bar.area(plot, plot.height.min(TALLEST_BAR));
        draw_stripes(canvas, area);
        bar.frame(canvas, area);
        let mut free = f64::NEG_INFINITY;
        for value in self.bar_ticks().into_iter().rev() {
            let y = area.y + area.height * (1.0 - colour_share(value, self.limit)) / 2.0;
            if y - free < SMALL + 1.0 && value != 0.0 {
                continue;
            }
            free = y;
            canvas.line(&[(area.right(), y), (area.right() + 3.0, y)], Stroke::solid(GREY, 1.0));
            bar.tick(canvas, area, y, &short(value));
        }
        if width(&self.unit, SMALL) <= area.height + AROUND {
            bar.unit(canvas, area, &self.unit);
        }
    }
}

/// Fills a colour bar with the diverging ramp, from its upper to its lower end.
fn draw_stripes(canvas: &mut Canvas, area: Rect) {
    let height = area.height / f64::from(STRIPES);
    for stripe in 0..STRIPES {
        let share = 1.0 - 2.0 * (f64::from(stripe) + 0.5) / f64::from(STRIPES);
        let y = area.y + f64::from(stripe) * height;
        let height = (height + OVERLAP).min(area.bottom() - y);
        canvas.fill(Rect { y, height, ..area }, diverging(share));
    }
}

impl Panel for HeatMap {
    fn title(&self) -> &str {
        &self.title
    }

    fn size(&self) -> (f64, f64) {
        (self.cell().0 * self.columns.len() as f64, HEIGHT * self.rows.len() as f64)
    }

    fn margins(&self) -> Margins {
        let ((wide, high), (below, left)) = (self.size(), self.axes());
        let (overhang, bottom) = below.room_below(wide);
        Margins {
            left: left.room_left(high).max(overhang),
            right: self.bar().margin().max(title_width(&self.title) - wide),
            top: if self.flags.contains(&true) { FLAG } else { 0.0 },
            bottom,
        }
    }

    fn draw(&self, canvas: &mut Canvas, plot: Rect, margins: Margins) {
        let (wide, is_written) = self.cell();
        for row in 0..self.rows.len() {
            for column in 0..self.columns.len() {
                let area = Rect {
                    x: plot.x + column as f64 * wide,
                    y: plot.y + row as f64 * HEIGHT,
                    width: wide,
                    height: HEIGHT,
                };
                self.draw_cell(canvas, (row, column), area, is_written);
            }
        }
        let flagged = self.flags.iter().enumerate().filter(|(_, flag)| **flag);
        for (column, _) in flagged {
            let point = (plot.x + (column as f64 + 0.5) * wide, plot.y - 3.0);
            canvas.text(point, "!", Font::HEAD.anchor(Anchor::Middle));
        }
        canvas.frame(plot, Stroke::solid(GREY, 1.0));
        let (below, left) = self.axes();
        left.draw_left(canvas, plot, margins.left);
        below.draw_below(canvas, plot, below.room_below(plot.width).1);
        self.draw_bar(canvas, plot);
    }
}
