//! Initial weights: PyTorch's default distributions, drawn by core's generator.

use fedlayer_core::{Layout, Seed, spec::ModelSpec};
use rand::RngExt;

/// Draws the values of every tensor of the layout, each from its own sub-seed, named as the tensor is: another layer changes nothing.
///
/// * A fully connected layer of `in` inputs: weight and bias from U(−1/√in, 1/√in), as `torch.nn.Linear` does
///   (`kaiming_uniform_(a=√5)` is that distribution).
/// * Each of L diagonal layers over F features: U(−b, b), b = √3·(3F)^(−1/2L), so that the product of the layers has the variance of a linear
///   layer's default weight, 1/(3F), for every depth; for L = 1 it is that distribution.
pub(crate) fn initial(model: &ModelSpec, layout: &Layout, seed: Seed) -> Vec<f32> {
    let mut values = Vec::with_capacity(layout.parameters());
    for layer in layout.layers() {
        let inputs = layer.tensors[0].shape.last().map_or(1.0, |&inputs| inputs as f64);
        let bound = match model {
            ModelSpec::DiagonalLinear(depth) => {
                3.0_f64.sqrt() * (3.0 * inputs).powf(-0.5 / f64::from(*depth))
            }
            _ => 1.0 / inputs.sqrt(),
        };
        for tensor in &layer.tensors {
            let mut generator = seed.child(&tensor.name).generator();
            let draw = |_| ((2.0 * generator.random::<f64>() - 1.0) * bound) as f32;
            values.extend(tensor.range.clone().map(draw));
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use fedlayer_core::{
        DataFacts,
        spec::{Mlp, MlpForm},
    };

    use super::*;

    fn facts(features: usize) -> DataFacts {
        DataFacts { shape: vec![features], classes: 3, pool: 1, test: 1 }
    }

    fn draw(model: &ModelSpec, features: usize) -> (Layout, Vec<f32>) {
        let layout = model.layout(&facts(features)).unwrap();
        let values = initial(model, &layout, Seed::new(1).child("model"));
        (layout, values)
    }

    /// The largest absolute value and the variance.
    fn spread(values: &[f32]) -> (f64, f64) {
        let largest = values.iter().map(|value| f64::from(value.abs())).fold(0.0, f64::max);
        let squares: f64 = values.iter().map(|&value| f64::from(value).powi(2)).sum();
        (largest, squares / values.len() as f64)
    }

    #[test]
    fn a_linear_layer_is_drawn_as_pytorch_draws_it() {
        let (layout, values) = draw(&ModelSpec::Mlp(MlpForm::Hidden(vec![500, 100])), 64);
        for (layer, bound) in [(0, 1.0 / 8.0), (1, 1.0 / 500_f64.sqrt()), (2, 0.1)] {
            for tensor in &layout.layers()[layer].tensors {
                let (largest, variance) = spread(&values[tensor.range.clone()]);
                assert!(largest <= bound, "{} reaches {largest}", tensor.name);
                if tensor.range.len() > 1000 {
                    assert!((variance * 3.0 / (bound * bound) - 1.0).abs() < 0.05, "{variance}");
                }
            }
        }
    }

    #[test]
    fn the_product_of_diagonal_layers_has_the_variance_of_a_linear_layer() {
        for depth in 1..=4 {
            let (layout, values) = draw(&ModelSpec::DiagonalLinear(depth), 3000);
            let tensors: Vec<_> = layout.tensors().map(|t| &values[t.range.clone()]).collect();
            let products: Vec<f32> =
                (0..9000).map(|at| tensors.iter().map(|tensor| tensor[at]).product()).collect();
            let (_, variance) = spread(&products);
            assert!((variance * 9000.0 - 1.0).abs() < 0.15, "depth {depth}: {}", variance * 9000.0);
        }
    }

    #[test]
    fn a_layer_is_drawn_alike_whatever_stands_beside_it() {
        let short = ModelSpec::Mlp(MlpForm::Hidden(vec![5]));
        let long = ModelSpec::Mlp(MlpForm::Full(Mlp {
            hidden: vec![5, 7],
            activation: Default::default(),
        }));
        let (layout, values) = draw(&short, 4);
        let first = layout.layers()[0].range.clone();
        assert_eq!(values[first.clone()], draw(&long, 4).1[first]);
    }
}
