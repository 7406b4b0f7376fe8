//! [`Canvas`]: elements in, SVG text out.

use std::fmt::Write;

use fedlayer_core::text::is_printable;

use crate::plot::{
    colour::{BLACK, Rgb, WHITE},
    text_width::{LARGE, MEDIUM, SMALL, TITLE},
};

/// A rectangle in pixels; `x` and `y` are its upper left corner.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rect {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) width: f64,
    pub(crate) height: f64,
}

impl Rect {
    pub(crate) fn right(&self) -> f64 {
        self.x + self.width
    }

    pub(crate) fn bottom(&self) -> f64 {
        self.y + self.height
    }
}

/// The style of a line or an outline.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Stroke {
    pub(crate) colour: Rgb,
    pub(crate) width: f64,
    /// The lengths of dashes and gaps; empty for a solid line.
    pub(crate) dash: &'static str,
}

impl Stroke {
    pub(crate) fn solid(colour: Rgb, width: f64) -> Self {
        Self { colour, width, dash: "" }
    }

    fn attributes(&self) -> String {
        let mut text = format!(" stroke=\"{}\" stroke-width=\"{}\"", self.colour, px(self.width));
        if !self.dash.is_empty() {
            let _ = write!(text, " stroke-dasharray=\"{}\"", self.dash);
        }
        text
    }
}

/// The part of a text that is at its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// The style of a text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Font {
    size: f64,
    anchor: Anchor,
    bold: bool,
    colour: Rgb,
    /// The colour behind the letters, which keeps them legible on lines.
    halo: Option<Rgb>,
    /// The rotation in degrees, clockwise.
    turn: f64,
}

impl Font {
    const PLAIN: Self = Self {
        size: SMALL,
        anchor: Anchor::Start,
        bold: false,
        colour: BLACK,
        halo: None,
        turn: 0.0,
    };
    pub(crate) const SMALL: Self = Self::PLAIN;
    pub(crate) const MEDIUM: Self = Self { size: MEDIUM, ..Self::PLAIN };
    pub(crate) const HEAD: Self = Self { size: LARGE, bold: true, ..Self::PLAIN };
    pub(crate) const TITLE: Self = Self { size: TITLE, bold: true, ..Self::PLAIN };

    pub(crate) fn anchor(self, anchor: Anchor) -> Self {
        Self { anchor, ..self }
    }

    pub(crate) fn colour(self, colour: Rgb) -> Self {
        Self { colour, ..self }
    }

    pub(crate) fn halo(self, halo: Rgb) -> Self {
        Self { halo: Some(halo), ..self }
    }

    pub(crate) fn turn(self, turn: f64) -> Self {
        Self { turn, ..self }
    }
}

/// The elements of a picture. Later elements cover earlier ones.
#[derive(Debug, Default)]
pub(crate) struct Canvas {
    body: String,
    /// The fill and outline that the open group gives to its shapes.
    shared: Option<Paint>,
}

/// The fill and outline of a shape.
type Paint = (Rgb, Stroke);

/// The pattern over cells within 2 standard errors of 0.
const HATCH: &str = "<defs><pattern id=\"hatch\" width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\">\
<path d=\"M-1 1L1 -1M0 5L5 0M4 6L6 4\" stroke=\"#555555\" stroke-width=\"0.7\" stroke-opacity=\"0.7\"/></pattern></defs>\n";

/// The fonts. Texts are measured with the widest of them.
const FAMILY: &str = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif";

impl Canvas {
    /// Draws a filled rectangle without an outline.
    pub(crate) fn fill(&mut self, area: Rect, colour: Rgb) {
        self.rect(area, &format!(" fill=\"{colour}\""));
    }

    /// Draws the outline of a rectangle.
    pub(crate) fn frame(&mut self, area: Rect, stroke: Stroke) {
        self.rect(area, &format!(" fill=\"none\"{}", stroke.attributes()));
    }

    /// Draws hatching over a rectangle.
    pub(crate) fn hatch(&mut self, area: Rect) {
        self.rect(area, " class=\"hatch\" fill=\"url(#hatch)\"");
    }

    fn rect(&mut self, area: Rect, paint: &str) {
        let _ = writeln!(
            self.body,
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"{paint}/>",
            px(area.x),
            px(area.y),
            px(area.width.max(0.0)),
            px(area.height.max(0.0))
        );
    }

    /// Draws a line through points.
    pub(crate) fn line(&mut self, points: &[(f64, f64)], stroke: Stroke) {
        if points.len() < 2 {
            return;
        }
        let data = path(points);
        let _ = writeln!(
            self.body,
            "<path d=\"{data}\" fill=\"none\"{} stroke-linejoin=\"round\"/>",
            stroke.attributes()
        );
    }

    /// Draws a closed shape.
    pub(crate) fn shape(&mut self, points: &[(f64, f64)], fill: Rgb, stroke: Stroke) {
        self.shapes(&[points.to_vec()], fill, stroke);
    }

    /// Draws closed shapes of one colour as one element.
    pub(crate) fn shapes(&mut self, shapes: &[Vec<(f64, f64)>], fill: Rgb, stroke: Stroke) {
        if shapes.is_empty() {
            return;
        }
        let data: Vec<String> = shapes.iter().map(|points| path(points) + "Z").collect();
        let (data, paint) = (data.concat(), self.paint((fill, stroke)));
        let _ = writeln!(self.body, "<path d=\"{data}\"{paint}/>");
    }

    /// Draws a disc.
    pub(crate) fn disc(&mut self, (x, y): (f64, f64), radius: f64, fill: Rgb, stroke: Stroke) {
        let paint = self.paint((fill, stroke));
        let (x, y, radius) = (px(x), px(y), px(radius));
        let _ = writeln!(self.body, "<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\"{paint}/>");
    }

    /// Draws shapes of one fill and outline, which are written once for all of them.
    pub(crate) fn alike(&mut self, fill: Rgb, stroke: Stroke, draw: impl FnOnce(&mut Self)) {
        let paint = self.paint((fill, stroke));
        let _ = writeln!(self.body, "<g{paint}>");
        let before = self.shared.replace((fill, stroke));
        draw(self);
        self.shared = before;
        self.body.push_str("</g>\n");
    }

    /// Returns the attributes of fill and outline; empty if the open group has the same.
    fn paint(&self, (fill, stroke): Paint) -> String {
        if self.shared == Some((fill, stroke)) {
            return String::new();
        }
        format!(" fill=\"{fill}\"{}", stroke.attributes())
    }

    /// Writes a text with its baseline at `y`.
    pub(crate) fn text(&mut self, (x, y): (f64, f64), text: &str, font: Font) {
        let anchor = match font.anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let weight = if font.bold { " font-weight=\"bold\"" } else { "" };
        let halo = font.halo.map_or_else(String::new, |halo| {
            format!(" paint-order=\"stroke\" stroke=\"{halo}\" stroke-width=\"3\"")
        });
        let turn = if font.turn == 0.0 {
            String::new()
        } else {
            format!(" transform=\"rotate({} {} {})\"", px(font.turn), px(x), px(y))
        };
        let _ = writeln!(
            self.body,
            "<text x=\"{}\" y=\"{}\" font-size=\"{}\" fill=\"{}\"{anchor}{weight}{halo}{turn}>{}</text>",
            px(x),
            px(y),
            px(font.size),
            font.colour,
            escape(text)
        );
    }

    /// Draws elements under one name, which viewers show when the reader points at one of them.
    pub(crate) fn named(&mut self, class: &str, name: &str, draw: impl FnOnce(&mut Self)) {
        let _ = write!(self.body, "<g class=\"{class}\"><title>{}</title>", escape(name));
        draw(self);
        self.body.push_str("</g>\n");
    }

    /// Returns the picture as SVG text on a white ground.
    pub(crate) fn finish(self, title: &str, width: f64, height: f64) -> String {
        let (width, height) = (width.ceil(), height.ceil());
        let hatch = if self.body.contains("url(#hatch)") { HATCH } else { "" };
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
             role=\"img\" font-family=\"{FAMILY}\">\n<title>{}</title>\n{hatch}\
             <rect width=\"{width}\" height=\"{height}\" fill=\"{WHITE}\"/>\n{}</svg>\n",
            escape(title),
            self.body
        )
    }
}

fn path(points: &[(f64, f64)]) -> String {
    let mut data = String::new();
    for (index, (x, y)) in points.iter().enumerate() {
        let _ = write!(data, "{}{} {}", if index == 0 { "M" } else { "L" }, px(*x), px(*y));
    }
    data
}

/// Writes pixels with at most one decimal.
fn px(value: f64) -> String {
    let text = format!("{value:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// Escapes a text for XML. Characters that XML forbids or that are invisible are replaced by
/// U+FFFD.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\t' | '\n' | '\r' => escaped.push(' '),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            letter if !is_printable(letter) => escaped.push('\u{fffd}'),
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_the_text() {
        let mut canvas = Canvas::default();
        canvas.text((1.0, 2.5), "a<b> & \u{0}c\u{9b}\u{202e}", Font::SMALL);
        let svg = canvas.finish("t", 10.0, 10.0);
        assert!(svg.contains(">a&lt;b&gt; &amp; \u{fffd}c\u{fffd}\u{fffd}</text>"), "{svg}");
        assert!(!svg.contains("<defs>"), "nothing is hatched");
    }

    #[test]
    fn pixels_are_short() {
        assert_eq!([1.0, -0.001, 2.46, 10.1].map(px), ["1", "0", "2.5", "10.1"]);
    }
}
