//! [`Field`]: a surface over a plane, in bands of colour, with paths and points on it.

use crate::draw::{
    axis::Axis,
    bands::Grid,
    canvas::{Anchor, Canvas, Font, Rect, Stroke},
    colour::{BLACK, GREY, PALE, Rgb, WHITE, rising},
    letters::{SMALL, width},
    mark::{Style, cross},
    number::short,
    page::{Margins, Panel, title_width},
    words::{along, place},
};

/// A point on a surface.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Spot {
    pub(crate) at: (f64, f64),
    /// Written beside it.
    pub(crate) name: String,
    /// What readers see when they point at it.
    pub(crate) hint: String,
}

/// A surface over a plane. Its grid is even along both axes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Field {
    pub(crate) title: String,
    pub(crate) size: (f64, f64),
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    /// Where the first and the last column and row of the grid lie on the axes: x, y.
    pub(crate) corners: ((f64, f64), (f64, f64)),
    /// The values, row by row from the smallest y.
    pub(crate) grid: Grid,
    /// The lower end of each band, ascending; the first is the smallest value.
    pub(crate) levels: Vec<f64>,
    /// The largest value.
    pub(crate) top: f64,
    /// What the values are, with the unit.
    pub(crate) unit: String,
    pub(crate) paths: Vec<(Vec<(f64, f64)>, Style)>,
    pub(crate) spots: Vec<Spot>,
}

const BAR: f64 = 14.0;
const BAR_GAP: f64 = 14.0;

/// The lower ends of bands between two values: their distances grow, so that valleys have detail; evenly in powers where the values span more than three
/// powers of ten.
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

impl Field {
    fn at(&self, plot: Rect, (x, y): (f64, f64)) -> (f64, f64) {
        (plot.x + self.x.across(x) * plot.width, plot.y + self.y.down(y) * plot.height)
    }

    /// Where a column and a row of the grid lie.
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
            // The first band is the ground of all others; rounding must not leave a hole in it.
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
            // Light under dark: it can be seen on every band.
            canvas.line(&points, Stroke::solid(WHITE, 4.0));
            canvas.line(&points, Stroke { width: 1.8, ..style.stroke() });
        }
    }

    fn draw_spots(&self, canvas: &mut Canvas, plot: Rect) {
        let points: Vec<(f64, f64)> =
            self.spots.iter().map(|spot| self.at(plot, spot.at)).collect();
        let names: Vec<((f64, f64), String)> = points
            .iter()
            .zip(&self.spots)
            .map(|(point, spot)| (*point, spot.name.clone()))
            .collect();
        let on_path = |(path, _): &(Vec<(f64, f64)>, Style)| {
            along(&path.iter().map(|point| self.at(plot, *point)).collect::<Vec<_>>())
        };
        let taken: Vec<(f64, f64)> =
            points.iter().copied().chain(self.paths.iter().flat_map(on_path)).collect();
        let places = place(&names, &taken, plot);
        for ((point, spot), place) in points.iter().zip(&self.spots).zip(places) {
            canvas.named("model", &spot.hint, |canvas| {
                canvas.disc(*point, 4.5, BLACK, Stroke::solid(WHITE, 1.5));
                if let Some(place) = place {
                    canvas.text(place, &spot.name, Font::SMALL.halo(WHITE));
                }
            });
        }
    }

    fn draw_bar(&self, canvas: &mut Canvas, plot: Rect) {
        let x = plot.right() + BAR_GAP;
        let height = plot.height / self.levels.len() as f64;
        for (band, level) in self.levels.iter().enumerate() {
            let y = plot.bottom() - (band as f64 + 1.0) * height;
            canvas.fill(Rect { x, y, width: BAR, height: height + 0.4 }, self.colour(band));
            canvas.text((x + BAR + 5.0, y + height + 3.5), &short(*level), Font::SMALL);
        }
        canvas.text((x + BAR + 5.0, plot.y + 3.5), &short(self.top), Font::SMALL);
        let bar = Rect { x, y: plot.y, width: BAR, height: plot.height };
        canvas.frame(bar, Stroke::solid(GREY, 0.7));
        let label = (x + BAR + 5.0 + self.bar_text() + 13.0, plot.y + plot.height / 2.0);
        canvas.text(label, &self.unit, Font::SMALL.anchor(Anchor::Middle).turn(-90.0));
    }

    fn bar_text(&self) -> f64 {
        let values = self.levels.iter().chain([&self.top]);
        values.map(|value| width(&short(*value), SMALL)).fold(0.0, f64::max)
    }
}

impl Panel for Field {
    fn title(&self) -> &str {
        &self.title
    }

    fn size(&self) -> (f64, f64) {
        self.size
    }

    fn margins(&self) -> Margins {
        let (overhang, bottom) = self.x.room_below(self.size.0);
        let right = BAR_GAP + BAR + 5.0 + self.bar_text() + 18.0;
        Margins {
            left: self.y.room_left(self.size.1).max(overhang),
            right: right.max(title_width(&self.title) - self.size.0),
            top: 0.0,
            bottom,
        }
    }

    fn draw(&self, canvas: &mut Canvas, plot: Rect, margins: Margins) {
        self.draw_surface(canvas, plot);
        self.draw_paths(canvas, plot);
        self.draw_spots(canvas, plot);
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
