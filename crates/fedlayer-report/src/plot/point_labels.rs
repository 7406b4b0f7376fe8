//! [`place_labels`]: puts labels beside points without overlaps.

use crate::plot::{
    canvas::Rect,
    text_width::{SMALL, width},
};

/// The height of a label.
const HEIGHT: f64 = 11.0;
/// The gap between a point and its label.
const GAP: f64 = 7.0;

/// Returns the lower left corner of each point's label, within `bounds`; `None` if there is no room
/// for it. `taken` are points that labels must not cover.
pub(crate) fn place_labels(
    points: &[((f64, f64), String)],
    taken: &[(f64, f64)],
    bounds: Rect,
) -> Vec<Option<(f64, f64)>> {
    let mut full: Vec<Rect> = taken.iter().map(|(x, y)| around(*x, *y)).collect();
    let mut corners = Vec::new();
    for ((x, y), label) in points {
        let wide = width(label, SMALL);
        let found = offsets(wide)
            .map(|(dx, dy)| Rect { x: x + dx, y: y + dy - HEIGHT, width: wide, height: HEIGHT })
            .find(|area| is_inside(*area, bounds) && !full.iter().any(|other| meet(*area, *other)));
        corners.push(found.map(|area| (area.x, area.bottom() - 2.0)));
        full.extend(found);
    }
    corners
}

/// Returns points on a line that are so close to each other that no label fits between them.
pub(crate) fn along(line: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut points = line.to_vec();
    for pair in line.windows(2) {
        let ((x, y), (dx, dy)) = (pair[0], (pair[1].0 - pair[0].0, pair[1].1 - pair[0].1));
        let steps = (dx.hypot(dy) / 8.0).ceil() as u32;
        let share = |step| f64::from(step) / f64::from(steps);
        points.extend((1..steps).map(|step| (x + share(step) * dx, y + share(step) * dy)));
    }
    points
}

/// Returns the offsets at which a label is tried, nearest first: right, left, above, below of the
/// point, then farther away.
fn offsets(wide: f64) -> impl Iterator<Item = (f64, f64)> {
    let rings = [0.0, 12.0];
    rings.into_iter().flat_map(move |ring| {
        [
            (GAP, HEIGHT / 2.0 - ring),
            (-GAP - wide, HEIGHT / 2.0 - ring),
            (-wide / 2.0, -GAP - ring),
            (-wide / 2.0, GAP + HEIGHT + ring),
            (GAP, HEIGHT / 2.0 + ring),
            (-GAP - wide, HEIGHT / 2.0 + ring),
        ]
    })
}

fn around(x: f64, y: f64) -> Rect {
    Rect { x: x - 4.0, y: y - 4.0, width: 8.0, height: 8.0 }
}

fn is_inside(area: Rect, bounds: Rect) -> bool {
    area.x >= bounds.x
        && area.y >= bounds.y
        && area.right() <= bounds.right()
        && area.bottom() <= bounds.bottom()
}

fn meet(a: Rect, b: Rect) -> bool {
    a.x < b.right() && b.x < a.right() && a.y < b.bottom() && b.y < a.bottom()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_do_not_overlap_and_stay_inside() {
        let bounds = Rect { x: 0.0, y: 0.0, width: 200.0, height: 200.0 };
        let near = [(100.0, 100.0), (104.0, 101.0), (195.0, 100.0)];
        let points = near.map(|point| (point, "layer1.conv".to_owned()));
        let corners = place_labels(&points, &near, bounds).into_iter();
        let corners: Vec<(f64, f64)> = corners.map(Option::unwrap).collect();
        let wide = width("layer1.conv", SMALL);
        for (index, (x, y)) in corners.iter().enumerate() {
            assert!(*x >= 0.0 && x + wide <= 200.0);
            for (other_x, other_y) in &corners[index + 1..] {
                assert!((x - other_x).abs() >= wide || (y - other_y).abs() >= HEIGHT);
            }
        }
        let narrow = Rect { width: 20.0, ..bounds };
        assert_eq!(place_labels(&points[..1], &[], narrow), [None]);
    }
}
