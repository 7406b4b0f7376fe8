//! What the right and the published kinds of noise have in common.

use fedlayer_core::Generator;

use crate::model_set::TrainedModel;

/// A kind of noise, and how a direction of it is drawn; nothing where there is no such direction.
pub(super) type Noise<'a> = (&'static str, Box<dyn Fn(&mut Generator) -> Option<Vec<f64>> + 'a>);

/// Two models: the one that gets the noise, and the other one.
pub(super) type Pair<'a> = (&'a TrainedModel, &'a TrainedModel);
