//! [`AxisScale`]: from numbers to positions on an axis, and the ticks of the axis.

use crate::plot::number::{scientific, tick};

/// The range of an axis, linear or logarithmic.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct AxisScale {
    from: f64,
    to: f64,
    kind: ScaleKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ScaleKind {
    Linear,
    Logarithmic,
}

/// The share of the values' range that an axis adds on either side.
const PADDING: f64 = 0.05;

/// The ratio of largest to smallest value above which a linear axis would not show the small
/// values.
const WIDE: f64 = 30.0;

impl AxisScale {
    /// A linear scale that begins and ends exactly at these numbers.
    pub(crate) fn exact(from: f64, to: f64) -> Self {
        Self { from, to, kind: ScaleKind::Linear }
    }

    /// A linear scale around the finite values, with some room on either side.
    pub(crate) fn around(values: impl IntoIterator<Item = f64>) -> Self {
        let (low, high) = ends(values);
        let room = if high > low { PADDING * (high - low) } else { (0.1 * high.abs()).max(0.1) };
        Self::exact(low - room, high + room)
    }

    /// A linear scale around the values and 0. It ends at 0 if no value is beyond it.
    pub(crate) fn with_zero(values: impl IntoIterator<Item = f64>) -> Self {
        let (low, high) = ends(values);
        let (low, high) = (low.min(0.0), high.max(0.0));
        let room = if high > low { PADDING * (high - low) } else { 1.0 };
        let from = if low < 0.0 { low - room } else { 0.0 };
        let to = if high > 0.0 || low == 0.0 { high + room } else { 0.0 };
        Self::exact(from, to)
    }

    /// A scale around the values: logarithmic if they are positive and the largest is more than
    /// [`WIDE`] times the smallest.
    pub(crate) fn fitting(values: &[f64]) -> Self {
        let (low, high) = ends(values.iter().copied());
        if low > 0.0 && high > WIDE * low {
            let room = (high / low).powf(PADDING);
            return Self { from: low / room, to: high * room, kind: ScaleKind::Logarithmic };
        }
        Self::around(values.iter().copied())
    }

    /// Returns the remark that the axis's label has about the scale; empty for a linear one.
    pub(crate) fn remark(&self) -> &'static str {
        match self.kind {
            ScaleKind::Linear => "",
            ScaleKind::Logarithmic => " (logarithmic)",
        }
    }

    /// Returns the position of a number: 0 at the beginning, 1 at the end.
    pub(crate) fn share(&self, value: f64) -> f64 {
        match self.kind {
            ScaleKind::Linear => (value - self.from) / (self.to - self.from),
            ScaleKind::Logarithmic => {
                (value.max(f64::MIN_POSITIVE) / self.from).ln() / (self.to / self.from).ln()
            }
        }
    }

    /// Returns the first and the last number.
    pub(crate) fn ends(&self) -> (f64, f64) {
        (self.from, self.to)
    }

    /// Returns whether a number is on the axis.
    pub(crate) fn contains(&self, value: f64) -> bool {
        (self.from..=self.to).contains(&value)
    }

    /// Returns about `count` round numbers on the axis, with their texts.
    pub(crate) fn ticks(&self, count: usize) -> Vec<(f64, String)> {
        match self.kind {
            ScaleKind::Linear => self.even_ticks(count),
            ScaleKind::Logarithmic => self.power_ticks(count),
        }
    }

    fn even_ticks(&self, count: usize) -> Vec<(f64, String)> {
        let step = nice((self.to - self.from) / count.max(1) as f64);
        let (first, last) = ((self.from / step - 1e-9).ceil(), (self.to / step + 1e-9).floor());
        let number = |index: i64| (first + index as f64) * step;
        let ticks = (0..=(last - first).max(0.0) as i64).map(number);
        ticks.map(|value| (value, tick(value, step))).collect()
    }

    /// Returns powers of ten; with few of them also their doubles and fives.
    fn power_ticks(&self, count: usize) -> Vec<(f64, String)> {
        let (first, last) = (self.from.log10().floor() as i32, self.to.log10().ceil() as i32);
        let powers = (last - first) as usize;
        let digits: &[f64] = if 2 * powers <= count { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let every = powers.div_ceil(count.max(1)).max(1);
        let values = (first..=last)
            .step_by(every)
            .flat_map(|power| digits.iter().map(move |digit| (digit * 10_f64.powi(power), power)));
        let written = |(value, power): (f64, i32)| {
            let text = if (-3..5).contains(&power) {
                tick(value, 10_f64.powi(power))
            } else {
                scientific(value)
            };
            (value, text)
        };
        values.filter(|(value, _)| self.contains(*value)).map(written).collect()
    }
}

/// Returns the smallest and the largest finite value; 0 and 1 if there is none.
fn ends(values: impl IntoIterator<Item = f64>) -> (f64, f64) {
    let finite = values.into_iter().filter(|value| value.is_finite());
    let widen = |ends: Option<(f64, f64)>, value: f64| match ends {
        None => Some((value, value)),
        Some((low, high)) => Some((low.min(value), high.max(value))),
    };
    finite.fold(None, widen).unwrap_or((0.0, 1.0))
}

/// Rounds a step to 1, 2, 2.5 or 5 times a power of ten, whichever has the ratio nearest to 1.
fn nice(step: f64) -> f64 {
    let above = at_least(step, &[1.0, 2.0, 2.5, 5.0]);
    let below = 1.0 / at_least(1.0 / step, &[1.0, 2.0, 4.0, 5.0]);
    if above / step < step / below { above } else { below }
}

/// Rounds a size up to a round number; 0 becomes 1.
pub(crate) fn limit(size: f64) -> f64 {
    at_least(size, &[1.0, 1.2, 1.6, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0])
}

fn at_least(size: f64, digits: &[f64]) -> f64 {
    if size.is_nan() || size <= 0.0 || size.is_infinite() {
        return 1.0;
    }
    let power = 10_f64.powf(size.log10().floor());
    let enough = |digit: &&f64| **digit * power >= size * (1.0 - 1e-9);
    digits.iter().find(enough).map_or(10.0 * power, |digit| digit * power)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(scale: AxisScale, count: usize) -> Vec<String> {
        scale.ticks(count).into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn ticks_are_round_numbers_on_the_axis() {
        assert_eq!(written(AxisScale::exact(0.0, 2.3), 5), ["0", "0.5", "1.0", "1.5", "2.0"]);
        assert_eq!(
            written(AxisScale::exact(-0.25, 1.25), 6),
            ["−0.25", "0", "0.25", "0.50", "0.75", "1.00", "1.25"]
        );
        let wide = AxisScale::fitting(&[0.02, 30.0]);
        assert_eq!(wide.remark(), " (logarithmic)");
        assert_eq!(written(wide, 4), ["0.1", "1", "10"]);
        assert!(wide.share(0.02) > 0.0 && wide.share(30.0) < 1.0);
    }

    #[test]
    fn an_axis_without_values_or_with_one_has_a_range() {
        assert_eq!(AxisScale::around([]).remark(), "");
        let one = AxisScale::around([0.5]);
        assert!((one.share(0.5) - 0.5).abs() < 1e-12);
        assert_eq!(AxisScale::with_zero([0.5, 2.0]).share(0.0), 0.0);
        assert_eq!(AxisScale::with_zero([-2.0]).share(0.0), 1.0);
        assert!(AxisScale::with_zero([]).share(0.0).is_finite());
    }

    #[test]
    fn limits_are_round_and_never_below() {
        assert_eq!([0.0, 0.97, 2.1, 11.0].map(limit), [1.0, 1.0, 2.5, 12.0]);
    }
}
