//! [`Style`]: colour, shape and dash of a series, which can be told apart in grey, too.

use crate::plot::{
    canvas::{Canvas, Stroke},
    colour::{BLACK, CATEGORIES, Rgb, WHITE},
};

/// The shape of a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MarkShape {
    Disc,
    Square,
    Triangle,
    Diamond,
    Upended,
    Cross,
}

/// The style of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Style {
    pub(crate) colour: Rgb,
    pub(crate) shape: MarkShape,
    /// The colour inside a mark.
    pub(crate) fill: Rgb,
    pub(crate) dash: &'static str,
    /// Half the height of a mark, in pixels.
    pub(crate) radius: f64,
}

const SHAPES: [MarkShape; 6] = [
    MarkShape::Disc,
    MarkShape::Square,
    MarkShape::Triangle,
    MarkShape::Diamond,
    MarkShape::Upended,
    MarkShape::Disc,
];
const DASHES: [&str; 6] = ["", "6 3", "2 2.5", "9 3 2 3", "12 4", "4 2"];

impl Style {
    /// Returns the style of the series with this index.
    pub(crate) fn of(index: usize) -> Self {
        let colour = CATEGORIES[index % CATEGORIES.len()];
        Self {
            colour,
            shape: SHAPES[index % SHAPES.len()],
            fill: colour,
            dash: DASHES[index % DASHES.len()],
            radius: 3.5,
        }
    }

    /// Returns the style of a reference with which other series are compared.
    pub(crate) fn reference() -> Self {
        Self { colour: BLACK, shape: MarkShape::Disc, fill: BLACK, dash: "5 3", radius: 3.5 }
    }

    /// Returns the style with smaller, open marks.
    pub(crate) fn open(self) -> Self {
        Self { fill: WHITE, radius: 2.6, ..self }
    }

    pub(crate) fn radius(self, radius: f64) -> Self {
        Self { radius, ..self }
    }

    pub(crate) fn dash(self, dash: &'static str) -> Self {
        Self { dash, ..self }
    }

    pub(crate) fn stroke(&self) -> Stroke {
        Stroke { colour: self.colour, width: 1.6, dash: self.dash }
    }

    /// Returns the outline of the marks.
    pub(crate) fn outline(&self) -> Stroke {
        Stroke::solid(self.colour, 1.0)
    }

    /// Draws a mark at a point.
    pub(crate) fn mark(&self, canvas: &mut Canvas, (x, y): (f64, f64)) {
        let r = self.radius;
        let stroke = self.outline();
        match self.shape {
            MarkShape::Disc => canvas.disc((x, y), r, self.fill, stroke),
            MarkShape::Cross => cross(canvas, (x, y), r, Stroke::solid(self.colour, 1.4)),
            shape => {
                let corners: &[(f64, f64)] = match shape {
                    MarkShape::Square => &[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
                    MarkShape::Triangle => &[(0.0, -1.15), (1.1, 0.85), (-1.1, 0.85)],
                    MarkShape::Upended => &[(0.0, 1.15), (1.1, -0.85), (-1.1, -0.85)],
                    _ => &[(0.0, -1.3), (1.3, 0.0), (0.0, 1.3), (-1.3, 0.0)],
                };
                let points: Vec<(f64, f64)> =
                    corners.iter().map(|(dx, dy)| (x + r * dx, y + r * dy)).collect();
                canvas.shape(&points, self.fill, stroke);
            }
        }
    }
}

/// Draws two crossing lines, the sign of a value that is not finite.
pub(crate) fn cross(canvas: &mut Canvas, (x, y): (f64, f64), r: f64, stroke: Stroke) {
    canvas.line(&[(x - r, y - r), (x + r, y + r)], stroke);
    canvas.line(&[(x - r, y + r), (x + r, y - r)], stroke);
}
