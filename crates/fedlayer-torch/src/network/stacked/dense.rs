//! Fully connected layers with an activation between them: logistic regression, deep linear
//! networks, multilayer perceptrons.
//!
//! The views of a network come in pairs: a weight `(K, out, in)` and a bias `(K, 1, out)`.

use fedlayer_core::spec::Activation;
use tch::{Kind, TchError, Tensor};

use super::ForwardPass;

/// Computes z_l = a_{l−1} W_lᵀ + b_l and a_l = σ(z_l), with a_0 = x. The logits are the last z.
pub(super) fn forward(
    activation: Activation,
    views: &[Tensor],
    inputs: &Tensor,
) -> Result<ForwardPass, TchError> {
    let mut outputs: Vec<Tensor> = Vec::with_capacity(views.len() / 2);
    let (before, last) = views.split_at(views.len() - 2);
    for layer in before.chunks_exact(2) {
        let input = outputs.last().unwrap_or(inputs);
        outputs.push(hidden(activation, layer, input)?);
    }
    let logits = affine(last, outputs.last().unwrap_or(inputs))?; // (K, B, C)
    Ok(ForwardPass { hidden: outputs, logits })
}

/// Computes a hidden layer: σ(z_l). `(K, B, out)`
pub(super) fn hidden(
    activation: Activation,
    layer: &[Tensor],
    input: &Tensor,
) -> Result<Tensor, TchError> {
    let mut output = affine(layer, input)?; // (K, B, out)
    match activation {
        Activation::Relu => drop(output.f_relu_()?),
        Activation::Tanh => drop(output.f_tanh_()?),
        Activation::Sigmoid => drop(output.f_sigmoid_()?),
        Activation::Gelu | Activation::Identity => {}
    }
    Ok(output)
}

/// Computes z_l. `(K, B, out)`
pub(super) fn affine(layer: &[Tensor], input: &Tensor) -> Result<Tensor, TchError> {
    layer[1].f_baddbmm(input, &layer[0].f_transpose(1, 2)?, 1.0, 1.0)
}

/// Computes ∂W_l = δ_lᵀ a_{l−1}, ∂b_l = Σ_B δ_l, and δ_{l−1} = δ_l W_l ⊙ σ′(a_{l−1}).
pub(super) fn backward(
    activation: Activation,
    views: &[Tensor],
    gradients: &[Tensor],
    inputs: &Tensor,
    pass: ForwardPass,
    by_logits: Tensor,
) -> Result<(), TchError> {
    let mut delta = by_logits; // (K, B, out)
    for layer in (0..views.len() / 2).rev() {
        let input = if layer == 0 { inputs } else { &pass.hidden[layer - 1] }; // (K, B, in)
        let _ = delta.f_transpose(1, 2)?.f_bmm_out(&gradients[2 * layer], input)?; // (K, out, in)
        let _ = delta.f_sum_intlist_out(&gradients[2 * layer + 1], 1, true, Kind::Float)?; // (K, 1, out)
        if layer > 0 {
            let by_output = delta.f_bmm(&views[2 * layer])?; // (K, B, in)
            delta = activation_backward(activation, by_output, input)?;
        }
    }
    Ok(())
}

/// Returns the gradient with respect to an activation's input, from the gradient with respect to
/// its output and from the output. It overwrites the memory of `by_output`.
fn activation_backward(
    activation: Activation,
    by_output: Tensor,
    output: &Tensor,
) -> Result<Tensor, TchError> {
    let by = &by_output;
    match activation {
        Activation::Relu => output.f_threshold_backward_grad_input(by, by, 0.0),
        Activation::Tanh => Tensor::f_tanh_backward_grad_input(by, by, output),
        Activation::Sigmoid => Tensor::f_sigmoid_backward_grad_input(by, by, output),
        Activation::Gelu | Activation::Identity => Ok(by_output),
    }
}
