//! [`Basis`]: the span of vectors, and its orthogonal complement.

use fedlayer_core::Generator;
use rand_distr::{Distribution, StandardNormal};

use crate::linalg::{dot, norm, unit};

/// An orthonormal basis of the span of r vectors among n coordinates. It takes 8·r·n bytes.
#[derive(Debug, Clone)]
pub(crate) struct Basis {
    vectors: Vec<Vec<f64>>, // (r, n)
    coordinates: usize,
}

impl Basis {
    /// Orthonormalises vectors of n coordinates by modified Gram–Schmidt with reorthogonalisation
    /// ("twice is enough": Giraud, Langou and Rozložník 2005). A vector adds a dimension if its
    /// remainder is longer than `floor`, the length that rounding alone may have.
    pub(crate) fn spanned(
        vectors: impl IntoIterator<Item = Vec<f64>>,
        n: usize,
        floor: f64,
    ) -> Self {
        let mut basis = Self { vectors: Vec::new(), coordinates: n };
        for mut vector in vectors {
            basis.remove(&mut vector);
            if basis.rank() < n && norm(&vector) > floor {
                basis.vectors.extend(unit(vector));
            }
        }
        basis
    }

    /// Spans the differences of points from their mean. `values` returns the n coordinates of a
    /// point, rounded to `f32`; the rounding decides which remainders are too short. Points are
    /// read one at a time.
    pub(crate) fn of_centred<T>(points: &[T], n: usize, values: impl Fn(&T) -> Vec<f64>) -> Self {
        let (mut mean, mut longest) = (vec![0.0; n], 0.0_f64);
        for point in points {
            let point = values(point);
            longest = longest.max(norm(&point));
            let shares = point.iter().map(|value| value / points.len() as f64);
            mean.iter_mut().zip(shares).for_each(|(mean, share)| *mean += share);
        }
        let centred = |point: &T| {
            let mut centred = values(point);
            centred.iter_mut().zip(&mean).for_each(|(value, mean)| *value -= mean);
            centred
        };
        Self::spanned(points.iter().map(centred), n, f64::from(f32::EPSILON) * longest)
    }

    /// Returns the number r of dimensions.
    pub(crate) fn rank(&self) -> usize {
        self.vectors.len()
    }

    /// Returns the basis vectors. `(r, n)`
    pub(crate) fn vectors(&self) -> &[Vec<f64>] {
        &self.vectors
    }

    /// Projects a vector onto the orthogonal complement. The projection runs twice, because the
    /// first pass leaves rounding errors of the removed part.
    fn remove(&self, vector: &mut [f64]) {
        for _ in 0..2 {
            for direction in &self.vectors {
                let along = dot(direction, vector);
                vector.iter_mut().zip(direction).for_each(|(v, d)| *v -= along * d);
            }
        }
    }

    /// Draws Σ cⱼ bⱼ with Gaussian coefficients cⱼ, normalised to length 1: an isotropic direction
    /// of the span. Returns `None` if the span is a point.
    pub(crate) fn inside(&self, generator: &mut Generator) -> Option<Vec<f64>> {
        let coefficients = self.vectors.iter().map(|_| StandardNormal.sample(generator));
        unit(self.combined(coefficients))
    }

    /// Draws an isotropic direction of length 1 in the orthogonal complement: a Gaussian vector
    /// without its part in the span. Returns `None` if the span is the whole space.
    pub(crate) fn outside(&self, generator: &mut Generator) -> Option<Vec<f64>> {
        if self.rank() == self.coordinates {
            return None;
        }
        let mut vector: Vec<f64> =
            (0..self.coordinates).map(|_| StandardNormal.sample(generator)).collect();
        self.remove(&mut vector);
        unit(vector)
    }

    /// Returns Σ cⱼ bⱼ. `(n)`
    pub(crate) fn combined(&self, coefficients: impl IntoIterator<Item = f64>) -> Vec<f64> {
        let mut sum = vec![0.0; self.coordinates];
        for (direction, coefficient) in self.vectors.iter().zip(coefficients) {
            sum.iter_mut().zip(direction).for_each(|(s, d)| *s += coefficient * d);
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fedlayer_core::Seed;

    /// A trajectory like that of training: large values and small steps; each step has a direction
    /// of its own and parts of earlier directions.
    fn trajectory(points: usize, n: usize) -> Vec<Vec<f64>> {
        let mut generator = Seed::new(3).generator();
        let mut at: Vec<f64> =
            (0..n).map(|_| StandardNormal.sample(&mut generator)).map(|v: f64| 3.0 * v).collect();
        let mut walk = Vec::new();
        for step in 0..points {
            for value in &mut at {
                let noise: f64 = StandardNormal.sample(&mut generator);
                *value += noise * 0.5_f64.powi(step as i32);
                *value = f64::from(*value as f32);
            }
            walk.push(at.clone());
        }
        walk
    }

    #[test]
    fn a_basis_is_orthonormal_and_spans_its_vectors() {
        let points = trajectory(12, 40);
        let basis = Basis::of_centred(&points, 40, Clone::clone);
        // Twelve points minus one for the mean.
        assert_eq!(basis.rank(), 11);
        for (i, a) in basis.vectors().iter().enumerate() {
            for (j, b) in basis.vectors().iter().enumerate() {
                let expected = if i == j { 1.0 } else { 0.0 };
                assert!((dot(a, b) - expected).abs() < 1e-10, "{i}, {j}: {}", dot(a, b));
            }
        }
        let mut way: Vec<f64> = points[0].iter().zip(&points[11]).map(|(a, b)| a - b).collect();
        let length = norm(&way);
        basis.remove(&mut way);
        assert!(norm(&way) < 1e-10 * length);
        // The mean itself is not in the span of the differences.
        let mut point = points[5].clone();
        basis.remove(&mut point);
        assert!(norm(&point) > 0.1 * norm(&points[5]));
    }

    /// Läuchli's vectors: a single pass of Gram–Schmidt leaves them at an angle.
    #[test]
    fn vectors_that_are_nearly_parallel_become_orthogonal() {
        let vectors = (1..4).map(|at| {
            let mut vector = vec![1.0, 0.0, 0.0, 0.0];
            vector[at] = 1e-7;
            vector
        });
        let basis = Basis::spanned(vectors, 4, 0.0);
        let [a, b, c] = basis.vectors() else { panic!("{} vectors", basis.rank()) };
        for (a, b) in [(a, b), (a, c), (b, c)] {
            assert!(dot(a, b).abs() < 1e-14, "{}", dot(a, b));
        }
    }

    #[test]
    fn directions_have_length_1_inside_and_are_orthogonal_outside() {
        let basis = Basis::of_centred(&trajectory(12, 40), 40, Clone::clone);
        let mut generator = Seed::new(4).generator();
        for _ in 0..20 {
            let (inside, outside) =
                (basis.inside(&mut generator).unwrap(), basis.outside(&mut generator).unwrap());
            assert!((norm(&inside) - 1.0).abs() < 1e-12 && (norm(&outside) - 1.0).abs() < 1e-12);
            assert!(basis.vectors().iter().all(|b| dot(b, &outside).abs() < 1e-10));
            let mut left = inside;
            basis.remove(&mut left);
            assert!(norm(&left) < 1e-10);
        }
    }

    /// Coefficients have both signs, and equal sizes on average.
    #[test]
    fn directions_inside_are_isotropic() {
        let basis = Basis::of_centred(&trajectory(5, 40), 40, Clone::clone);
        let mut generator = Seed::new(5).generator();
        let draws: Vec<Vec<f64>> =
            (0..4000).map(|_| basis.inside(&mut generator).unwrap()).collect();
        for vector in basis.vectors() {
            let along: Vec<f64> = draws.iter().map(|draw| dot(draw, vector)).collect();
            let mean = along.iter().sum::<f64>() / 4000.0;
            let square = along.iter().map(|a| a * a).sum::<f64>() / 4000.0;
            // For four coefficients: mean 0, mean square 1/4; the standard errors are 0.008 and
            // 0.0034.
            assert!(mean.abs() < 0.035 && (square - 0.25).abs() < 0.015, "{mean} {square}");
        }
    }

    #[test]
    fn rounding_is_no_direction_and_a_full_span_has_no_complement() {
        let same = vec![vec![1.0, 2.0, 3.0]; 4];
        assert_eq!(Basis::of_centred(&same, 3, Clone::clone).rank(), 0);
        assert!(
            Basis::of_centred(&same, 3, Clone::clone)
                .inside(&mut Seed::new(1).generator())
                .is_none()
        );
        let full = Basis::of_centred(&trajectory(9, 3), 3, Clone::clone);
        assert_eq!(full.rank(), 3);
        assert!(full.outside(&mut Seed::new(1).generator()).is_none());
    }

    /// A singular value decomposition by NumPy, of snapshots of three networks: the part in the
    /// span of training, and the rest.
    #[test]
    fn projections_are_those_of_another_program() {
        let fixture = include_str!("../../../../tests/oracle/fixtures/landscape.json");
        let fixture: serde_json::Value = serde_json::from_str(fixture).unwrap();
        let numbers = |value: &serde_json::Value| -> Vec<f64> {
            value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
        };
        let mut compared = 0;
        for case in fixture["cases"].as_array().unwrap() {
            let snapshots: Vec<Vec<f64>> =
                case["snapshots"].as_array().unwrap().iter().map(numbers).collect();
            let basis = Basis::of_centred(&snapshots, snapshots[0].len(), Clone::clone);
            assert_eq!(Some(basis.rank() as u64), case["subspace"]["rank"].as_u64());
            for expected in case["subspace"]["vectors"].as_array().unwrap() {
                let vector = numbers(&expected["vector"]);
                let mut outside = vector.clone();
                basis.remove(&mut outside);
                let scale = norm(&vector);
                let inside = vector.iter().zip(&outside).map(|(whole, rest)| whole - rest);
                let pairs = inside.zip(numbers(&expected["inside"]));
                let pairs = pairs.chain(outside.iter().copied().zip(numbers(&expected["outside"])));
                for (found, expected) in pairs {
                    assert!((found - expected).abs() < 1e-6 * scale, "{found} is not {expected}");
                    compared += 1;
                }
                let residual = expected["residual"].as_f64().unwrap();
                assert!((norm(&outside) - residual).abs() < 1e-6 * scale, "{residual}");
            }
        }
        assert!(compared > 500, "{compared}");
    }
}
