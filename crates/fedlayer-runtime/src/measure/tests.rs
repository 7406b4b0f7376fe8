use std::sync::Mutex;

use fedlayer_core::{
    data::{Examples, FederatedData},
    record::{BarrierKind, Metric},
    spec::{BarrierSpec, Baseline, SplitSpec, Weighting},
    trainer::{ToyTrainer, Trainer},
};

use super::*;
use crate::{LinkError, Reply, Work, WorkerTask, toy_plan::toy_plan};

/// A plan of two toy clients of equal weight with barriers in every round.
fn plan() -> Arc<Plan> {
    let mut plan = toy_plan();
    plan.clients.count = 2;
    plan.barriers = Some(BarrierSpec::default());
    plan.strategy.weights = Weighting::Equal;
    Arc::new(plan)
}

/// A link to one toy trainer on the caller's thread.
struct ToyLink(Mutex<ToyTrainer>);

impl Link for ToyLink {
    fn slots(&self) -> usize {
        1
    }

    async fn call(&self, task: WorkerTask) -> Result<Reply, LinkError> {
        let mut trainer = self.0.lock().unwrap();
        Ok(match task.work {
            Work::Initial(seed) => Reply::Initial(trainer.initial(seed).unwrap()),
            Work::Evaluate(probes) => Reply::Evaluated(trainer.evaluate(&probes).unwrap()),
            Work::Train(_) | Work::Differentiate { .. } => {
                panic!("a measured round neither trains nor differentiates")
            }
        })
    }
}

fn link(plan: &Plan) -> Arc<ToyLink> {
    let values = |count: u32| (0..count * 3).map(|i| i as f32 / 8.0).collect();
    let examples =
        |count: u32| Arc::new(Examples::new(vec![3], 2, values(count), vec![0; count as usize]));
    let clients = [(vec![0, 1], vec![]), (vec![2, 3], vec![])];
    let data = Arc::new(FederatedData::new(examples(4), examples(2), clients));
    Arc::new(ToyLink(Mutex::new(ToyTrainer::new(plan, data).unwrap())))
}

fn update(plan: &Plan, client: u32, values: [f32; 3]) -> Update {
    let params = Arc::new(Params::new(plan.layout.clone(), values.to_vec()).unwrap());
    Update { client: ClientId(client), params, optimizer: None, examples: 2, steps: 1, loss: 0.0 }
}

/// Averages the layers whose own barrier is below −0.1, from the rows of the evidence alone.
fn below(evidence: &Evidence<'_>, layout: &Arc<fedlayer_core::model::Layout>) -> LayerSet {
    let is_wanted = |row: &&BarrierRow| {
        (row.split, row.metric, row.kind)
            == (Some(SplitSpec::Test), Metric::Loss, BarrierKind::Layer)
            && (row.base.as_str(), row.baseline) == ("mean", Some(Baseline::Base))
            && row.value.is_some_and(|value| value < -0.1)
    };
    let chosen = evidence.barriers.iter().filter(is_wanted);
    LayerSet::new(layout.clone(), chosen.filter_map(|row| layout.index_of(&row.set)))
}

/// For two models of equal weight the mean over the bases of a toy's barrier of layer l under
/// `base` is −c_l ‖Δ_l‖² / 8, whatever the data: here −0.125, −0.25 and −0.01.
#[tokio::test]
async fn the_choice_of_layers_sees_the_barriers_of_its_own_round() {
    let plan = plan();
    let start = Arc::new(Params::zeros(plan.layout.clone()));
    let updates = vec![update(&plan, 0, [0.0, 0.0, 0.0]), update(&plan, 1, [1.0, 2.0, 0.2])];
    let starts = updates.iter().map(|update| (update.client, start.clone())).collect();
    let federation = Arc::new(Federation::new(start));
    let gathered = CohortUpdates { round: 1, attempt: 1, updates, missing: BTreeMap::new() };
    let layout = plan.layout.clone();
    let mut seen = Vec::new();
    let choose = |evidence: &Evidence<'_>| {
        seen = evidence.layers.to_vec();
        below(evidence, &layout)
    };
    let measured =
        measure(&link(&plan), &plan, choose, federation, starts, gathered).await.unwrap();
    assert_eq!(measured.record.averaged, "q1+q2");
    assert_eq!(measured.federation.shared().values(), [0.5, 1.0, 0.0]);
    assert_eq!(seen, measured.record.layers);
    let norms: Vec<f64> = seen.iter().map(|layer| layer.update_norm).collect();
    assert_eq!(norms, [0.5, 1.0, f64::from(0.2_f32) / 2.0]);
}

#[test]
fn a_client_without_a_known_start_is_an_error_and_not_left_out() {
    let plan = plan();
    let params = Arc::new(Params::zeros(plan.layout.clone()));
    let updates = [update(&plan, 3, [0.0; 3]), update(&plan, 5, [0.0; 3])];
    let mut starts = BTreeMap::from([(ClientId(3), params.clone())]);
    let error = end_models(&starts, &updates).unwrap_err();
    assert!(matches!(error, RunError::UnknownStart { client: ClientId(5) }), "{error}");
    starts.insert(ClientId(5), params.clone());
    assert_eq!(end_models(&starts, &updates).unwrap().len(), 2);
}
