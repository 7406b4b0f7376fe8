//! [`ColourBar`]: the bar to the right of a panel with the values of its colours.

use crate::plot::{
    canvas::{Anchor, Canvas, Font, Rect, Stroke},
    colour::GREY,
    text_width::{SMALL, width},
};

/// The gap between the bar and the texts of its ticks, in pixels.
const TEXT_GAP: f64 = 5.0;

/// Neighbouring stripes of a bar overlap by this much, so that the ground does not show between
/// them.
pub(crate) const OVERLAP: f64 = 0.4;

/// A colour bar. Its gap to the panel is as wide as the bar itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ColourBar {
    /// The width of the bar.
    thickness: f64,
    /// The width of its widest tick text.
    text: f64,
}

impl ColourBar {
    /// A bar with ticks of these texts.
    pub(crate) fn new(thickness: f64, ticks: impl IntoIterator<Item = String>) -> Self {
        let text = ticks.into_iter().map(|tick| width(&tick, SMALL)).fold(0.0, f64::max);
        Self { thickness, text }
    }

    /// Returns the space that the bar needs to the right of a panel.
    pub(crate) fn margin(&self) -> f64 {
        2.0 * self.thickness + TEXT_GAP + self.text + (self.thickness + 4.0)
    }

    /// Returns the area of a bar of this height beside a panel.
    pub(crate) fn area(&self, plot: Rect, height: f64) -> Rect {
        Rect { x: plot.right() + self.thickness, y: plot.y, width: self.thickness, height }
    }

    /// Draws the frame around the bar.
    pub(crate) fn frame(&self, canvas: &mut Canvas, area: Rect) {
        canvas.frame(area, Stroke::solid(GREY, 0.7));
    }

    /// Writes a tick's text at the height `y`.
    pub(crate) fn tick(&self, canvas: &mut Canvas, area: Rect, y: f64, text: &str) {
        canvas.text((area.right() + TEXT_GAP, y + 3.5), text, Font::SMALL);
    }

    /// Writes the unit of the values along the bar, to the right of the ticks.
    pub(crate) fn unit(&self, canvas: &mut Canvas, area: Rect, unit: &str) {
        let x = area.right() + TEXT_GAP + self.text + (6.0 + self.thickness / 2.0);
        let font = Font::SMALL.anchor(Anchor::Middle).turn(-90.0);
        canvas.text((x, area.y + area.height / 2.0), unit, font);
    }
}
