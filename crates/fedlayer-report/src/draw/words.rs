//! [`place`]: words beside points, so that none lies over another.

use crate::draw::{
    canvas::Rect,
    letters::{SMALL, width},
};

const HEIGHT: f64 = 11.0;
const GAP: f64 = 7.0;

/// Where the words of each point begin: their lower left corner, within `bounds`. Nothing where there is no room; `taken` is where marks are.
pub(crate) fn place(
    points: &[((f64, f64), String)],
    taken: &[(f64, f64)],
    bounds: Rect,
) -> Vec<Option<(f64, f64)>> {
    let mut full: Vec<Rect> = taken.iter().map(|(x, y)| around(*x, *y)).collect();
    let mut places = Vec::new();
    for ((x, y), words) in points {
        let wide = width(words, SMALL);
        let found = offsets(wide)
            .map(|(dx, dy)| Rect { x: x + dx, y: y + dy - HEIGHT, width: wide, height: HEIGHT })
            .find(|area| is_inside(*area, bounds) && !full.iter().any(|other| meet(*area, *other)));
        places.push(found.map(|area| (area.x, area.bottom() - 2.0)));
        full.extend(found);
    }
    places
}

/// Points on a line, so close that words beside them do not lie on it.
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

/// Around a point, nearest first: right, left, above, below, then farther away.
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
    fn words_lie_beside_one_another_and_inside() {
        let bounds = Rect { x: 0.0, y: 0.0, width: 200.0, height: 200.0 };
        let near = [(100.0, 100.0), (104.0, 101.0), (195.0, 100.0)];
        let points = near.map(|point| (point, "layer1.conv".to_owned()));
        let places: Vec<(f64, f64)> =
            place(&points, &near, bounds).into_iter().map(|place| place.unwrap()).collect();
        let wide = width("layer1.conv", SMALL);
        for (index, (x, y)) in places.iter().enumerate() {
            assert!(*x >= 0.0 && x + wide <= 200.0);
            for (other_x, other_y) in &places[index + 1..] {
                assert!((x - other_x).abs() >= wide || (y - other_y).abs() >= HEIGHT);
            }
        }
        let narrow = Rect { width: 20.0, ..bounds };
        assert_eq!(place(&points[..1], &[], narrow), [None]);
    }
}
