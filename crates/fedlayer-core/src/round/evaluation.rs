//! [`RoundEvaluation`]: the evaluation of the clients' models right after averaging, on the common
//! test set and on each client's own test data.

use std::sync::Arc;

use crate::{
    data::{ClientId, Split},
    estimate::{mean, sample_deviation},
    model::{Params, Point},
    record::EvaluationRecord,
    round::Federation,
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

impl RoundEvaluation {
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
