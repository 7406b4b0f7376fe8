//! [`Page`]: panels in a grid under a title and a legend, with notes below.

use crate::draw::{
    canvas::{Anchor, Canvas, Font, Rect},
    colour::GREY,
    legend::Legend,
    letters::{LARGE, MEDIUM, TITLE, shorten, width, wrap},
};

/// The room that a panel takes around its plot: ticks, labels, title, colour bar.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Margins {
    pub(crate) left: f64,
    pub(crate) right: f64,
    pub(crate) top: f64,
    pub(crate) bottom: f64,
}

/// A part of a picture with axes of its own.
pub(crate) trait Panel {
    /// What it shows.
    fn title(&self) -> &str;
    /// Width and height of the plot between its axes.
    fn size(&self) -> (f64, f64);
    /// The room that it takes around that, without its title.
    fn margins(&self) -> Margins;
    /// Draws it: the plot is at `plot`, with `margins` around it.
    fn draw(&self, canvas: &mut Canvas, plot: Rect, margins: Margins);
}

/// A whole picture.
pub(crate) struct Page {
    /// What the picture is of.
    pub(crate) title: String,
    /// What is shown, and how it was measured.
    pub(crate) subtitle: String,
    /// What the marks mean.
    pub(crate) legend: Legend,
    /// Row by row; an absent one leaves its place free.
    pub(crate) panels: Vec<Option<Box<dyn Panel>>>,
    /// Panels side by side.
    pub(crate) columns: usize,
    /// What the reader is warned of.
    pub(crate) notes: Vec<String>,
}

const EDGE: f64 = 18.0;
const BETWEEN: f64 = 22.0;
const LINE: f64 = 15.0;
/// Titles are not wrapped at less than this.
const NARROWEST: f64 = 460.0;
/// The room for the title of a panel.
const HEADING: f64 = 20.0;

impl Page {
    /// The picture as SVG text; nothing where there is no panel.
    pub(crate) fn svg(&self) -> Option<String> {
        if self.panels.iter().all(Option::is_none) {
            return None;
        }
        let columns = self.columns.clamp(1, self.panels.len());
        let across = self.tracks(columns, |index| index % columns, Side::Across);
        let down =
            self.tracks(self.panels.len().div_ceil(columns), |index| index / columns, Side::Down);
        let grid = across.iter().map(Track::whole).sum::<f64>() + BETWEEN * (columns - 1) as f64;
        let wide = grid.max(NARROWEST).max(self.legend.widest());
        let mut canvas = Canvas::default();
        let mut y = self.head(&mut canvas, wide);
        for (row, track) in down.iter().enumerate() {
            let mut x = EDGE;
            for (column, side) in across.iter().enumerate() {
                if let Some(Some(panel)) = self.panels.get(row * columns + column) {
                    let margins = Margins {
                        left: side.before,
                        right: side.after,
                        top: track.before,
                        bottom: track.after,
                    };
                    let (width, height) = panel.size();
                    let plot = Rect { x: x + side.before, y: y + track.before, width, height };
                    let title = shorten(panel.title(), LARGE * 1.08, side.whole());
                    canvas.text((plot.x, y + HEADING - 8.0), &title, Font::HEAD);
                    panel.draw(&mut canvas, plot, margins);
                }
                x += side.whole() + BETWEEN;
            }
            y += track.whole() + if row + 1 < down.len() { BETWEEN } else { 0.0 };
        }
        y += 10.0;
        for line in self.notes.iter().flat_map(|note| wrap(note, MEDIUM, wide)) {
            y += LINE;
            canvas.text((EDGE, y), &line, Font::MEDIUM.anchor(Anchor::Start).colour(GREY));
        }
        Some(canvas.finish(&self.title, wide + 2.0 * EDGE, y + EDGE))
    }

    /// Title, subtitle and legend; the height that they take.
    fn head(&self, canvas: &mut Canvas, wide: f64) -> f64 {
        let mut y = EDGE;
        // Bold letters are wider than plain ones.
        for line in wrap(&self.title, TITLE * 1.1, wide) {
            y += LINE + 4.0;
            canvas.text((EDGE, y - 4.0), &line, Font::TITLE);
        }
        for line in wrap(&self.subtitle, MEDIUM, wide) {
            y += LINE;
            canvas.text((EDGE, y), &line, Font::MEDIUM);
        }
        y += 8.0;
        y += self.legend.lay(Some(canvas), (EDGE, y), wide);
        y + 8.0
    }

    /// What each row or column of the grid takes: as much as the largest of its panels.
    fn tracks(&self, count: usize, place: impl Fn(usize) -> usize, side: Side) -> Vec<Track> {
        let mut tracks = vec![Track::default(); count];
        for (index, panel) in self.panels.iter().enumerate() {
            if let Some(panel) = panel {
                let (margins, (width, height)) = (panel.margins(), panel.size());
                let (before, size, after) = match side {
                    Side::Across => (margins.left, width, margins.right),
                    Side::Down => (margins.top + HEADING, height, margins.bottom),
                };
                let track = &mut tracks[place(index)];
                track.before = track.before.max(before);
                track.size = track.size.max(size);
                track.after = track.after.max(after);
            }
        }
        tracks
    }
}

#[derive(Debug, Clone, Copy)]
enum Side {
    Across,
    Down,
}

/// A row or a column of the grid.
#[derive(Debug, Clone, Copy, Default)]
struct Track {
    before: f64,
    size: f64,
    after: f64,
}

impl Track {
    fn whole(&self) -> f64 {
        self.before + self.size + self.after
    }
}

/// The width of a panel's title: a panel is no narrower.
pub(crate) fn title_width(title: &str) -> f64 {
    width(title, LARGE * 1.08)
}
