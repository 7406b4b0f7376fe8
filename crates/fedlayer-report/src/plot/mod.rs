//! Charts, heat maps and contour plots as SVG text. The same numbers give the same bytes.
//!
//! * `canvas`: elements in, SVG text out; `text_width`: how wide a text is; `number`: how a number
//!   is written.
//! * `colour`: two ramps and a set of categories that colour-blind readers can tell apart; `mark`:
//!   shapes and dashes that go with them.
//! * `scale`: from numbers to positions on an axis, and its ticks; `axis`: an axis of numbers or
//!   names.
//! * `chart`, `heat_map`, `contour_plot`: the three kinds of panel. They use `point_labels` (names
//!   beside points), `colour_bar`, and `level_sets` (where a surface is above a level).
//! * `legend`: the meaning of marks; `page`: panels in a grid under a title and a legend.

pub(crate) mod axis;
pub(crate) mod canvas;
pub(crate) mod chart;
pub(crate) mod colour;
pub(crate) mod colour_bar;
pub(crate) mod contour_plot;
pub(crate) mod heat_map;
pub(crate) mod legend;
pub(crate) mod level_sets;
pub(crate) mod mark;
pub(crate) mod number;
pub(crate) mod page;
pub(crate) mod point_labels;
pub(crate) mod scale;
pub(crate) mod text_width;
