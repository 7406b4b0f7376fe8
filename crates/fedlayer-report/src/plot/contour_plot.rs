//! [`ContourPlot`]: a surface over a plane in bands of colour, with paths and points on it.

use crate::plot::{
    axis::Axis,
    canvas::{Canvas, Font, Rect, Stroke},
    colour::{BLACK, GREY, PALE, Rgb, WHITE, rising},
    colour_bar::{ColourBar, OVERLAP},
    level_sets::ValueGrid,
    mark::{Style, cross},
    number::short,
    page::{Margins, Panel, title_width},
    point_labels::{along, place_labels},
};

/// A point on a surface.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MarkedPoint {
    pub(crate) at: (f64, f64),
    /// The text beside it.
    pub(crate) name: String,
    /// The text that viewers show when the reader points at it.
    pub(crate) hint: String,
}

/// A panel with a surface over a plane. Its grid is evenly spaced along both axes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ContourPlot {
    pub(crate) title: String,
    pub(crate) size: (f64, f64),
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    /// The coordinates (x, y) of the grid's first and last point.
    pub(crate) corners: ((f64, f64), (f64, f64)),
    /// The values, row by row from the smallest y.
    pub(crate) grid: ValueGrid,
    /// The lower end of each band, ascending; the first is the smallest value.
    pub(crate) levels: Vec<f64>,
    /// The largest value.
    pub(crate) top: f64,
    /// The name of the values, with the unit.
    pub(crate) unit: String,
    pub(crate) paths: Vec<(Vec<(f64, f64)>, Style)>,
    pub(crate) points: Vec<MarkedPoint>,
}

/// The thickness of the colour bar.
const BAR: f64 = 14.0;

/// Returns the lower ends of the bands between two values.
///
/// The bands become wider with the value, which shows detail in valleys. If the values span more
/// than three powers of ten, the bands have equal ratios.
pub(crate) fn bands(low: f64, high: f64) -> Vec<f64> {
    const COUNT: u32 = 12;
    let level = |step: u32| {
        let share = f64::from(step) / f64::from(COUNT);
        if low > 0.0 && high > 1000.0 * low {
            low * (high / low).powf(share)
        } else {
            low + (high - low) * share * share
        }
    };
    if high > low { (0..COUNT).map(level).collect() } else { vec![low] }
}

impl ContourPlot {
    fn at(&self, plot: Rect, (x, y): (f64, f64)) -> (f64, f64) {
        (plot.x + self.x.across(x) * plot.width, plot.y + self.y.down(y) * plot.height)
    }

    /// Returns the pixel of a column and a row of the grid.
    fn grid_at(&self, plot: Rect, (column, row): (f64, f64)) -> (f64, f64) {
        let ((left, low), (right, high)) = self.corners;
        let rows = self.grid.values.len().max(2) as f64 - 1.0;
        let columns = self.grid.values.first().map_or(2, Vec::len).max(2) as f64 - 1.0;
        let x = left + (right - left) * column / columns;
        let y = low + (high - low) * row / rows;
        self.at(plot, (x, y))
    }

    fn colour(&self, band: usize) -> Rgb {
        rising((band as f64 + 0.5) / self.levels.len() as f64)
    }

    fn draw_surface(&self, canvas: &mut Canvas, plot: Rect) {
        canvas.fill(plot, PALE);
        for (band, level) in self.levels.iter().enumerate() {
            let colour = self.colour(band);
            // The first band lies under all others. Rounding must not leave a hole in it.
            let level = if band == 0 { f64::NEG_INFINITY } else { *level };
            let polygons: Vec<Vec<(f64, f64)>> = self
                .grid
                .above(level)
                .into_iter()
                .map(|polygon| polygon.into_iter().map(|p| self.grid_at(plot, p)).collect())
                .collect();
            canvas.shapes(&polygons, colour, Stroke::solid(colour, 0.5));
        }
        for point in self.grid.lost() {
            cross(canvas, self.grid_at(plot, point), 3.0, Stroke::solid(BLACK, 1.0));
        }
    }

    fn draw_paths(&self, canvas: &mut Canvas, plot: Rect) {
        for (path, style) in &self.paths {
            let points: Vec<(f64, f64)> = path.iter().map(|point| self.at(plot, *point)).collect();
            // Light under dark is visible on every band.
            canvas.line(&points, Stroke::solid(WHITE, 4.0));
            canvas.line(&points, Stroke { width: 1.8, ..style.stroke() });
        }
    }

    fn draw_points(&self, canvas: &mut Canvas, plot: Rect) {
        let points: Vec<(f64, f64)> =
            self.points.iter().map(|marked| self.at(plot, marked.at)).collect();
        let names: Vec<((f64, f64), String)> = points
            .iter()
            .zip(&self.points)
            .map(|(point, marked)| (*point, marked.name.clone()))
            .collect();
        let on_path = |(path, _): &(Vec<(f64, f64)>, Style)| {
            along(&path.iter().map(|point| self.at(plot, *point)).collect::<Vec<_>>())
        };
        let taken: Vec<(f64, f64)> =
            points.iter().copied().chain(self.paths.iter().flat_map(on_path)).collect();
        let corners = place_labels(&names, &taken, plot);
        for ((point, marked), corner) in points.iter().zip(&self.points).zip(corners) {
            canvas.named("model", &marked.hint, |canvas| {
                canvas.disc(*point, 4.5, BLACK, Stroke::solid(WHITE, 1.5));
                if let Some(corner) = corner {
                    canvas.text(corner, &marked.name, Font::SMALL.halo(WHITE));
                }
            });
        }
    }

    fn bar(&self) -> ColourBar {
        let values = self.levels.iter().chain([&self.top]);
        ColourBar::new(BAR, values.map(|value| short(*value)))
    }

    fn draw_bar(&self, canvas: &mut Canvas, plot: Rect) {
        let bar = self.bar();
        let area = bar.area(plot, plot.height);
        let height = area.height / self.levels.len() as f64;
        for (band, level) in self.levels.iter().enumerate() {
            let y = area.bottom() - (band as f64 + 1.0) * height;
            let stripe = Rect { y, height: height + OVERLAP, ..area };
            canvas.fill(stripe, self.colour(band));
            bar.tick(canvas, area, y + height, &short(*level));
        }
        bar.tick(canvas, area, area.y, &short(self.top));
        bar.frame(canvas, area);
        bar.unit(canvas, area, &self.unit);
    }
}

impl Panel for ContourPlot {
    fn title(&self) -> &str {
        &self.title
    }

    fn size(&self) -> (f64, f64) {
        self.size
    }

    fn margins(&self) -> Margins {
        let (overhang, bottom) = self.x.room_below(self.size.0);
        Margins {
            left: self.y.room_left(self.size.1).max(overhang),
            right: self.bar().margin().max(title_width(&self.title) - self.size.0),
            top: 0.0,
            bottom,
        }
    }

    fn draw(&self, canvas: &mut Canvas, plot: Rect, margins: Margins) {
        self.draw_surface(canvas, plot);
        self.draw_paths(canvas, plot);
        self.draw_points(canvas, plot);
        canvas.frame(plot, Stroke::solid(GREY, 1.0));
        self.y.draw_left(canvas, plot, margins.left);
        self.x.draw_below(canvas, plot, self.x.room_below(plot.width).1);
        self.draw_bar(canvas, plot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_begin_at_the_smallest_value_and_rise() {
        for (low, high) in [(0.0, 2.25), (0.5, 20.0), (0.01, 500.0)] {
            let bands = bands(low, high);
            assert_eq!(bands[0], low);
            assert!(bands.windows(2).all(|pair| pair[0] < pair[1]));
            assert!(bands.iter().all(|level| *level < high));
        }
        assert_eq!(bands(1.0, 1.0), [1.0]);
    }
}
