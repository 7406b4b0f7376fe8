//! [`CheckedScenario`]: a scenario that is read and checked, and its plans.

use std::sync::Arc;

use fedlayer_core::{
    Plan,
    model::Layout,
    spec::{LocalSpec, Variant},
};

use crate::{
    Environment, Scenario, consistency, local_overlays, parse::parse, problem::Problem,
    schema::ValueSchema,
};

/// A scenario without problems, apart from those of its sweep.
pub(crate) struct CheckedScenario {
    pub(crate) scenario: Scenario,
    /// The local training of each strategy.
    locals: Vec<LocalSpec>,
    layout: Arc<Layout>,
}

impl CheckedScenario {
    /// Reads and checks a text without syntax errors.
    ///
    /// # Errors
    /// Every problem of the first step that has any.
    pub(crate) fn read(
        text: &str,
        schema: &ValueSchema,
        environment: &dyn Environment,
    ) -> Result<Self, Vec<Problem>> {
        let scenario = parse(text, schema)?;
        let locals = local_overlays::merge(&scenario, schema)?;
        let layout = consistency::check(&scenario, &locals, environment)?;
        Ok(Self { scenario, locals, layout })
    }

    /// Returns its plans, all of this variant.
    pub(crate) fn plans(&self, variant: Option<&Variant>) -> Vec<Plan> {
        self.scenario.plans(&self.locals, &self.layout, variant)
    }
}
