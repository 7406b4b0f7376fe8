//! [`Legend`]: the meaning of a picture's marks, in as many lines as they need.

use crate::plot::{
    canvas::{Canvas, Font, Rect, Stroke},
    colour::{BLACK, GREY, NEUTRAL},
    mark::{Style, cross},
    text_width::{MEDIUM, width},
};

/// The sign of a legend's entry.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum LegendKey {
    /// A mark.
    Mark(Style),
    /// A line.
    Line(Style),
    /// A mark on a line.
    Both(Style),
    /// A bar.
    Patch(Style),
    /// A hatched patch.
    Hatch,
    /// The cross of a value that is not finite.
    Cross,
    /// A text, such as `!`.
    Sign(String),
}

/// The entries that explain the marks of a picture.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Legend {
    entries: Vec<(LegendKey, String)>,
}

/// The width of an entry's sign.
const SIGN: f64 = 26.0;
/// The space between two entries.
const SPACE: f64 = 20.0;
/// The height of a line.
const LINE: f64 = 18.0;

impl Legend {
    /// Adds an entry if the legend does not have it yet.
    pub(crate) fn add(&mut self, key: LegendKey, words: impl Into<String>) {
        let entry = (key, words.into());
        if !self.entries.contains(&entry) {
            self.entries.push(entry);
        }
    }

    /// Returns the width of the widest entry.
    pub(crate) fn widest(&self) -> f64 {
        self.entries.iter().map(|(_, words)| SIGN + width(words, MEDIUM)).fold(0.0, f64::max)
    }

    /// Draws the legend below and to the right of a point, at most `most` wide, and returns its
    /// height.
    pub(crate) fn draw(&self, canvas: &mut Canvas, (left, top): (f64, f64), most: f64) -> f64 {
        let (mut x, mut line) = (left, 0);
        for (key, words) in &self.entries {
            let wide = SIGN + width(words, MEDIUM);
            if x > left && x + wide > left + most {
                (x, line) = (left, line + 1);
            }
            let y = top + LINE * (f64::from(line) + 0.5);
            key.draw(canvas, (x, y));
            canvas.text((x + SIGN, y + 4.0), words, Font::MEDIUM);
            x += wide + SPACE;
        }
        if self.entries.is_empty() { 0.0 } else { LINE * f64::from(line + 1) + 4.0 }
    }
}

impl LegendKey {
    fn draw(&self, canvas: &mut Canvas, (x, y): (f64, f64)) {
        let middle = (x + 10.0, y);
        let patch = Rect { x: x + 1.0, y: y - 6.0, width: 18.0, height: 12.0 };
        match self {
            Self::Mark(style) => style.mark(canvas, middle),
            Self::Line(style) => canvas.line(&[(x, y), (x + 20.0, y)], style.stroke()),
            Self::Both(style) => {
                canvas.line(&[(x, y), (x + 20.0, y)], style.stroke());
                style.mark(canvas, middle);
            }
            Self::Patch(style) => {
                canvas.fill(patch, style.fill);
                canvas.frame(patch, Stroke::solid(style.colour, 1.0));
            }
            Self::Hatch => {
                canvas.fill(patch, NEUTRAL);
                canvas.hatch(patch);
                canvas.frame(patch, Stroke::solid(GREY, 0.7));
            }
            Self::Cross => cross(canvas, middle, 4.0, Stroke::solid(BLACK, 1.4)),
            Self::Sign(sign) => canvas.text((x + 6.0, y + 4.0), sign, Font::HEAD),
        }
    }
}
