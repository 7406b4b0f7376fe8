//! [`ModelSet`]: the models that are analysed, and what is known of where they come from.

use std::sync::Arc;

use fedlayer_core::{
    barrier::EndModel,
    data::ClientId,
    model::{LayerSet, Layout, Mix, Params, Point, architecture::Architecture},
    trainer::Update,
};

use crate::error::AnalysisError;

/// The models that are analysed, and what is known of where they come from. All of one layout.
#[derive(Debug, Clone)]
pub struct ModelSet {
    /// The round after which the models are what they are; 0 for models that come from files or values.
    pub round: u32,
    /// The models, at least one.
    pub models: Vec<TrainedModel>,
    /// The model that all of them started from, where it is known.
    pub initial: Option<Arc<Params>>,
    /// The network as a list of operations, where it is one; alignment needs it.
    pub architecture: Option<Architecture>,
}

/// One model that is analysed.
#[derive(Debug, Clone)]
pub struct TrainedModel {
    /// What records call it: the client; 1, 2, … for models that come from files or values.
    pub id: ClientId,
    /// Its values.
    pub params: Arc<Params>,
    /// Its training examples, by which it counts in means.
    pub examples: u64,
    /// What it was after earlier rounds and after this one, ascending; empty where that is not known.
    pub history: Vec<(u32, Arc<Params>)>,
}

impl ModelSet {
    /// The layers of the models.
    pub fn layout(&self) -> &Arc<Layout> {
        self.models[0].params.layout()
    }

    /// Checks that every value is finite, and every running variance at least 0.
    pub(crate) fn check(&self) -> Result<(), AnalysisError> {
        for model in &self.models {
            model.params.check().map_err(|error| AnalysisError::Values {
                model: model.id.to_string(),
                reason: error.to_string(),
            })?;
        }
        Ok(())
    }

    /// The first two models; every measurement between models needs them.
    pub(crate) fn pair(
        &self,
        measure: &'static str,
    ) -> Result<(&TrainedModel, &TrainedModel), AnalysisError> {
        match &self.models[..] {
            [first, second, ..] => Ok((first, second)),
            other => Err(AnalysisError::Models { measure, found: other.len(), needed: 2 }),
        }
    }

    /// Where the models started, or where it is not known what they are themselves: cosines of movements are then absent.
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

    /// Every layer alone.
    pub(crate) fn layers(&self) -> Vec<LayerSet> {
        let layout = self.layout();
        let layers = 0..layout.layers().len();
        layers.map(|layer| LayerSet::new(layout.clone(), [layer])).collect()
    }

    /// Every layer alone, then all together, unless there is but one.
    pub(crate) fn layers_and_whole(&self) -> Vec<LayerSet> {
        let mut sets = self.layers();
        if sets.len() > 1 {
            sets.push(LayerSet::all(self.layout()));
        }
        sets
    }

    /// The first two models, each with the other one.
    pub(crate) fn both_ways(
        &self,
        measure: &'static str,
    ) -> Result<[(&TrainedModel, &TrainedModel); 2], AnalysisError> {
        let (first, second) = self.pair(measure)?;
        Ok([(first, second), (second, first)])
    }
}

impl TrainedModel {
    /// This model with another one's layers of a set, `weight` of the way.
    pub(crate) fn toward(&self, other: &Arc<Params>, set: &LayerSet, weight: f64) -> Point {
        let (base, other, set) = (self.params.clone(), other.clone(), set.clone());
        Point::Mix(Mix { base, other, set, weight })
    }

    /// The model as it is.
    pub(crate) fn point(&self) -> Point {
        Point::Model(self.params.clone())
    }
}
