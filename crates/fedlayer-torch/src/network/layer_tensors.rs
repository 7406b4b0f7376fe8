//! [`LayerTensors`]: the values of one layer on the device.

use std::rc::Rc;

use fedlayer_core::model::Layout;
use tch::{TchError, Tensor};

use super::Network;

/// The tensors of one layer on the device, in the layout's order.
pub(crate) type LayerTensors = Rc<[Tensor]>;

impl Network {
    /// Copies the values of a layer to the device.
    ///
    /// Each layer has memory of its own, because kernels may round differently at another
    /// alignment: a layer's address must not depend on the layers beside it.
    pub(crate) fn upload_layer(
        &self,
        layout: &Layout,
        index: usize,
        values: &[f32],
        device: tch::Device,
    ) -> Result<LayerTensors, TchError> {
        let layer = &layout.layers()[index];
        let flat = Tensor::f_from_slice(values)?.f_to_device(device)?; // (the layer's P)
        let tensors = layer.tensors.iter().map(|tensor| {
            let start = tensor.range.start - layer.range.start;
            flat.f_narrow(0, start as i64, tensor.range.len() as i64)?
                .f_view(self.shape_of(tensor).as_slice())
        });
        tensors.collect()
    }
}

/// Groups the tensors of a layout by layer.
pub(crate) fn by_layer(layout: &Layout, tensors: &[Tensor]) -> Vec<LayerTensors> {
    let mut rest = tensors.iter().map(Tensor::shallow_clone);
    let layers = layout.layers().iter();
    layers.map(|layer| rest.by_ref().take(layer.tensors.len()).collect()).collect()
}
