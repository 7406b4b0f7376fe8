//! Charts and heat maps as SVG text, with nothing but strings: the same numbers give the same bytes.
//!
//! * `canvas`: elements in, SVG text out; `letters`: how wide a text is; `number`: how a number is written.
//! * `colour`: two ramps and a set of categories that colour-blind readers can tell apart; `mark`: shapes and dashes that go with them.
//! * `scale`: where a number lies on an axis, and its ticks; `axis`: ticks and labels of a panel.
//! * `heat`, `chart`, `field`: the three kinds of panel (`bands`: where a surface lies above a level; `words`: names beside points). `page`: panels in a grid under a title and a legend.

pub(crate) mod axis;
pub(crate) mod bands;
pub(crate) mod canvas;
pub(crate) mod chart;
pub(crate) mod colour;
pub(crate) mod field;
pub(crate) mod heat;
pub(crate) mod legend;
pub(crate) mod letters;
pub(crate) mod mark;
pub(crate) mod number;
pub(crate) mod page;
pub(crate) mod scale;
pub(crate) mod words;
