//! [`Activations`]: the state of a forward pass between two layers.

use tch::Tensor;

/// The state of a forward pass between two layers.
#[derive(Debug)]
pub(crate) struct Activations {
    /// The output of the layers so far. `(B, …)`
    pub(crate) x: Tensor,
    /// Tensors that a later operation needs, the last one on top: the inputs of open residuals,
    /// the product of diagonal layers, the parameters of a module.
    pub(crate) saved: Vec<Tensor>,
    /// The token embedding, for a head that shares its weight. `(V, D)`
    pub(crate) embedding: Option<Tensor>,
}

impl Activations {
    /// The state before the first operation.
    pub(crate) fn new(x: Tensor) -> Self {
        Self { x, saved: Vec::new(), embedding: None }
    }

    /// Returns another handle to the same tensors.
    ///
    /// Both may continue: no operation writes into a tensor that it did not create itself.
    pub(crate) fn share(&self) -> Self {
        Self {
            x: self.x.shallow_clone(),
            saved: self.saved.iter().map(Tensor::shallow_clone).collect(),
            embedding: self.embedding.as_ref().map(Tensor::shallow_clone),
        }
    }
}
