//! A product of diagonal layers, each `(K, C, F)`: the logit of class c is Σ_f x_f Π_l w_l\[c, f\].

use tch::{TchError, Tensor};

use super::ForwardPass;

/// Computes the logits. The hidden tensors are the products of the first one, two, … layers.
pub(super) fn forward(views: &[Tensor], inputs: &Tensor) -> Result<ForwardPass, TchError> {
    let mut hidden = vec![views[0].shallow_clone()]; // (K, C, F)
    for (layer, view) in views.iter().enumerate().skip(1) {
        hidden.push(hidden[layer - 1].f_mul(view)?); // (K, C, F)
    }
    let logits = logits(inputs, &hidden[views.len() - 1])?; // (K, B, C)
    Ok(ForwardPass { hidden, logits })
}

/// Applies the product of all layers, `(K, C, F)`, to the inputs, `(K, B, F)`. `(K, B, C)`
pub(super) fn logits(inputs: &Tensor, product: &Tensor) -> Result<Tensor, TchError> {
    inputs.f_bmm(&product.f_transpose(1, 2)?)
}

/// Computes ∂w_l = ∂(Π w) ⊙ (the layers before l) ⊙ (the layers after l).
pub(super) fn backward(
    views: &[Tensor],
    gradients: &[Tensor],
    inputs: &Tensor,
    pass: ForwardPass,
    by_logits: Tensor,
) -> Result<(), TchError> {
    // The gradient with respect to the product, times the layers behind the current one.
    let mut after = by_logits.f_transpose(1, 2)?.f_bmm(inputs)?; // (K, C, F)
    for layer in (1..views.len()).rev() {
        let _ = after.f_mul_out(&gradients[layer], &pass.hidden[layer - 1])?; // (K, C, F)
        after = after.f_mul_(&views[layer])?; // (K, C, F)
    }
    gradients[0].shallow_clone().f_copy_(&after) // (K, C, F)
}
