//! [`RoundEvaluation`]: the evaluation of the clients' models right after averaging, on the common
//! test set and on each client's own test data; [`EvaluationCount`]: the number of its probes.

use std::sync::Arc;

use crate::{
    data::{ClientId, Split},
    estimate::{mean, sample_deviation},
    model::{Params, Point},
    plan::Plan,
    record::EvaluationRecord,
    round::{Federation, LayerSchedule},
    spec::EvaluatedClients,
    trainer::{Evaluation, Probe},
};

/// The evaluation of the clients' models right after averaging. A model that several clients share
/// is evaluated on the test set once.
#[derive(Debug)]
pub struct RoundEvaluation {
    models: Vec<Arc<Params>>,
    /// The clients, each with the index of its model.
    clients: Vec<(ClientId, usize)>,
}

/// The number of probes of a [`RoundEvaluation`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EvaluationCount {
    /// The models on the common test set.
    pub models: u64,
    /// The clients on their own test data.
    pub clients: u64,
}

impl EvaluationCount {
    /// Counts the probes after a round in advance; there are none if no evaluation is due.
    ///
    /// Every client of the cohort counts as one that reports. If some of them drop out, or if
    /// clients that took part in different rounds are evaluated, the count is an upper bound.
    pub fn foreseen(plan: &Plan, schedule: &LayerSchedule, round: u32) -> Self {
        if !plan.is_due(plan.evaluate.every, round) {
            return Self::default();
        }
        let (all, cohort) = (u64::from(plan.clients.count), u64::from(plan.clients.cohort()));
        let took_part = all.min(cohort * u64::from(round));
        let (clients, keepers) = match plan.evaluate.clients {
            EvaluatedClients::Cohort => (cohort, cohort),
            EvaluatedClients::All => (all, took_part),
        };
        let models = match schedule.averages_everything(round) {
            true => 1,
            // Clients that have never taken part share one model.
            false => keepers + u64::from(keepers < clients),
        };
        Self { models, clients }
    }
}

impl RoundEvaluation {
    /// Plans the evaluation of the clients that the plan asks for; `reported` are the clients of
    /// the round.
    pub fn of_round(plan: &Plan, federation: &Federation, reported: &[ClientId]) -> Self {
        match plan.evaluate.clients {
            EvaluatedClients::Cohort => Self::new(federation, reported.iter().copied()),
            EvaluatedClients::All => Self::new(federation, (0..plan.clients.count).map(ClientId)),
        }
    }

    /// Plans the evaluation of the models of `clients`.
    pub fn new(federation: &Federation, clients: impl IntoIterator<Item = ClientId>) -> Self {
        let mut models: Vec<Arc<Params>> = Vec::new();
        let mut shared = None;
        let clients = clients
            .into_iter()
            .map(|client| {
                let model = federation.model(client);
                let is_shared = Arc::ptr_eq(&model, federation.shared());
                let index = shared.filter(|_| is_shared).unwrap_or(models.len());
                if index == models.len() {
                    models.push(model);
                }
                if is_shared {
                    shared = Some(index);
                }
                (client, index)
            })
            .collect();
        Self { models, clients }
    }

    /// Returns one probe per model on the common test set, then one per client on its own test
    /// data.
    pub fn probes(&self) -> Vec<Probe> {
        let probe =
            |model: usize, split| Probe { point: Point::Model(self.models[model].clone()), split };
        let common = (0..self.models.len()).map(|model| probe(model, Split::Test));
        let own =
            self.clients.iter().map(|&(client, model)| probe(model, Split::ClientTest(client)));
        common.chain(own).collect()
    }

    /// Makes the record, from one evaluation per probe in the order of [`probes`](Self::probes).
    /// Clients without test data are counted and left out of the means over test data.
    pub fn record(&self, evaluations: &[Evaluation]) -> EvaluationRecord {
        let (common, own) = evaluations.split_at(self.models.len());
        let over_clients = |measure: fn(&Evaluation) -> Option<f64>| -> Option<f64> {
            let values: Option<Vec<f64>> =
                self.clients.iter().map(|&(_, model)| measure(&common[model])).collect();
            mean(values?.into_iter())
        };
        let own_values = |measure: fn(&Evaluation) -> Option<f64>| -> Vec<f64> {
            own.iter().filter_map(measure).collect()
        };
        let accuracies = own_values(Evaluation::accuracy);
        let untested = own.iter().filter(|evaluation| evaluation.losses.is_empty());
        let finite = |value: &f64| value.is_finite();
        EvaluationRecord {
            test_loss: over_clients(Evaluation::loss).filter(finite),
            test_accuracy: over_clients(Evaluation::accuracy),
            client_loss_mean: mean(own_values(Evaluation::loss).into_iter()).filter(finite),
            client_accuracy_mean: mean(accuracies.iter().copied()),
            client_accuracy_std: sample_deviation(&accuracies),
            clients_without_test: untested.count() as u32,
        }
    }
}
