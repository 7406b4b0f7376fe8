//! The synthetic classification set: Gaussian clusters on the corners of a hypercube.
//!
//! The design is that of Guyon (2003), "Design of experiments for the NIPS 2003 variable selection
//! benchmark", as scikit-learn's `make_classification` describes it, with two differences. A
//! cluster's features have variance 1 and the weights of a redundant feature have norm 1, so
//! `separation` counts standard deviations. Features are not shuffled: the informative ones come
//! first, then the redundant ones, then noise.

use std::collections::BTreeSet;

use fedlayer_core::{Generator, Seed, data::Examples, spec::Synthetic};
use rand::{RngExt, seq::index};
use rand_distr::StandardNormal;

use crate::{
    DataError,
    error::{at_least_one, in_range},
};

/// The largest separation for which no sum of features leaves the range of `f32`.
const WIDEST: f64 = 1e30;

/// Returns the number of features: informative, redundant and noise.
pub(crate) fn features(spec: &Synthetic) -> usize {
    spec.informative as usize + spec.redundant as usize + spec.noise as usize
}

/// Checks the keys of the set.
pub(crate) fn check(spec: &Synthetic) -> Result<(), DataError> {
    let &Synthetic { classes, informative, clusters_per_class, .. } = spec;
    if spec.examples.is_some() && spec.per_client.is_some() {
        let why = "with `per_client` every client has as many";
        return Err(DataError::NoEffect { key: "data.set.synthetic.examples", why });
    }
    if let Some(each) = spec.per_client {
        in_range(each >= 2, "data.set.synthetic.per_client", each, "at least 2")?;
    }
    let examples = examples(spec);
    in_range(examples >= 2, "data.set.synthetic.examples", examples, "at least 2")?;
    at_least_one("data.set.synthetic.classes", classes)?;
    at_least_one("data.set.synthetic.informative", informative)?;
    at_least_one("data.set.synthetic.clusters_per_class", clusters_per_class)?;
    let good = spec.separation > 0.0 && spec.separation <= WIDEST;
    in_range(good, "data.set.synthetic.separation", spec.separation, "above 0 and at most 1e30")?;
    let good = (0.0..=1.0).contains(&spec.label_noise);
    in_range(good, "data.set.synthetic.label_noise", spec.label_noise, "from 0 to 1")?;
    if informative < u64::BITS && clusters(spec) > 1 << informative {
        return Err(DataError::Corners { classes, clusters_per_class, informative });
    }
    if spec.per_client.is_none() && examples < classes {
        return Err(DataError::FewerExamplesThanClasses { examples, classes });
    }
    Ok(())
}

/// Returns the number of examples, including the common test set.
pub(crate) fn examples(spec: &Synthetic) -> u32 {
    spec.examples.unwrap_or(Synthetic::EXAMPLES)
}

/// Returns the number of clusters of all classes.
fn clusters(spec: &Synthetic) -> u64 {
    u64::from(spec.classes) * u64::from(spec.clusters_per_class)
}

/// The part that is drawn before any example's features: the clusters' centres and shapes, and
/// every label.
///
/// Example e belongs to cluster e mod K, and cluster k to class k mod C: the sizes of clusters, and
/// of classes, differ by at most one example before labels are replaced by noise.
#[derive(Debug)]
pub(crate) struct Design {
    spec: Synthetic,
    /// The corner of each cluster, `(K, I)`.
    centres: Vec<f32>,
    /// The linear map of each cluster from a standard normal vector to its informative features,
    /// rows of norm 1, `(K, I, I)`.
    maps: Vec<f32>,
    /// The weights of the informative features in each redundant one, rows of norm 1, `(R, I)`.
    combinations: Vec<f32>,
    /// The label of each example, with noise, `(N)`; empty if examples are drawn one by one.
    labels: Vec<u32>,
}

impl Design {
    /// Draws the design of a set that passed [`check`].
    pub(crate) fn draw(spec: &Synthetic, seed: Seed) -> Result<Self, DataError> {
        let labels = labels(spec, &mut seed.child("labels").generator())?;
        Ok(Self { labels, ..Self::without_labels(spec, seed)? })
    }

    /// Draws the design of a set with examples that are drawn one by one.
    pub(crate) fn without_labels(spec: &Synthetic, seed: Seed) -> Result<Self, DataError> {
        let informative = spec.informative as usize;
        let clusters = clusters(spec);
        let centres = corners(spec, &mut seed.child("corners").generator())?;
        let mut generator = seed.child("maps").generator();
        let rows = clusters.saturating_mul(informative as u64);
        let maps = directions(key(spec), rows, informative, &mut generator)?;
        let mut generator = seed.child("redundant").generator();
        let rows = spec.redundant.into();
        let combinations = directions(key(spec), rows, informative, &mut generator)?;
        Ok(Self { spec: spec.clone(), centres, maps, combinations, labels: Vec::new() })
    }

    /// Returns the keys of the set.
    pub(crate) fn spec(&self) -> &Synthetic {
        &self.spec
    }

    /// Returns the number of clusters of all classes; cluster k belongs to class k mod C.
    pub(crate) fn clusters(&self) -> u64 {
        clusters(&self.spec)
    }

    /// Returns the number of classes.
    pub(crate) fn classes(&self) -> usize {
        self.spec.classes as usize
    }

    /// Returns the label of each example, `(N)`.
    pub(crate) fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// Draws the features of the examples with the indices `order`, in that order: features
    /// `(order, I + R + noise)`.
    pub(crate) fn examples(&self, order: &[u32], seed: Seed) -> Result<Examples, DataError> {
        let mut generator = seed.generator();
        let clusters = clusters(&self.spec);
        let of = order.iter().map(|&example| u64::from(example) % clusters);
        let labels = order.iter().map(|&e| self.labels[e as usize]).collect();
        self.put(of, labels, &mut generator)
    }

    /// Draws an example of each of these clusters: its features, and its label with the set's
    /// noise.
    pub(crate) fn examples_of(
        &self,
        of: &[u64],
        generator: &mut Generator,
    ) -> Result<Examples, DataError> {
        let classes = self.spec.classes;
        let label = |&cluster: &u64| match generator.random_bool(self.spec.label_noise) {
            true => generator.random_range(0..classes),
            false => (cluster % u64::from(classes)) as u32,
        };
        let labels = of.iter().map(label).collect();
        self.put(of.iter().copied(), labels, generator)
    }

    /// Draws the features of an example of each of these clusters.
    fn put(
        &self,
        of: impl ExactSizeIterator<Item = u64>,
        labels: Vec<u32>,
        generator: &mut Generator,
    ) -> Result<Examples, DataError> {
        let informative = self.spec.informative as usize;
        let width = features(&self.spec);
        let mut features = reserved(key(&self.spec), of.len() as u64, width as u64)?;
        let mut normal = vec![0.0; informative];
        for cluster in of {
            let cluster = cluster as usize;
            normal.fill_with(|| generator.sample(StandardNormal));
            let start = features.len();
            let centre = &self.centres[cluster * informative..][..informative];
            let map =
                &self.maps[cluster * informative * informative..][..informative * informative];
            let rows = map.chunks_exact(informative);
            features.extend(centre.iter().zip(rows).map(|(at, row)| at + dot(row, &normal)));
            for weights in self.combinations.chunks_exact(informative) {
                let value = dot(weights, &features[start..start + informative]);
                features.push(value);
            }
            features
                .extend((0..self.spec.noise).map(|_| -> f32 { generator.sample(StandardNormal) }));
        }
        Ok(Examples::new(vec![width], self.classes(), features, labels))
    }
}

/// The largest number of features for which all corners of the hypercube are counted: their number
/// fits a `usize` on every machine.
const COUNTABLE: u32 = 31;

/// Draws different corners of the hypercube for all clusters, in random order: `(K, I)`, every
/// value plus or minus `separation`.
fn corners(spec: &Synthetic, generator: &mut Generator) -> Result<Vec<f32>, DataError> {
    let informative = spec.informative;
    let clusters = clusters(spec) as usize;
    let side = spec.separation as f32;
    let signed = |positive: bool| if positive { side } else { -side };
    let mut centres = reserved(key(spec), clusters as u64, informative.into())?;
    if informative <= COUNTABLE {
        for corner in index::sample(generator, 1 << informative, clusters) {
            centres.extend((0..informative).map(|bit| signed(corner >> bit & 1 == 1)));
        }
        return Ok(centres);
    }
    // With this many corners, one is seldom drawn twice.
    let mut drawn: BTreeSet<Vec<bool>> = BTreeSet::new();
    while drawn.len() < clusters {
        let corner: Vec<bool> = (0..informative).map(|_| generator.random()).collect();
        if !drawn.contains(&corner) {
            centres.extend(corner.iter().copied().map(signed));
            drawn.insert(corner);
        }
    }
    Ok(centres)
}

/// Draws rows of norm 1 with the directions of uniform draws from `[-1, 1)`: `(rows, width)`.
fn directions(
    key: &'static str,
    rows: u64,
    width: usize,
    generator: &mut Generator,
) -> Result<Vec<f32>, DataError> {
    let mut values = reserved(key, rows, width as u64)?;
    for _ in 0..rows {
        let start = values.len();
        values.extend((0..width).map(|_| generator.random_range(-1.0_f32..1.0)));
        let row = &mut values[start..];
        let norm = dot(row, row).sqrt();
        if norm > 0.0 {
            row.iter_mut().for_each(|value| *value /= norm);
        } else {
            row[0] = 1.0;
        }
    }
    Ok(values)
}

/// Draws the label of each example: its cluster's class, or with probability `label_noise` any
/// class, `(N)`.
fn labels(spec: &Synthetic, generator: &mut Generator) -> Result<Vec<u32>, DataError> {
    let clusters = clusters(spec);
    let mut labels = reserved(key(spec), examples(spec).into(), 1)?;
    labels.extend((0..u64::from(examples(spec))).map(|example| {
        if generator.random_bool(spec.label_noise) {
            generator.random_range(0..spec.classes)
        } else {
            (example % clusters % u64::from(spec.classes)) as u32
        }
    }));
    Ok(labels)
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Returns the key of the number of examples.
fn key(spec: &Synthetic) -> &'static str {
    match spec.per_client {
        Some(_) => "data.set.synthetic.per_client",
        None => "data.set.synthetic.examples",
    }
}

/// Checks that there is memory for `examples` examples.
pub(crate) fn has_room(spec: &Synthetic, examples: usize) -> Result<(), DataError> {
    reserved::<f32>(key(spec), examples as u64, features(spec) as u64).map(drop)
}

/// Reserves memory for `(rows, width)` values.
fn reserved<T>(key: &'static str, rows: u64, width: u64) -> Result<Vec<T>, DataError> {
    let count = rows.saturating_mul(width);
    let bytes = count.saturating_mul(size_of::<T>() as u64);
    let mut values = Vec::new();
    let room = usize::try_from(count).map(|count| values.try_reserve_exact(count));
    if matches!(room, Ok(Ok(()))) { Ok(values) } else { Err(DataError::Memory { key, bytes }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn corner_set(informative: u32, classes: u32) -> BTreeSet<Vec<u32>> {
        let spec = Synthetic { informative, classes, clusters_per_class: 1, ..Default::default() };
        let corners = corners(&spec, &mut Seed::new(1).generator()).unwrap();
        assert!(corners.iter().all(|value| value.abs() == 1.0));
        corners
            .chunks(informative as usize)
            .map(|c| c.iter().map(|v| v.to_bits()).collect())
            .collect()
    }

    #[test]
    fn every_cluster_has_a_corner_of_its_own() {
        assert_eq!(corner_set(5, 32).len(), 32);
        assert_eq!(corner_set(COUNTABLE + 1, 500).len(), 500);
    }

    #[test]
    fn what_does_not_fit_into_memory_is_an_error() {
        let key = "data.set.synthetic.examples";
        assert!(matches!(reserved::<f32>(key, 1 << 40, 1 << 30), Err(DataError::Memory { .. })));
        let error = DataError::Memory { key, bytes: u64::MAX };
        assert_eq!(reserved::<f32>(key, u64::MAX, 2), Err(error));
    }
}
