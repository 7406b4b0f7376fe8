//! [`RoundEvaluation`]: the evaluation of the clients' models right after averaging, on the common
//! sets and on each client's own held-out data.

use std::sync::Arc;

use crate::{
    data::{ClientId, Split},
    estimate::{mean, sample_deviation},
    model::{Params, Point},
    record::EvaluationRecord,
    round::Federation,
    spec::DataSpec,
    trainer::{Evaluation, Probe},
};

/// The evaluation of the clients' models right after averaging. A model that several clients share
/// is evaluated on a common set once.
#[derive(Debug)]
pub struct RoundEvaluation {
    models: Vec<Arc<Params>>,
    /// The clients, each with the index of its model.
    clients: Vec<(ClientId, usize)>,
    splits: EvaluatedSplits,
}

/// The splits that models are evaluated on beside the common test set: those that the scenario sets
/// apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EvaluatedSplits {
    /// The clients' own test data.
    pub client_test: bool,
    /// The common validation set.
    pub validation: bool,
    /// The clients' own validation data.
    pub client_validation: bool,
}

/// The means over the clients of values on their own data.
struct ClientMeans {
    loss: Option<f64>,
    accuracy: Option<f64>,
    /// The sample standard deviation of the accuracy.
    accuracy_std: Option<f64>,
    /// The number of clients without such data.
    without: u32,
}

impl EvaluatedSplits {
    /// Returns the splits that a scenario sets apart.
    pub fn of(data: &DataSpec) -> Self {
        Self {
            client_test: data.client_test_share > 0.0,
            validation: data.validation_share > 0.0,
            client_validation: data.client_validation_share > 0.0,
        }
    }
}

impl RoundEvaluation {
    /// Plans the evaluation of the models of `clients`.
    pub fn new(
        federation: &Federation,
        clients: impl IntoIterator<Item = ClientId>,
        splits: EvaluatedSplits,
    ) -> Self {
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
        Self { models, clients, splits }
    }

    /// Returns one probe per model on the common test set, then one per client on its own test
    /// data; the same follows for validation data. Splits that do not exist have no probes.
    pub fn probes(&self) -> Vec<Probe> {
        let probe =
            |model: usize, split| Probe { point: Point::Model(self.models[model].clone()), split };
        let common = |split: Split| (0..self.models.len()).map(move |model| probe(model, split));
        let own = |split: fn(ClientId) -> Split| {
            self.clients.iter().map(move |&(client, model)| probe(model, split(client)))
        };
        let EvaluatedSplits { client_test, validation, client_validation } = self.splits;
        let mut probes: Vec<Probe> = common(Split::Test).collect();
        probes.extend(own(Split::ClientTest).filter(|_| client_test));
        probes.extend(common(Split::Validation).filter(|_| validation));
        probes.extend(own(Split::ClientValidation).filter(|_| client_validation));
        probes
    }

    /// Makes the record, from one evaluation per probe in the order of [`probes`](Self::probes).
    /// Clients without held-out data are counted and left out of the means over such data.
    pub fn record(&self, evaluations: &[Evaluation]) -> EvaluationRecord {
        let mut rest = evaluations;
        let mut next = |exists: bool, count: usize| {
            let (taken, left) = rest.split_at(if exists { count } else { 0 });
            rest = left;
            taken
        };
        let (models, clients) = (self.models.len(), self.clients.len());
        let test = next(true, models);
        let client_test = ClientMeans::of(next(self.splits.client_test, clients), clients);
        let validation = next(self.splits.validation, models);
        let client_validation = next(self.splits.client_validation, clients);
        let client_validation = ClientMeans::of(client_validation, client_validation.len());
        let finite = |value: &f64| value.is_finite();
        EvaluationRecord {
            test_loss: self.over_clients(test, Evaluation::loss).filter(finite),
            test_accuracy: self.over_clients(test, Evaluation::accuracy),
            client_loss_mean: client_test.loss,
            client_accuracy_mean: client_test.accuracy,
            client_accuracy_std: client_test.accuracy_std,
            clients_without_test: client_test.without,
            validation_loss: self.over_clients(validation, Evaluation::loss).filter(finite),
            validation_accuracy: self.over_clients(validation, Evaluation::accuracy),
            client_validation_loss_mean: client_validation.loss,
            client_validation_accuracy_mean: client_validation.accuracy,
            clients_without_validation: client_validation.without,
        }
    }

    /// Returns the mean over the clients of a value of their models on a common set; `None` if a
    /// model has no such value.
    fn over_clients(
        &self,
        common: &[Evaluation],
        measure: fn(&Evaluation) -> Option<f64>,
    ) -> Option<f64> {
        let value = |&(_, model): &(ClientId, usize)| measure(common.get(model)?);
        let values: Option<Vec<f64>> = self.clients.iter().map(value).collect();
        mean(values?.into_iter())
    }
}

impl ClientMeans {
    /// Averages the evaluations of `clients` clients on their own data.
    fn of(own: &[Evaluation], clients: usize) -> Self {
        let values = |measure: fn(&Evaluation) -> Option<f64>| -> Vec<f64> {
            own.iter().filter_map(measure).collect()
        };
        let accuracies = values(Evaluation::accuracy);
        let tested = own.iter().filter(|evaluation| !evaluation.losses.is_empty()).count();
        Self {
            loss: mean(values(Evaluation::loss).into_iter()).filter(|loss| loss.is_finite()),
            accuracy: mean(accuracies.iter().copied()),
            accuracy_std: sample_deviation(&accuracies),
            without: (clients - tested) as u32,
        }
    }
}
