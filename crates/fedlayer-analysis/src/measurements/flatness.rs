//! `flatness`: relative flatness of each layer (Petzka et al., NeurIPS 2021).

use fedlayer_core::{
    Estimate, Seed,
    model::{LayerSet, Layout, Params, Role, TensorSpec},
    record::AnalysisRow,
    spec::Flatness,
};

use crate::{
    curvature::{Curvature, Directions, sign},
    error::AnalysisError,
    linalg::Coordinates,
    losses::Losses,
    model_set::ModelSet,
    rows::{loss_row, set_seed},
    work::{AnalysisWork, ModelSetShape},
};

/// Measures the relative flatness κ (kind `kappa`) of the first two models, for every layer with a
/// weight W of two or more dimensions. With the neurons' weights w_s, the k rows of W `(k, m)`
/// (filters of a convolution are flattened), and the blocks H_{s,s'} `(m, m)` of the Hessian of the
/// mean loss,
///
/// κ = Σ_{s,s'} ⟨w_s, w_s'⟩ Tr(H_{s,s'}).
///
/// Since ⟨w_s, w_s'⟩ = Σ_j W_sj W_s'j and Tr(H_{s,s'}) = Σ_i H_{si,s'i}, κ is the sum over i and j
/// of ⟨E_ij, H E_ij⟩, where column i of E_ij is column j of W and all other columns are 0. These m²
/// directions give κ exactly, and are taken if `draws` allows it. Otherwise each draw is a matrix R
/// `(m, m)` of random signs: the rows of W·R are Σ_j W_sj R_j·, and E[R_ji R_j'i'] is 1 if both
/// indices agree and 0 otherwise, so E⟨WR, H(WR)⟩ = κ. The mean over the draws has a standard
/// error; an exact value has none.
///
/// κ does not change if one layer is scaled up and the next one down. Layers without a matrix are
/// left out, and biases are ignored.
pub(crate) fn measure(
    spec: &Flatness,
    model_set: &ModelSet,
    seed: Seed,
    losses: &mut Losses<'_>,
) -> Result<Vec<AnalysisRow>, AnalysisError> {
    let mut rows = Vec::new();
    for model in model_set.models.iter().take(2) {
        for split in losses.splits() {
            let parameters = model_set.layout().value_count();
            let mut curvature = Curvature { losses, point: model.point(), split, parameters };
            for set in model_set.layers() {
                let Some(weight) = weight(model_set.layout(), &set) else { continue };
                let seed = set_seed(seed.child("base").index(model.id.0.into()), &set);
                let matrix = Matrix::of(&model.params, weight);
                let kappa = kappa(spec, &matrix, seed, &mut curvature)?;
                rows.push(loss_row("kappa", &set, model.id, split).estimate(kappa));
            }
        }
    }
    Ok(rows)
}

/// Counts the work of [`measure`].
pub(crate) fn work(spec: &Flatness, shape: &ModelSetShape) -> AnalysisWork {
    let layers = shape.layers();
    let weights = layers.iter().filter_map(|set| weight(&shape.layout, set));
    let products = weights.map(|weight| directions(spec, width(weight)).count()).sum();
    AnalysisWork::products(products).times(shape.first_two())
}

/// Returns the layer's first trained tensor of two or more dimensions.
fn weight<'a>(layout: &'a Layout, layer: &LayerSet) -> Option<&'a TensorSpec> {
    let mut tensors = layer.indices().flat_map(|index| &layout.layers()[index].tensors);
    tensors.find(|tensor| tensor.role == Role::Trained && tensor.shape.len() > 1)
}

fn kappa(
    spec: &Flatness,
    matrix: &Matrix,
    seed: Seed,
    curvature: &mut Curvature<'_, '_>,
) -> Result<Estimate, AnalysisError> {
    let m = matrix.width;
    let directions = directions(spec, m);
    if let Directions::Exact(directions) = directions {
        let column = |at: usize| matrix.moved_column(at / m, at % m);
        let forms = curvature.forms(&matrix.coordinates, directions, column)?;
        return Ok(Estimate { value: Estimate::of(&[forms.iter().sum()]).value, std_error: None });
    }
    let draw = |draw: usize| matrix.times_signs(seed.index(draw as u64));
    Ok(Estimate::of(&curvature.forms(&matrix.coordinates, directions.count(), draw)?))
}

/// Returns the directions of a matrix of width m: m² give κ exactly.
fn directions(spec: &Flatness, m: usize) -> Directions {
    Directions::within(spec.draws, m.checked_mul(m))
}

/// Returns m, the number of weights of a neuron.
fn width(weight: &TensorSpec) -> usize {
    weight.range.len() / weight.shape[0]
}

/// The weight of a layer as a matrix of neurons.
struct Matrix {
    coordinates: Coordinates,
    values: Vec<f64>, // (k, m)
    /// m
    width: usize,
}

impl Matrix {
    fn of(params: &Params, weight: &TensorSpec) -> Self {
        let coordinates = Coordinates::of_range(weight.range.clone());
        Self { values: coordinates.values(params), coordinates, width: width(weight) }
    }

    /// Returns a matrix with column `from` of W in column `to`, and zeros elsewhere. `(k, m)`
    fn moved_column(&self, to: usize, from: usize) -> Vec<f64> {
        let mut moved = vec![0.0; self.values.len()];
        for (row, own) in
            moved.chunks_exact_mut(self.width).zip(self.values.chunks_exact(self.width))
        {
            row[to] = own[from];
        }
        moved
    }

    /// Returns W·R for a matrix R of random signs. R is drawn row by row and is never in memory as
    /// a whole. `(k, m)`
    fn times_signs(&self, seed: Seed) -> Vec<f64> {
        let mut generator = seed.generator();
        let mut product = vec![0.0; self.values.len()];
        for j in 0..self.width {
            let signs: Vec<f64> = (0..self.width).map(|_| sign(&mut generator)).collect(); // (m)
            let rows = product.chunks_exact_mut(self.width);
            for (row, own) in rows.zip(self.values.chunks_exact(self.width)) {
                let value = own[j];
                row.iter_mut().zip(&signs).for_each(|(sum, sign)| *sum += value * sign);
            }
        }
        product
    }
}
