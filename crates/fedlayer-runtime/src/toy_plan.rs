//! [`toy_plan`]: the plan of the tests inside this crate.

use std::sync::Arc;

use fedlayer_core::{
    Plan,
    data::DataFacts,
    spec::{
        Average, CheckpointSpec, ClientsSpec, DataSet, DataSpec, EvaluateSpec, LocalSpec,
        ModelSpec, Optimizer, Rule, Sgd, Statistics, StrategySpec, Toy, Weighting,
    },
};

/// Makes a plan of a model with the values `q1`, `q2` and `q3`, for six clients and five rounds.
pub(crate) fn toy_plan() -> Plan {
    let model = ModelSpec::Toy(Toy { curvature: vec![1.0, 0.5, 2.0] });
    let facts = DataFacts { shape: vec![3], classes: 2, targets: 1, pool: 30, test: 8 };
    Plan {
        seed: 7,
        rounds: 5,
        data: DataSpec::new(DataSet::Digits),
        clients: ClientsSpec {
            count: 6,
            per_round: None,
            dropout: 0.0,
            min_clients: 1,
            deadline: None,
            attempts: 2,
        },
        layout: Arc::new(model.layout(&facts).unwrap()),
        model,
        initial: None,
        local: LocalSpec::new(2, 2, Optimizer::Sgd(Sgd::new(0.1))),
        barriers: None,
        evaluate: EvaluateSpec::default(),
        checkpoints: CheckpointSpec::default(),
        variant: None,
        strategy: StrategySpec {
            name: "strategy".into(),
            average: Average::Always(Rule::All),
            weights: Weighting::Examples,
            statistics: Statistics::default(),
            local: None,
        },
    }
}
