//! [`Page`]: panels in a grid under a title and a legend, with notes below.

use crate::plot::{
    canvas::{Anchor, Canvas, Font, Rect},
    colour::GREY,
    legend::Legend,
    text_width::{LARGE, MEDIUM, TITLE, shorten, width, wrap},
};

/// The space around a panel's plot for ticks, labels, title and colour bar, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Margins {
    pub(crate) left: f64,
    pub(crate) right: f64,
    pub(crate) top: f64,
    pub(crate) bottom: f64,
}

/// A part of a picture with axes of its own.
pub(crate) trait Panel {
    /// Returns the panel's title.
    fn title(&self) -> &str;
    /// Returns width and height of the plot between the axes.
    fn size(&self) -> (f64, f64);
    /// Returns the space that the panel needs around its plot, without its title.
    fn margins(&self) -> Margins;
    /// Draws the panel. The plot is at `plot`, with `margins` around it.
    fn draw(&self, canvas: &mut Canvas, plot: Rect, margins: Margins);
}

/// The panels of a page, row by row; `None` leaves a cell of the grid empty.
pub(crate) type Panels = Vec<Option<Box<dyn Panel>>>;

/// A whole picture.
pub(crate) struct Page {
    /// The heading.
    pub(crate) title: String,
    /// A sentence on the values and on how they were measured.
    pub(crate) subtitle: String,
    /// The meaning of the marks.
    pub(crate) legend: Legend,
    pub(crate) panels: Panels,
    /// The number of panels in a row.
    pub(crate) columns: usize,
    /// Remarks and warnings below the panels.
    pub(crate) notes: Vec<String>,
}

/// The space between the picture's edge and its content.
const EDGE: f64 = 18.0;
/// The space between two panels.
const BETWEEN: f64 = 22.0;
/// The height of a line of text.
const LINE: f64 = 15.0;
/// The smallest width at which titles are wrapped.
const NARROWEST: f64 = 460.0;
/// The height of a panel's title.
const HEADING: f64 = 20.0;
/// How much wider bold letters are than plain ones.
const BOLD: f64 = 1.08;

impl Page {
    /// Returns the picture as SVG text; `None` if there is no panel.
    pub(crate) fn svg(&self) -> Option<String> {
        if self.panels.iter().all(Option::is_none) {
            return None;
        }
        let grid = self.grid();
        let wide = grid.width().max(NARROWEST).max(self.legend.widest());
        let mut canvas = Canvas::default();
        let top = self.draw_head(&mut canvas, wide);
        let bottom = self.draw_panels(&mut canvas, &grid, top);
        let end = self.draw_notes(&mut canvas, bottom + 10.0, wide);
        Some(canvas.finish(&self.title, wide + 2.0 * EDGE, end + EDGE))
    }

    /// Lays the panels out: each row and column is as large as its largest panel needs.
    fn grid(&self) -> Grid {
        let columns = self.columns.clamp(1, self.panels.len());
        let rows = self.panels.len().div_ceil(columns);
        let mut grid =
            Grid { columns: vec![Track::default(); columns], rows: vec![Track::default(); rows] };
        for (index, panel) in self.panels.iter().enumerate() {
            let Some(panel) = panel else { continue };
            let (margins, (width, height)) = (panel.margins(), panel.size());
            grid.columns[index % columns].widen(margins.left, width, margins.right);
            grid.rows[index / columns].widen(margins.top + HEADING, height, margins.bottom);
        }
        grid
    }

    /// Draws the panels from `top` downwards and returns where they end.
    fn draw_panels(&self, canvas: &mut Canvas, grid: &Grid, top: f64) -> f64 {
        let mut y = top;
        for (index, row) in grid.rows.iter().enumerate() {
            if index > 0 {
                y += BETWEEN;
            }
            let mut x = EDGE;
            let panels = self.panels.iter().skip(index * grid.columns.len());
            for (panel, column) in panels.zip(&grid.columns) {
                if let Some(panel) = panel {
                    draw_panel(canvas, panel.as_ref(), (x, y), column, row);
                }
                x += column.whole() + BETWEEN;
            }
            y += row.whole();
        }
        y
    }

    /// Writes the notes below `top` and returns where they end.
    fn draw_notes(&self, canvas: &mut Canvas, top: f64, wide: f64) -> f64 {
        let mut y = top;
        for line in self.notes.iter().flat_map(|note| wrap(note, MEDIUM, wide)) {
            y += LINE;
            canvas.text((EDGE, y), &line, Font::MEDIUM.anchor(Anchor::Start).colour(GREY));
        }
        y
    }

    /// Writes title, subtitle and legend, and returns where they end.
    fn draw_head(&self, canvas: &mut Canvas, wide: f64) -> f64 {
        let mut y = EDGE;
        // A title in large bold letters needs a little more than `BOLD`.
        for line in wrap(&self.title, TITLE * 1.1, wide) {
            y += LINE + 4.0;
            canvas.text((EDGE, y - 4.0), &line, Font::TITLE);
        }
        for line in wrap(&self.subtitle, MEDIUM, wide) {
            y += LINE;
            canvas.text((EDGE, y), &line, Font::MEDIUM);
        }
        y += 8.0;
        y += self.legend.draw(canvas, (EDGE, y), wide);
        y + 8.0
    }
}

/// Draws a panel and its title into a cell of the grid; `corner` is the cell's upper left corner.
fn draw_panel(
    canvas: &mut Canvas,
    panel: &dyn Panel,
    (x, y): (f64, f64),
    column: &Track,
    row: &Track,
) {
    let margins =
        Margins { left: column.before, right: column.after, top: row.before, bottom: row.after };
    let (width, height) = panel.size();
    let plot = Rect { x: x + column.before, y: y + row.before, width, height };
    let title = shorten(panel.title(), LARGE * BOLD, column.whole());
    canvas.text((plot.x, y + HEADING - 8.0), &title, Font::HEAD);
    panel.draw(canvas, plot, margins);
}

/// The rows and columns of a page's panels.
struct Grid {
    columns: Vec<Track>,
    rows: Vec<Track>,
}

impl Grid {
    fn width(&self) -> f64 {
        let columns: f64 = self.columns.iter().map(Track::whole).sum();
        columns + BETWEEN * (self.columns.len() - 1) as f64
    }
}

/// A row or a column of the grid: the plot's size and the margins before and after it.
#[derive(Debug, Clone, Copy, Default)]
struct Track {
    before: f64,
    size: f64,
    after: f64,
}

impl Track {
    /// Makes room for a panel.
    fn widen(&mut self, before: f64, size: f64, after: f64) {
        self.before = self.before.max(before);
        self.size = self.size.max(size);
        self.after = self.after.max(after);
    }

    fn whole(&self) -> f64 {
        self.before + self.size + self.after
    }
}

/// Returns the width of a panel's title, which is the least width of the panel.
pub(crate) fn title_width(title: &str) -> f64 {
    width(title, LARGE * BOLD)
}
