//! The types that the correct and the published kinds of noise share.

use fedlayer_core::Generator;

use crate::model_set::TrainedModel;

/// The name of a kind of noise, and a function that draws a direction of length 1; `None` if there
/// is no such direction.
pub(super) type Noise<'a> = (&'static str, Box<dyn Fn(&mut Generator) -> Option<Vec<f64>> + 'a>);

/// The model that gets the noise, and the other model.
pub(super) type Pair<'a> = (&'a TrainedModel, &'a TrainedModel);
