//! [`ValueGrid::above`]: the region in which a surface is above a level, as polygons.

/// The values of a surface at the points of a grid. Columns and rows are at whole numbers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ValueGrid {
    /// The values row by row; `None` if not finite.
    pub(crate) values: Vec<Vec<Option<f64>>>,
}

/// A corner: column, row, value.
type Corner = (f64, f64, f64);

/// A polygon's corners: column, row.
pub(crate) type Polygon = Vec<(f64, f64)>;

impl ValueGrid {
    /// Returns the region in which the surface is at or above a level.
    ///
    /// The surface is taken as linear in the four triangles of each cell; they meet in the middle
    /// of the cell, where the value is the mean of the corners. Cells with a corner that is not
    /// finite are left out.
    pub(crate) fn above(&self, level: f64) -> Vec<Polygon> {
        let mut polygons = Vec::new();
        for (row, pair) in self.values.windows(2).enumerate() {
            // Neighbouring cells that are completely above the level become one polygon.
            let mut run: Option<(usize, usize)> = None;
            let columns = pair[0].len().min(pair[1].len());
            for column in 0..columns.saturating_sub(1) {
                let Some(corners) = corners(pair, row, column) else { continue };
                if corners.iter().all(|corner| corner.2 >= level) {
                    run = match run {
                        Some((from, to)) if to == column => Some((from, column + 1)),
                        other => {
                            polygons.extend(other.map(|run| block(run, row)));
                            Some((column, column + 1))
                        }
                    };
                } else if corners.iter().any(|corner| corner.2 > level) {
                    polygons.extend(triangles(corners).into_iter().filter_map(|t| clip(t, level)));
                }
            }
            polygons.extend(run.map(|run| block(run, row)));
        }
        polygons
    }

    /// Returns column and row of the points at which the surface is not finite.
    pub(crate) fn lost(&self) -> Vec<(f64, f64)> {
        let rows = self.values.iter().enumerate();
        let points = rows.flat_map(|(row, values)| {
            values.iter().enumerate().map(move |(column, value)| (column, row, value))
        });
        let lost = points.filter(|(_, _, value)| value.is_none());
        lost.map(|(column, row, _)| (column as f64, row as f64)).collect()
    }
}

/// Returns the corners of a cell in their order around it; `None` if one is not finite.
fn corners(rows: &[Vec<Option<f64>>], row: usize, column: usize) -> Option<[Corner; 4]> {
    let (x, y) = (column as f64, row as f64);
    Some([
        (x, y, rows[0][column]?),
        (x + 1.0, y, rows[0][column + 1]?),
        (x + 1.0, y + 1.0, rows[1][column + 1]?),
        (x, y + 1.0, rows[1][column]?),
    ])
}

fn block((from, to): (usize, usize), row: usize) -> Polygon {
    let (a, b, y) = (from as f64, to as f64, row as f64);
    vec![(a, y), (b, y), (b, y + 1.0), (a, y + 1.0)]
}

fn triangles(corners: [Corner; 4]) -> [[Corner; 3]; 4] {
    let mean = |part: fn(&Corner) -> f64| corners.iter().map(part).sum::<f64>() / 4.0;
    let middle = (mean(|c| c.0), mean(|c| c.1), mean(|c| c.2));
    [0, 1, 2, 3].map(|k| [corners[k], corners[(k + 1) % 4], middle])
}

/// Returns the part of a triangle that is at or above a level; `None` if it has no area.
fn clip(triangle: [Corner; 3], level: f64) -> Option<Polygon> {
    let mut polygon = Polygon::new();
    for k in 0..3 {
        let (a, b) = (triangle[k], triangle[(k + 1) % 3]);
        if a.2 >= level {
            polygon.push((a.0, a.1));
        }
        if (a.2 >= level) != (b.2 >= level) {
            let t = (level - a.2) / (b.2 - a.2);
            polygon.push((a.0 + t * (b.0 - a.0), a.1 + t * (b.1 - a.1)));
        }
    }
    (polygon.len() > 2).then_some(polygon)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the area of all polygons, by the shoelace formula.
    fn area(polygons: &[Polygon]) -> f64 {
        let area = |polygon: &Polygon| {
            let next = polygon.iter().cycle().skip(1);
            let doubled: f64 = polygon.iter().zip(next).map(|(a, b)| a.0 * b.1 - b.0 * a.1).sum();
            doubled.abs() / 2.0
        };
        polygons.iter().map(area).sum()
    }

    #[test]
    fn the_area_above_a_level_of_a_slope_is_its_share() {
        let row: Vec<Option<f64>> = (0..5).map(|x| Some(f64::from(x))).collect();
        let grid = ValueGrid { values: vec![row; 4] };
        for (level, expected) in [(-1.0, 12.0), (0.0, 12.0), (1.25, 8.25), (3.5, 1.5), (9.0, 0.0)] {
            assert!((area(&grid.above(level)) - expected).abs() < 1e-12, "{level}");
        }
        assert_eq!(grid.above(0.0).len(), 3, "one block a row");
    }

    #[test]
    fn cells_around_a_value_that_is_not_finite_are_left_out() {
        let mut values = vec![vec![Some(1.0); 4]; 4];
        values[1][1] = None;
        let grid = ValueGrid { values };
        assert!((area(&grid.above(0.0)) - 5.0).abs() < 1e-12);
        assert_eq!(grid.lost(), [(1.0, 1.0)]);
    }
}
