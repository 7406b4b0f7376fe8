//! A forward pass layer by layer, whatever the form of the network: it can stop between two layers and go on from there more than once.

use std::rc::Rc;

use fedlayer_core::Point;
use tch::{Kind, TchError, Tensor};

use crate::{
    engine::{Body, Engine, Forward},
    graph::{Mode, Standing},
};

/// The tensors of one layer on the device, in the layout's order.
pub(crate) type Laid = Rc<[Tensor]>;

impl Engine {
    /// Copies the values of a layer to the device, in a memory of their own: their place in it never depends on the layers beside them.
    pub(crate) fn lay(&self, index: usize, values: &[f32]) -> Result<Laid, TchError> {
        let layer = &self.layout.layers()[index];
        let flat = Tensor::f_from_slice(values)?.f_to_device(self.device.into())?; // (layer's P)
        let tensors = layer.tensors.iter().map(|tensor| {
            let start = tensor.range.start - layer.range.start;
            let shape = tensor.shape.iter().map(|&length| length as i64);
            let shape: Vec<i64> = match (&self.body, &tensor.shape[..]) {
                (Body::Alone(_), _) => shape.collect(),
                (Body::Stacked(_), [_, _]) => [1].into_iter().chain(shape).collect(),
                (Body::Stacked(_), _) => vec![1, 1, tensor.range.len() as i64],
            };
            flat.f_narrow(0, start as i64, tensor.range.len() as i64)?.f_view(shape.as_slice())
        });
        tensors.collect()
    }

    /// Copies every layer of a point to the device.
    pub(crate) fn lay_all(&self, point: &Point) -> Result<Vec<Laid>, TchError> {
        let params = point.params();
        let layers = self.layout.layers().iter().enumerate();
        layers.map(|(index, layer)| self.lay(index, params.range(&layer.range))).collect()
    }

    /// Whether a pass may go on from between two layers; a module runs as a whole.
    pub(crate) fn resumes(&self) -> bool {
        !matches!(&self.body, Body::Alone(alone) if alone.script().is_some())
    }

    /// Before the first layer, for a batch `(B, …)`.
    pub(crate) fn begin(&self, inputs: &Tensor, mode: &mut Mode<'_>) -> Result<Standing, TchError> {
        match &self.body {
            Body::Stacked(_) => Ok(Standing::new(inputs.f_unsqueeze(0)?)), // (1, B, F)
            Body::Alone(alone) => match &alone.forward {
                Forward::Graph(graph) => graph.begin(inputs, mode),
                Forward::Script(_) => Ok(Standing::new(inputs.shallow_clone())),
            },
        }
    }

    /// Through the layer with this index, whose tensors are `layer`, up to the next one.
    pub(crate) fn through(
        &self,
        index: usize,
        layer: &[Tensor],
        mut standing: Standing,
        mode: &mut Mode<'_>,
    ) -> Result<Standing, TchError> {
        match &self.body {
            Body::Stacked(stacked) => stacked.network.through(index, layer, standing),
            Body::Alone(alone) => match &alone.forward {
                Forward::Graph(graph) => graph.through(index, layer, standing, mode),
                // Its tensors wait for the end.
                Forward::Script(_) => {
                    standing.aside.extend(layer.iter().map(Tensor::shallow_clone));
                    Ok(standing)
                }
            },
        }
    }

    /// The logits behind the last layer, a row for each label: `(B·targets, C)`.
    pub(crate) fn end(&self, standing: Standing, mode: &Mode<'_>) -> Result<Tensor, TchError> {
        match &self.body {
            Body::Stacked(stacked) => stacked.network.end(standing)?.f_squeeze_dim(0),
            Body::Alone(alone) => match &alone.forward {
                Forward::Graph(_) => standing.x.f_to_kind(Kind::Float)?.f_flatten(0, -2),
                Forward::Script(script) => {
                    script.forward(&standing.aside, &standing.x, mode)?.f_flatten(0, -2)
                }
            },
        }
    }

    /// The logits of a batch `(B, …)`, a row for each label: `(B·targets, C)`.
    pub(crate) fn logits(
        &self,
        layers: &[Laid],
        inputs: &Tensor,
        mode: &mut Mode<'_>,
    ) -> Result<Tensor, TchError> {
        let mut standing = self.begin(inputs, mode)?;
        for (index, layer) in layers.iter().enumerate() {
            standing = self.through(index, layer, standing, mode)?;
        }
        self.end(standing, mode)
    }
}
