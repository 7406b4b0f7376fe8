//! [`Legend`]: what the marks of a picture mean, side by side in as many lines as they need.

use crate::draw::{
    canvas::{Canvas, Font, Rect, Stroke},
    colour::{BLACK, GREY, NEUTRAL},
    letters::{MEDIUM, width},
    mark::{Style, cross},
};

/// What stands before the words of a legend.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Sample {
    /// A mark alone.
    Mark(Style),
    /// A line alone.
    Line(Style),
    /// A mark on a line.
    Both(Style),
    /// A bar.
    Patch(Style),
    /// A hatched patch.
    Hatch,
    /// The cross of a value that is not finite.
    Cross,
    /// A sign of its own.
    Sign(String),
}

/// What the marks of a picture mean.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Legend {
    entries: Vec<(Sample, String)>,
}

const SAMPLE: f64 = 26.0;
const SPACE: f64 = 20.0;
const LINE: f64 = 18.0;

impl Legend {
    /// Adds an entry, unless it is there.
    pub(crate) fn add(&mut self, sample: Sample, words: impl Into<String>) {
        let entry = (sample, words.into());
        if !self.entries.contains(&entry) {
            self.entries.push(entry);
        }
    }

    /// The width of the widest entry.
    pub(crate) fn widest(&self) -> f64 {
        self.entries.iter().map(|(_, words)| SAMPLE + width(words, MEDIUM)).fold(0.0, f64::max)
    }

    /// Draws it from a point, no wider than `most`, and says how high it is. `None` only measures.
    pub(crate) fn lay(
        &self,
        canvas: Option<&mut Canvas>,
        (left, top): (f64, f64),
        most: f64,
    ) -> f64 {
        let mut places = Vec::new();
        let (mut x, mut line) = (left, 0);
        for (_, words) in &self.entries {
            let wide = SAMPLE + width(words, MEDIUM);
            if x > left && x + wide > left + most {
                (x, line) = (left, line + 1);
            }
            places.push((x, top + LINE * (f64::from(line) + 0.5)));
            x += wide + SPACE;
        }
        if let Some(canvas) = canvas {
            for ((sample, words), (x, y)) in self.entries.iter().zip(places) {
                sample.draw(canvas, (x, y));
                canvas.text((x + SAMPLE, y + 4.0), words, Font::MEDIUM);
            }
        }
        if self.entries.is_empty() { 0.0 } else { LINE * f64::from(line + 1) + 4.0 }
    }
}

impl Sample {
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
