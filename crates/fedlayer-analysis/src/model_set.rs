//! [`ModelSet`]: the models that are analysed, with their origin and history.

use std::sync::Arc;

use fedlayer_core::{
    barrier::EndModel,
    data::ClientId,
    model::{LayerSet, Layout, Mix, Params, Point, architecture::Architecture},
    trainer::Update,
};

use crate::{error::AnalysisError, work::ModelSetShape};

/// The models that are analysed, with their origin and history. All have one layout.
#[derive(Debug, Clone)]
pub struct ModelSet {
    /// The round of the models; 0 for models from files or values.
    pub round: u32,
    /// The models, at least one.
    pub models: Vec<TrainedModel>,
    /// The common initial model, if it is known.
    pub initial: Option<Arc<Params>>,
    /// The network as a list of operations, if it is known; alignment needs it.
    pub architecture: Option<Architecture>,
}

/// One model that is analysed.
#[derive(Debug, Clone)]
pub struct TrainedModel {
    /// The name in records: the client, or 1, 2, … for models from files or values.
    pub id: ClientId,
    /// The parameters.
    pub params: Arc<Params>,
    /// The number of training examples, its weight in means.
    pub examples: u64,
    /// The states after earlier rounds and after this one, in ascending order; empty if they are
    /// not known.
    pub history: Vec<(u32, Arc<Params>)>,
}

impl ModelSet {
    /// Returns the layers of the models.
    pub fn layout(&self) -> &Arc<Layout> {
        self.models[0].params.layout()
    }

    /// Returns the properties that decide how much work a measurement is.
    pub fn shape(&self) -> ModelSetShape {
        let states = self.models.iter().map(|model| model.history.len()).min();
        ModelSetShape {
            layout: self.layout().clone(),
            models: self.models.len(),
            states: states.unwrap_or(0),
        }
    }

    /// Checks that every value is finite and that no running variance is negative.
    pub(crate) fn check(&self) -> Result<(), AnalysisError> {
        for model in &self.models {
            model.params.check().map_err(|error| AnalysisError::Values {
                model: model.id.to_string(),
                reason: error.to_string(),
            })?;
        }
        Ok(())
    }

    /// Returns the first two models. Every measurement between models needs them.
    pub(crate) fn pair(
        &self,
        measure: &'static str,
    ) -> Result<(&TrainedModel, &TrainedModel), AnalysisError> {
        match &self.models[..] {
            [first, second, ..] => Ok((first, second)),
            other => Err(AnalysisError::Models { measure, found: other.len(), needed: 2 }),
        }
    }

    /// Returns the models as end models. If the initial model is not known, every model is its own
    /// start, and the cosines of movements are absent.
    pub(crate) fn ends(&self) -> Vec<EndModel> {
        let end = |model: &TrainedModel| EndModel {
            start: self.initial.clone().unwrap_or_else(|| model.params.clone()),
            update: Update {
                client: model.id,
                params: model.params.clone(),
                optimizer: None,
                examples: model.examples,
                steps: 0,
                loss: 0.0,
            },
        };
        self.models.iter().map(end).collect()
    }

    /// Returns one set per layer.
    pub(crate) fn layers(&self) -> Vec<LayerSet> {
        self.shape().layers()
    }

    /// Returns one set per layer, then the set of all layers if there are several.
    pub(crate) fn layers_and_whole(&self) -> Vec<LayerSet> {
        self.shape().layers_and_whole()
    }

    /// Returns the first two models as (base, other), in both orders.
    pub(crate) fn both_ways(
        &self,
        measure: &'static str,
    ) -> Result<[(&TrainedModel, &TrainedModel); 2], AnalysisError> {
        let (first, second) = self.pair(measure)?;
        Ok([(first, second), (second, first)])
    }
}

impl TrainedModel {
    /// Returns the mix of another model's layers into this one.
    pub(crate) fn toward(&self, other: &Arc<Params>, set: &LayerSet, weight: f64) -> Point {
        let (base, other, set) = (self.params.clone(), other.clone(), set.clone());
        Point::Mix(Mix { base, other, set, weight })
    }

    /// Returns the model as a point.
    pub(crate) fn point(&self) -> Point {
        Point::Model(self.params.clone())
    }
}
