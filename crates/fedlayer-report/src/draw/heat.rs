//! [`Heat`]: a number a cell, names along both sides, colours that diverge around 0.

use crate::draw::{
    axis::Axis,
    canvas::{Anchor, Canvas, Font, Rect, Stroke},
    colour::{BLACK, GREY, PALE, diverging, ink_on},
    letters::{SMALL, width},
    mark::cross,
    number::{short, with_error},
    page::{Margins, Panel, title_width},
};

/// One cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Cell {
    /// Nothing was measured.
    Empty,
    /// It was measured and is not finite.
    Lost,
    /// A value and its standard error.
    Value(f64, Option<f64>),
}

impl Cell {
    /// A measured value; lost where it is absent.
    pub(crate) fn measured(value: Option<f64>, std_error: Option<f64>) -> Self {
        value
            .filter(|value| value.is_finite())
            .map_or(Self::Lost, |value| Self::Value(value, std_error))
    }

    /// Whether it is within 2 standard errors of 0.
    pub(crate) fn is_uncertain(self) -> bool {
        matches!(self, Self::Value(value, Some(error)) if value.abs() <= 2.0 * error)
    }

    /// How large it is; 0 where there is no number.
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

/// A heat map.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Heat {
    pub(crate) title: String,
    /// What lies along the left side, from the top.
    pub(crate) rows: Vec<String>,
    /// What the rows are.
    pub(crate) row_label: String,
    /// What lies along the bottom.
    pub(crate) columns: Vec<String>,
    /// What the columns are.
    pub(crate) column_label: String,
    /// Whether each column is marked with `!`.
    pub(crate) flags: Vec<bool>,
    /// Row by row.
    pub(crate) cells: Vec<Vec<Cell>>,
    /// The size at which colours end: the scale is symmetric.
    pub(crate) limit: f64,
    /// The unit of the values, beside the colour bar.
    pub(crate) unit: String,
}

const HEIGHT: f64 = 18.0;
/// The room above a column for its mark.
const FLAG: f64 = 13.0;
/// As many columns as have room for numbers.
const WRITTEN_COLUMNS: usize = 22;
const NARROW: f64 = 12.0;
/// The room above and below a colour bar into which its label may reach.
const AROUND: f64 = 64.0;
const BAR: f64 = 12.0;
const BAR_GAP: f64 = 12.0;

/// Where a value lies on the colour scale, from −1 to 1: its signed square root, so that small values beside a large one have a colour.
pub(crate) fn colour_share(value: f64, limit: f64) -> f64 {
    (value.abs() / limit).sqrt().min(1.0).copysign(value)
}

impl Heat {
    /// The width of a cell, and whether its number is written.
    fn cell(&self) -> (f64, bool) {
        if self.columns.len() > WRITTEN_COLUMNS {
            return (NARROW, false);
        }
        let text = |cell: &Cell| match cell {
            Cell::Value(value, _) => width(&short(*value), SMALL) + 8.0,
            _ => 0.0,
        };
        let needed = self.cells.iter().flatten().map(text).fold(34.0, f64::max);
        let names = self.columns.iter().map(|name| width(name, SMALL) + 8.0).fold(0.0, f64::max);
        // A few columns are wide enough for their own names.
        let wide = if self.columns.len() <= 6 { needed.max(names).min(80.0) } else { needed };
        (wide, true)
    }

    fn axes(&self) -> (Axis, Axis) {
        (
            Axis::names(&self.column_label, self.columns.clone()),
            Axis::names(&self.row_label, self.rows.clone()),
        )
    }

    /// Values at which the colour bar has ticks.
    fn bar_ticks(&self) -> Vec<f64> {
        let shares = [-1.0, -0.25, -0.04, 0.0, 0.04, 0.25, 1.0];
        shares.iter().map(|share| share * self.limit).collect()
    }

    fn draw_cell(&self, canvas: &mut Canvas, place: (usize, usize), area: Rect, is_written: bool) {
        let (row, column) = place;
        let cell = self.cells[row][column];
        let name = format!(
            "{}, {} {}: {}",
            self.rows[row],
            self.column_label,
            self.columns[column],
            cell.hint()
        );
        canvas.named("cell", &name, |canvas| match cell {
            Cell::Empty => canvas.fill(area, PALE),
            Cell::Lost => {
                canvas.fill(area, PALE);
                let middle = (area.x + area.width / 2.0, area.y + area.height / 2.0);
                cross(canvas, middle, 4.0, Stroke::solid(BLACK, 1.4));
            }
            Cell::Value(value, _) => {
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

    fn draw_bar(&self, canvas: &mut Canvas, plot: Rect) {
        let bar = Rect {
            x: plot.right() + BAR_GAP,
            y: plot.y,
            width: BAR,
            height: plot.height.min(260.0),
        };
        let steps = 64;
        for step in 0..steps {
            let share = 1.0 - 2.0 * (f64::from(step) + 0.5) / f64::from(steps);
            let height = bar.height / f64::from(steps);
            let y = bar.y + f64::from(step) * height;
            // Neighbours overlap, so that no ground shows between them.
            let height = (height + 0.4).min(bar.bottom() - y);
            canvas.fill(Rect { y, height, ..bar }, diverging(share));
        }
        canvas.frame(bar, Stroke::solid(GREY, 0.7));
        let mut free = f64::NEG_INFINITY;
        for value in self.bar_ticks().into_iter().rev() {
            let y = bar.y + bar.height * (1.0 - colour_share(value, self.limit)) / 2.0;
            if y - free < SMALL + 1.0 && value != 0.0 {
                continue;
            }
            free = y;
            canvas.line(&[(bar.right(), y), (bar.right() + 3.0, y)], Stroke::solid(GREY, 1.0));
            canvas.text((bar.right() + 5.0, y + 3.5), &short(value), Font::SMALL);
        }
        let label = (bar.right() + 5.0 + self.bar_text() + 12.0, bar.y + bar.height / 2.0);
        let font = Font::SMALL.anchor(Anchor::Middle).turn(-90.0);
        if width(&self.unit, SMALL) <= bar.height + AROUND {
            canvas.text(label, &self.unit, font);
        }
    }

    fn bar_text(&self) -> f64 {
        self.bar_ticks().iter().map(|value| width(&short(*value), SMALL)).fold(0.0, f64::max)
    }
}

impl Panel for Heat {
    fn title(&self) -> &str {
        &self.title
    }

    fn size(&self) -> (f64, f64) {
        (self.cell().0 * self.columns.len() as f64, HEIGHT * self.rows.len() as f64)
    }

    fn margins(&self) -> Margins {
        let ((wide, high), (below, left)) = (self.size(), self.axes());
        let (overhang, bottom) = below.room_below(wide);
        let right = BAR_GAP + BAR + 5.0 + self.bar_text() + 16.0;
        Margins {
            left: left.room_left(high).max(overhang),
            right: right.max(title_width(&self.title) - wide),
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
