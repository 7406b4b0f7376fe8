//! [`Axis`]: numbers or names along a side of a panel.

use crate::plot::{
    canvas::{Anchor, Canvas, Font, Rect, Stroke},
    colour::{GREY, GUIDE, PALE},
    scale::AxisScale,
    text_width::{MEDIUM, SMALL, shorten, width},
};

/// The largest width of a name; longer names are shortened.
const LONGEST_NAME: f64 = 150.0;
/// The gap between an axis and the texts of its ticks.
const GAP: f64 = 6.0;
/// The least distance between names that are turned.
const CLOSEST: f64 = 16.0;
/// The height of a line of text.
const LINE: f64 = 14.0;

/// The axis along a side of a panel.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Axis {
    /// An axis of numbers. Along the left side they grow upwards.
    Numbers {
        /// The name of the numbers, with the unit.
        label: String,
        scale: AxisScale,
    },
    /// An axis of names, each in the middle of an equal part: name `i` is at `i + ½`. Along the
    /// left side they are in order from the top.
    Names {
        /// The heading of the names.
        label: String,
        names: Vec<String>,
    },
}

impl Axis {
    /// An axis of numbers on a scale. The label also says whether the scale is logarithmic.
    pub(crate) fn numbers(label: &str, scale: AxisScale) -> Self {
        Self::Numbers { label: label.to_owned() + scale.remark(), scale }
    }

    /// An axis of names, each in the middle of an equal part.
    pub(crate) fn names(label: &str, names: Vec<String>) -> Self {
        Self::Names { label: label.to_owned(), names }
    }

    /// Returns the position of a value along the bottom side: 0 at the left, 1 at the right.
    pub(crate) fn across(&self, value: f64) -> f64 {
        match self {
            Self::Numbers { scale, .. } => scale.share(value),
            Self::Names { names, .. } => value / names.len().max(1) as f64,
        }
    }

    /// Returns the position of a value along the left side: 0 at the top, 1 at the bottom.
    pub(crate) fn down(&self, value: f64) -> f64 {
        match self {
            Self::Numbers { scale, .. } => 1.0 - scale.share(value),
            Self::Names { .. } => self.across(value),
        }
    }

    fn label(&self) -> &str {
        match self {
            Self::Numbers { label, .. } | Self::Names { label, .. } => label,
        }
    }

    /// Returns the values of the ticks with their texts.
    fn ticks(&self, count: usize) -> Vec<(f64, String)> {
        match self {
            Self::Numbers { scale, .. } => scale.ticks(count),
            Self::Names { names, .. } => {
                let tick = |(index, name): (usize, &String)| {
                    (index as f64 + 0.5, shorten(name, SMALL, LONGEST_NAME))
                };
                names.iter().enumerate().map(tick).collect()
            }
        }
    }

    /// Returns the width that the axis needs to the left of a panel of this height.
    pub(crate) fn room_left(&self, height: f64) -> f64 {
        let label = if self.label().is_empty() { 0.0 } else { LINE + 4.0 };
        widest(&self.ticks(along(height))) + GAP + label
    }

    /// Returns the space that the axis needs below a panel of this width: how far it reaches to the
    /// left of the panel, and its height.
    pub(crate) fn room_below(&self, panel: f64) -> (f64, f64) {
        let label = if self.label().is_empty() { 0.0 } else { LINE + 2.0 };
        let ticks = self.ticks_below(panel);
        if self.is_turned(&ticks, panel) {
            let first = ticks.first().map_or(0.0, |(value, text)| {
                width(text, SMALL) * HALF_RIGHT - self.across(*value) * panel
            });
            (first.max(0.0), widest(&ticks) * HALF_RIGHT + SMALL + GAP + label)
        } else {
            (0.0, SMALL + GAP + 2.0 + label)
        }
    }

    /// Returns whether the texts are too close to each other to be written horizontally.
    fn is_turned(&self, ticks: &[(f64, String)], panel: f64) -> bool {
        let positions: Vec<f64> =
            ticks.iter().map(|(value, _)| self.across(*value) * panel).collect();
        let closest = positions.windows(2).map(|pair| pair[1] - pair[0]).fold(panel, f64::min);
        widest(ticks) + 5.0 > closest
    }

    /// Draws the axis to the left of a panel, within the width `room`.
    pub(crate) fn draw_left(&self, canvas: &mut Canvas, panel: Rect, room: f64) {
        for (value, text) in self.ticks(along(panel.height)) {
            let y = panel.y + self.down(value) * panel.height;
            if let Self::Numbers { .. } = self {
                canvas.line(&[(panel.x - 3.0, y), (panel.x, y)], Stroke::solid(GREY, 1.0));
            }
            canvas.text((panel.x - GAP, y + 3.5), &text, Font::SMALL.anchor(Anchor::End));
        }
        let middle = (panel.x - room + MEDIUM, panel.y + panel.height / 2.0);
        let font = Font::MEDIUM.anchor(Anchor::Middle).turn(-90.0);
        if !self.label().is_empty() {
            canvas.text(middle, self.label(), font);
        }
    }

    /// Returns the ticks below a panel. Of names that are too close to each other, only every
    /// second, third, … one and the last are returned.
    fn ticks_below(&self, panel: f64) -> Vec<(f64, String)> {
        let ticks = self.ticks(across(panel));
        let every = match self {
            Self::Numbers { .. } => 1,
            Self::Names { names, .. } => {
                (CLOSEST * names.len() as f64 / panel).ceil().max(1.0) as usize
            }
        };
        let last = ticks.len().saturating_sub(1);
        let is_shown =
            |index: usize| index == last || (index.is_multiple_of(every) && index + every <= last);
        let shown = ticks.into_iter().enumerate().filter(|(index, _)| is_shown(*index));
        shown.map(|(_, tick)| tick).collect()
    }

    /// Draws the axis below a panel, with its label at the bottom of the height `room`.
    pub(crate) fn draw_below(&self, canvas: &mut Canvas, panel: Rect, room: f64) {
        let ticks = self.ticks_below(panel.width);
        let is_turned = self.is_turned(&ticks, panel.width);
        for (value, text) in &ticks {
            let x = panel.x + self.across(*value) * panel.width;
            canvas
                .line(&[(x, panel.bottom()), (x, panel.bottom() + 3.0)], Stroke::solid(GREY, 1.0));
            if is_turned {
                let font = Font::SMALL.anchor(Anchor::End).turn(-45.0);
                canvas.text((x + 3.0, panel.bottom() + GAP + 6.0), text, font);
            } else {
                let font = Font::SMALL.anchor(Anchor::Middle);
                canvas.text((x, panel.bottom() + GAP + 8.0), text, font);
            }
        }
        if !self.label().is_empty() {
            let middle = (panel.x + panel.width / 2.0, panel.bottom() + room - 3.0);
            canvas.text(middle, self.label(), Font::MEDIUM.anchor(Anchor::Middle));
        }
    }

    /// Draws lines across the panel at the ticks of a left axis of numbers, or a pale ground behind
    /// every second name.
    pub(crate) fn guide_left(&self, canvas: &mut Canvas, panel: Rect) {
        match self {
            Self::Numbers { .. } => {
                for (value, _) in self.ticks(along(panel.height)) {
                    let y = panel.y + self.down(value) * panel.height;
                    canvas.line(&[(panel.x, y), (panel.right(), y)], Stroke::solid(GUIDE, 1.0));
                }
            }
            Self::Names { names, .. } => {
                let height = panel.height / names.len().max(1) as f64;
                for index in (0..names.len()).step_by(2) {
                    let y = panel.y + index as f64 * height;
                    canvas.fill(Rect { y, height, ..panel }, PALE);
                }
            }
        }
    }

    /// Draws lines up the panel at the ticks of a lower axis of numbers.
    pub(crate) fn guide_below(&self, canvas: &mut Canvas, panel: Rect) {
        if let Self::Numbers { .. } = self {
            for (value, _) in self.ticks(across(panel.width)) {
                let x = panel.x + self.across(value) * panel.width;
                canvas.line(&[(x, panel.y), (x, panel.bottom())], Stroke::solid(GUIDE, 1.0));
            }
        }
    }
}

/// sin 45°, the angle of turned texts.
const HALF_RIGHT: f64 = std::f64::consts::FRAC_1_SQRT_2;

/// Returns about how many ticks a side of this height has.
fn along(height: f64) -> usize {
    ((height / 38.0) as usize).clamp(2, 8)
}

/// Returns about how many ticks a side of this width has.
fn across(width: f64) -> usize {
    ((width / 60.0) as usize).clamp(2, 8)
}

fn widest(ticks: &[(f64, String)]) -> f64 {
    ticks.iter().map(|(_, text)| width(text, SMALL)).fold(0.0, f64::max)
}
