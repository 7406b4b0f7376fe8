//! Initial weights: PyTorch's default distributions, drawn by core's generator.

use fedlayer_core::{
    Generator, Seed,
    model::{
        Layout,
        architecture::{Architecture, Attention, Embedding, Init, Linear, Norm, Op},
    },
    spec::ModelSpec,
};
use rand::RngExt;
use rand_distr::StandardNormal;

/// The distribution of a tensor's initial values.
#[derive(Debug, Clone, Copy, PartialEq)]
enum WeightDistribution {
    /// U(−bound, bound).
    Uniform(f64),
    /// N(0, deviation²).
    Normal(f64),
    /// Always this value.
    Constant(f32),
}

/// The standard deviation of GPT-2's embeddings (Radford et al. 2019).
const EMBEDDING: f64 = 0.02;

/// Draws the values of every tensor of the layout.
///
/// Each tensor has a generator of its own, seeded with the tensor's name, so that another layer
/// changes nothing.
///
/// * A layer with `in` inputs (a convolution: channels × kernel²): weight and bias from
///   U(−1/√in, 1/√in), as `torch.nn.Linear` and `torch.nn.Conv2d` do (`kaiming_uniform_(a=√5)` is
///   that distribution).
/// * A normalisation: scale 1, shift 0, running mean 0, running variance 1.
/// * A transformer: GPT-2's normal distributions.
/// * VGG's convolutions: N(0, 2/(kernel² × channels out)), bias 0, as in torchvision.
/// * Each of L diagonal layers over F features: U(−b, b) with b = √3·(3F)^(−1/2L). The product of
///   the layers then has the variance 1/(3F) of a linear layer's default weight at every depth. For
///   L = 1 it is that distribution.
pub(crate) fn initial(
    model: &ModelSpec,
    architecture: Option<&Architecture>,
    layout: &Layout,
    seed: Seed,
) -> Vec<f32> {
    let distributions = distributions(model, architecture, layout);
    let mut values = Vec::with_capacity(layout.value_count());
    for (tensor, distribution) in layout.tensors().zip(distributions) {
        let mut generator = seed.child(&tensor.name).generator();
        values.extend(tensor.range.clone().map(|_| distribution.draw(&mut generator)));
    }
    values
}

/// The distribution of each tensor, in the layout's order.
fn distributions(
    model: &ModelSpec,
    architecture: Option<&Architecture>,
    layout: &Layout,
) -> Vec<WeightDistribution> {
    let mut distributions = Vec::new();
    match (architecture, model) {
        (Some(architecture), _) => {
            architecture.ops.iter().for_each(|op| push_op(op, &mut distributions))
        }
        (None, ModelSpec::DiagonalLinear(depth)) => {
            distributions.extend(layout.tensors().map(|tensor| {
                let features = tensor.shape.last().map_or(1.0, |&features| features as f64);
                WeightDistribution::Uniform(
                    3.0_f64.sqrt() * (3.0 * features).powf(-0.5 / f64::from(*depth)),
                )
            }))
        }
        (None, _) => {
            for layer in layout.layers() {
                let inputs = layer.tensors[0].shape.last().map_or(1, |&inputs| inputs);
                distributions.extend(layer.tensors.iter().map(|_| uniform(inputs)));
            }
        }
    }
    distributions
}

impl WeightDistribution {
    fn draw(self, generator: &mut Generator) -> f32 {
        match self {
            Self::Uniform(bound) => ((2.0 * generator.random::<f64>() - 1.0) * bound) as f32,
            Self::Normal(deviation) => {
                let normal: f64 = generator.sample(StandardNormal);
                (normal * deviation) as f32
            }
            Self::Constant(value) => value,
        }
    }
}

fn uniform(inputs: usize) -> WeightDistribution {
    WeightDistribution::Uniform(1.0 / (inputs as f64).sqrt())
}

/// Appends the distributions of an operation's tensors, in the order in which it uses them.
fn push_op(op: &Op, distributions: &mut Vec<WeightDistribution>) {
    match op {
        Op::Conv(conv) => {
            let inputs = conv.in_channels * conv.kernel * conv.kernel;
            push_weights(conv.init, inputs, conv.bias, distributions);
        }
        Op::Linear(linear) => push_linear(linear, distributions),
        Op::Norm(norm) => {
            distributions
                .extend([WeightDistribution::Constant(1.0), WeightDistribution::Constant(0.0)]);
            if matches!(norm, Norm::Batch { .. }) {
                distributions.extend([0.0, 1.0, 0.0].map(WeightDistribution::Constant));
            }
        }
        Op::Residual { body, shortcut } => {
            body.iter().chain(shortcut).for_each(|op| push_op(op, distributions));
        }
        Op::Embedding(Embedding { .. }) => {
            distributions.extend([WeightDistribution::Normal(EMBEDDING); 2])
        }
        Op::Attention(Attention { qkv, out_proj, .. }) => {
            push_linear(qkv, distributions);
            push_linear(out_proj, distributions);
        }
        Op::Activation(_)
        | Op::Pool(_)
        | Op::Dropout(_)
        | Op::Flatten
        | Op::Subsample { .. }
        | Op::TiedHead => {}
    }
}

fn push_linear(linear: &Linear, distributions: &mut Vec<WeightDistribution>) {
    push_weights(linear.init, linear.in_features, linear.bias, distributions);
}

fn push_weights(
    init: Init,
    inputs: usize,
    has_bias: bool,
    distributions: &mut Vec<WeightDistribution>,
) {
    let (weight, bias) = match init {
        Init::Uniform => (uniform(inputs), uniform(inputs)),
        Init::Normal(deviation) => {
            (WeightDistribution::Normal(deviation), WeightDistribution::Constant(0.0))
        }
    };
    distributions.extend([weight, bias].into_iter().take(1 + usize::from(has_bias)));
}

#[cfg(test)]
mod tests {
    use fedlayer_core::{
        data::DataFacts,
        spec::{Mlp, MlpForm},
    };

    use super::*;

    fn facts(features: usize) -> DataFacts {
        DataFacts { shape: vec![features], classes: 3, targets: 1, pool: 1, test: 1 }
    }

    fn draw(model: &ModelSpec, features: usize) -> (Layout, Vec<f32>) {
        let layout = model.layout(&facts(features)).unwrap();
        let architecture = Architecture::new(model, &facts(features)).ok();
        let seed = Seed::new(1).child("model");
        let values = initial(model, architecture.as_ref(), &layout, seed);
        assert_eq!(values, initial(model, None, &layout, seed), "two ways, one draw");
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
    fn a_layer_is_drawn_alike_beside_any_other_layer() {
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
