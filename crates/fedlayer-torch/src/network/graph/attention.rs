//! Causal self-attention with several heads (Vaswani et al. 2017).

use tch::{Kind, TchError, Tensor};

/// Cuts a projection `(B, T, 3 D)` into query, key and value of the heads, each
/// `(B, heads, T, D / heads)`.
pub(super) fn heads(projected: &Tensor, heads: usize) -> Result<[Tensor; 3], TchError> {
    let &[batch, context, width] = &projected.size()[..] else { return Err(wrong_shape()) };
    let (width, heads) = (width / 3, heads as i64);
    let part = |index| {
        let part = projected.f_narrow(2, index * width, width)?; // (B, T, D)
        part.f_view([batch, context, heads, width / heads])?.f_transpose(1, 2)
    };
    Ok([part(0)?, part(1)?, part(2)?])
}

/// Puts the outputs of the heads `(B, heads, T, d)` side by side. `(B, T, heads · d)`
pub(super) fn side_by_side(outputs: &Tensor) -> Result<Tensor, TchError> {
    let &[batch, heads, context, width] = &outputs.size()[..] else { return Err(wrong_shape()) };
    outputs.f_transpose(1, 2)?.f_reshape([batch, context, heads * width])
}

/// Returns softmax(Q Kᵀ/√d) V with the later positions masked. All `(B, heads, T, d)`.
///
/// The fused kernel is faster; it has no second derivative.
pub(super) fn mixed(
    query: &Tensor,
    key: &Tensor,
    value: &Tensor,
    fused: bool,
) -> Result<Tensor, TchError> {
    if !fused {
        return unfused(query, key, value);
    }
    let (mask, dropout, is_causal) = (None::<Tensor>, 0.0, true);
    Tensor::f_scaled_dot_product_attention(query, key, value, mask, dropout, is_causal, None, false)
}

/// Attention by plain operations, each with a second derivative.
fn unfused(query: &Tensor, key: &Tensor, value: &Tensor) -> Result<Tensor, TchError> {
    let &[.., context, width] = &query.size()[..] else { return Err(wrong_shape()) };
    let scores = query.f_matmul(&key.f_transpose(-2, -1)?)?; // (B, heads, T, T)
    let scores = scores.f_div_scalar((width as f64).sqrt())?;
    let later = Tensor::f_ones([context, context], (Kind::Bool, query.device()))?.f_triu(1)?; // (T, T)
    let weights = scores.f_masked_fill(&later, f64::NEG_INFINITY)?.f_softmax(-1, Kind::Float)?;
    weights.f_matmul(value) // (B, heads, T, d)
}

/// An internal error: the architecture gives attention one text per example.
fn wrong_shape() -> TchError {
    TchError::Kind("attention needs a batch of texts".to_owned())
}
