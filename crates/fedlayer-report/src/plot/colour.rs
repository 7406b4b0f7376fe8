//! Colours that colour-blind readers can tell apart and that keep their order in grey.
//!
//! Ramps are interpolated in Oklab (Ottosson 2020), where equal steps look equally far apart. The
//! categories are those of Okabe and Ito (2008).

use std::fmt;

/// A colour: red, green and blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rgb(pub(crate) u8, pub(crate) u8, pub(crate) u8);

/// Writes `#rrggbb`.
impl fmt::Display for Rgb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }
}

pub(crate) const BLACK: Rgb = Rgb(0x1a, 0x1a, 0x1a);
pub(crate) const WHITE: Rgb = Rgb(0xff, 0xff, 0xff);
/// The colour of lines that guide the eye.
pub(crate) const GUIDE: Rgb = Rgb(0xe4, 0xe4, 0xe4);
/// The colour of frames and ticks.
pub(crate) const GREY: Rgb = Rgb(0x6e, 0x6e, 0x6e);
/// The ground of cells that were not measured, and of every second row of names.
pub(crate) const PALE: Rgb = Rgb(0xf4, 0xf4, 0xf4);

/// The colours of series, in order: blue, vermillion, green, purple, orange, sky blue. Yellow is
/// too light for lines.
pub(crate) const CATEGORIES: [Rgb; 6] = [
    Rgb(0x00, 0x72, 0xb2),
    Rgb(0xd5, 0x5e, 0x00),
    Rgb(0x00, 0x9e, 0x73),
    Rgb(0xcc, 0x79, 0xa7),
    Rgb(0xe6, 0x9f, 0x00),
    Rgb(0x56, 0xb4, 0xe9),
];

/// The middle of the diverging ramp: the colour of 0.
pub(crate) const NEUTRAL: Rgb = Rgb(0xf8, 0xf8, 0xf6);
const BELOW: [Rgb; 3] = [NEUTRAL, Rgb(0x7f, 0xb4, 0xdb), Rgb(0x12, 0x4a, 0x85)];
const ABOVE: [Rgb; 3] = [NEUTRAL, Rgb(0xf0, 0xa5, 0x58), Rgb(0x8a, 0x3b, 0x07)];
/// The rising ramp: from dark blue over grey-green to light yellow; the lightness rises throughout.
const RISING: [Rgb; 5] = [
    Rgb(0x0b, 0x2a, 0x5b),
    Rgb(0x3b, 0x55, 0x80),
    Rgb(0x7b, 0x88, 0x8c),
    Rgb(0xbf, 0xb8, 0x74),
    Rgb(0xfd, 0xee, 0x8c),
];

/// Returns a colour of the diverging ramp: blue below 0, near-white at 0, brown above. `share` is
/// limited to [−1, 1].
pub(crate) fn diverging(share: f64) -> Rgb {
    along(if share < 0.0 { &BELOW } else { &ABOVE }, share.abs())
}

/// Returns a colour of the rising ramp: dark blue at 0, light yellow at 1.
pub(crate) fn rising(share: f64) -> Rgb {
    along(&RISING, share)
}

/// Returns black or white, whichever has more contrast with a background.
pub(crate) fn ink_on(background: Rgb) -> Rgb {
    if oklab(background)[0] > 0.62 { BLACK } else { WHITE }
}

/// Returns the colour at a share between 0 and 1 of evenly spaced stops.
fn along(stops: &[Rgb], share: f64) -> Rgb {
    let position = share.clamp(0.0, 1.0) * (stops.len() - 1) as f64;
    let index = (position.floor() as usize).min(stops.len() - 2);
    mix(stops[index], stops[index + 1], position - index as f64)
}

/// Interpolates linearly between two colours in Oklab.
fn mix(from: Rgb, to: Rgb, share: f64) -> Rgb {
    let (a, b) = (oklab(from), oklab(to));
    let between = |k: usize| a[k] + share * (b[k] - a[k]);
    from_oklab([between(0), between(1), between(2)])
}

/// Returns a colour in Oklab: lightness, green–red, blue–yellow.
fn oklab(Rgb(red, green, blue): Rgb) -> [f64; 3] {
    let [r, g, b] = [red, green, blue].map(|channel| {
        let channel = f64::from(channel) / 255.0;
        if channel <= 0.040_45 { channel / 12.92 } else { ((channel + 0.055) / 1.055).powf(2.4) }
    });
    let l = (0.412_221_470_8 * r + 0.536_332_536_3 * g + 0.051_445_992_9 * b).cbrt();
    let m = (0.211_903_498_2 * r + 0.680_699_545_1 * g + 0.107_396_956_6 * b).cbrt();
    let s = (0.088_302_461_9 * r + 0.281_718_837_6 * g + 0.629_978_700_5 * b).cbrt();
    [
        0.210_454_255_3 * l + 0.793_617_785_0 * m - 0.004_072_046_8 * s,
        1.977_998_495_1 * l - 2.428_592_205_0 * m + 0.450_593_709_9 * s,
        0.025_904_037_1 * l + 0.782_771_766_2 * m - 0.808_675_766_0 * s,
    ]
}

fn from_oklab([lightness, a, b]: [f64; 3]) -> Rgb {
    let l = (lightness + 0.396_337_777_4 * a + 0.215_803_757_3 * b).powi(3);
    let m = (lightness - 0.105_561_345_8 * a - 0.063_854_172_8 * b).powi(3);
    let s = (lightness - 0.089_484_177_5 * a - 1.291_485_548_0 * b).powi(3);
    let channels = [
        4.076_741_662_1 * l - 3.307_711_591_3 * m + 0.230_969_929_2 * s,
        -1.268_438_004_6 * l + 2.609_757_401_1 * m - 0.341_319_396_5 * s,
        -0.004_196_086_3 * l - 0.703_418_614_7 * m + 1.707_614_701_0 * s,
    ];
    let [red, green, blue] = channels.map(|channel: f64| {
        let channel = channel.clamp(0.0, 1.0);
        let coded = if channel <= 0.003_130_8 {
            channel * 12.92
        } else {
            1.055 * channel.powf(1.0 / 2.4) - 0.055
        };
        (coded * 255.0).round() as u8
    });
    Rgb(red, green, blue)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_neutral_and_both_sides_are_equally_dark() {
        assert_eq!(diverging(0.0), NEUTRAL);
        assert_eq!(diverging(-0.0), NEUTRAL);
        assert_eq!(diverging(2.0), ABOVE[2]);
        assert_eq!(diverging(-1.0), BELOW[2]);
        for step in 1..=10 {
            let share = f64::from(step) / 10.0;
            let difference = oklab(diverging(share))[0] - oklab(diverging(-share))[0];
            assert!(difference.abs() < 0.06, "{share}: {difference}");
        }
    }

    #[test]
    fn ramps_keep_their_order_in_grey() {
        let shares: Vec<f64> = (0..=40).map(|step| f64::from(step) / 40.0).collect();
        for pair in shares.windows(2) {
            assert!(oklab(rising(pair[1]))[0] > oklab(rising(pair[0]))[0]);
            assert!(oklab(diverging(pair[1]))[0] < oklab(diverging(pair[0]))[0]);
            assert!(oklab(diverging(-pair[1]))[0] < oklab(diverging(-pair[0]))[0]);
        }
    }

    #[test]
    fn oklab_there_and_back_is_the_same_colour() {
        for colour in CATEGORIES.iter().chain(&RISING).chain([&BLACK, &WHITE]) {
            assert_eq!(from_oklab(oklab(*colour)), *colour);
        }
        // Ottosson's own example: white has lightness 1 and no colour.
        let [lightness, a, b] = oklab(WHITE);
        assert!((lightness - 1.0).abs() < 1e-6 && a.abs() < 1e-6 && b.abs() < 1e-6);
    }
}
