//! The layers of a point on the device, ready for an evaluation.

use fedlayer_core::model::Point;
use tch::TchError;

use crate::{engine::Engine, network::LayerTensors};

use super::running_statistics;

/// Copies the layers of a point to the device, and measures its running statistics anew if the plan
/// asks for it.
pub(crate) fn layers_of(engine: &Engine, point: &Point) -> Result<Vec<LayerTensors>, TchError> {
    let layers = engine.upload_layers(point)?;
    if running_statistics::are_measured(engine) {
        running_statistics::measure(engine, &layers, point)?;
    }
    Ok(layers)
}
