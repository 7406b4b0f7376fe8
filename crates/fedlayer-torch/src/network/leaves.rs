//! [`Leaves`]: the tensors of one network as views of its flat parameters, as autograd needs them.

use fedlayer_core::model::{Layout, Role, TensorSpec};
use tch::{TchError, Tensor};

use super::{LayerTensors, Network, layer_tensors::by_layer};

/// The tensors of one network, as views of its flat parameters `(1, P)`.
///
/// Trained tensors collect gradients and share the memory of the flat parameters. Running
/// statistics are copies: a forward pass overwrites them, and autograd would take that for a change
/// of the weights in the same memory.
#[derive(Debug)]
pub(crate) struct Leaves {
    tensors: Vec<Tensor>,
}

impl Leaves {
    /// Creates the leaves of `flat`, `(1, P)`.
    pub(crate) fn new(network: &Network, layout: &Layout, flat: &Tensor) -> Result<Self, TchError> {
        let leaf = |(view, tensor): (Tensor, &TensorSpec)| match tensor.role {
            Role::Trained => view.f_detach()?.f_set_requires_grad(true),
            Role::Statistic => view.f_detach_copy(),
        };
        let views = views(network, layout, flat)?.into_iter().zip(layout.tensors());
        let leaves = views.map(leaf).collect::<Result<_, TchError>>()?;
        Ok(Self { tensors: network.gradient_targets(leaves)? })
    }

    /// The tensors by layer, for a forward pass.
    pub(crate) fn layers(&self, layout: &Layout) -> Vec<LayerTensors> {
        by_layer(layout, &self.tensors)
    }

    /// The tensors that collect gradients.
    pub(crate) fn trained(&self, layout: &Layout) -> Vec<Tensor> {
        trained(layout, &self.tensors)
    }

    /// Writes the running statistics back into `flat`, `(1, P)`.
    pub(crate) fn write_back_statistics(
        &self,
        network: &Network,
        layout: &Layout,
        flat: &Tensor,
    ) -> Result<(), TchError> {
        let views = views(network, layout, flat)?;
        for ((leaf, mut view), tensor) in self.tensors.iter().zip(views).zip(layout.tensors()) {
            if tensor.role == Role::Statistic {
                view.f_copy_(leaf)?;
            }
        }
        Ok(())
    }
}

/// The trained tensors as views of `flat`, `(1, P)`: where their gradients are written.
pub(crate) fn trained_views(
    network: &Network,
    layout: &Layout,
    flat: &Tensor,
) -> Result<Vec<Tensor>, TchError> {
    Ok(trained(layout, &views(network, layout, flat)?))
}

/// All tensors as views of `flat`, `(1, P)`.
fn views(network: &Network, layout: &Layout, flat: &Tensor) -> Result<Vec<Tensor>, TchError> {
    let row = flat.f_view(-1)?; // (P)
    let view = |tensor: &TensorSpec| {
        row.f_narrow(0, tensor.range.start as i64, tensor.range.len() as i64)?
            .f_view(network.shape_of(tensor).as_slice())
    };
    layout.tensors().map(view).collect()
}

/// Those of the layout's tensors that are trained.
fn trained(layout: &Layout, tensors: &[Tensor]) -> Vec<Tensor> {
    let pairs = tensors.iter().zip(layout.tensors());
    let trained = pairs.filter(|(_, spec)| spec.role == Role::Trained);
    trained.map(|(tensor, _)| tensor.shallow_clone()).collect()
}
