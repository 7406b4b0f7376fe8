//! Helpers of the tests: plans, models, and barriers over a loss that is a closure.

use std::{fmt::Debug, sync::Arc};

use fedlayer_core::{
    Plan, Seed,
    barrier::{BarrierStudy, EndModel},
    data::{ClientId, Examples, FederatedData},
    model::{Layout, Params},
    record::{BarrierKind, BarrierRow, Metric},
    spec::{
        Average, BarrierSpec, Baseline, Between, CheckpointSpec, ClientsSpec, DataSet, DataSpec,
        EvaluateSpec, LocalSpec, Loss, ModelSpec, Optimizer, Rule, SetSpec, Sgd, SplitSpec,
        Statistics, StrategySpec, Toy, Weighting,
    },
    trainer::{Evaluation, Probe, Update},
};
use proptest::prelude::*;

/// Makes a layout of layers with these names and numbers of values.
pub(crate) fn layout(layers: &[(&str, usize)]) -> Arc<Layout> {
    let tensors = layers.iter().map(|&(name, len)| (format!("{name}.weight"), vec![len]));
    Arc::new(Layout::new(tensors).unwrap())
}

pub(crate) fn params(layout: &Arc<Layout>, values: &[f32]) -> Arc<Params> {
    Arc::new(Params::new(layout.clone(), values.to_vec()).unwrap())
}

/// Returns the values as bits: −0 differs from 0.
pub(crate) fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Any finite value, including signed zeros and subnormals.
pub(crate) fn any_finite() -> impl Strategy<Value = f32> + Clone {
    use prop::num::f32::{NEGATIVE, NORMAL, POSITIVE, SUBNORMAL, ZERO};
    POSITIVE | NEGATIVE | NORMAL | SUBNORMAL | ZERO
}

/// Makes the update of a client.
pub(crate) fn update(client: u32, params: &Arc<Params>, examples: u64) -> Update {
    Update {
        client: ClientId(client),
        params: params.clone(),
        optimizer: None,
        examples,
        steps: 1,
        loss: 1.0,
    }
}

/// Makes end models of clients 0, 1, …, from values and numbers of examples. All of them started
/// from zero.
pub(crate) fn ends(layout: &Arc<Layout>, models: &[(&[f32], u64)]) -> Vec<EndModel> {
    let start = Arc::new(Params::zeros(layout.clone()));
    let end = |(client, (values, examples)): (usize, &(&[f32], u64))| EndModel {
        start: start.clone(),
        update: update(client as u32, &params(layout, values), *examples),
    };
    models.iter().enumerate().map(end).collect()
}

/// Specifies full and layer-wise barriers between pairs at α = ½ on the test split, under every
/// baseline.
pub(crate) fn pairs() -> BarrierSpec {
    BarrierSpec {
        every: 1,
        sets: vec![SetSpec::Full, SetSpec::Layers],
        alpha: vec![0.5],
        splits: vec![SplitSpec::Test],
        baselines: Baseline::ALL.to_vec(),
        between: Between::Pairs,
        twins: 0,
    }
}

/// Specifies the same between each model and the cohort's mean.
pub(crate) fn cohort() -> BarrierSpec {
    BarrierSpec { between: Between::Cohort, ..pairs() }
}

/// The loss of each example, and whether the model is right.
pub(crate) type Outcomes = Vec<(f32, bool)>;

/// The records of a round's barriers.
pub(crate) struct Measured {
    pub(crate) rows: Vec<BarrierRow>,
    /// The largest loss of any model on any example.
    pub(crate) scale: f64,
}

/// Measures barriers over a loss that is a closure from the parameters to the outcomes.
pub(crate) fn measure(
    spec: &BarrierSpec,
    weighting: Weighting,
    ends: &[EndModel],
    outcomes: impl Fn(&[f32]) -> Outcomes,
) -> Measured {
    let study = BarrierStudy::new(spec, weighting, 1, Seed::new(7), ends).unwrap();
    let evaluations: Vec<_> =
        study.probes().iter().map(|probe| evaluate(probe, &outcomes)).collect();
    let losses = evaluations.iter().flat_map(|evaluation| &evaluation.losses);
    let scale = losses.fold(0.0_f64, |scale, &loss| scale.max(f64::from(loss)));
    Measured { rows: study.rows(&evaluations), scale }
}

fn evaluate(probe: &Probe, outcomes: impl Fn(&[f32]) -> Outcomes) -> Evaluation {
    let outcomes = outcomes(probe.point.params().values()).into_iter();
    let share = |(loss, correct)| (loss, f32::from(u8::from(correct)));
    let (losses, correct) = outcomes.map(share).unzip();
    Evaluation { losses, correct: Some(correct) }
}

/// The key of a row. The defaults are test loss, baseline `mean`, α = ½.
#[derive(Debug, Clone, Copy)]
pub(crate) struct At<'a> {
    pub(crate) metric: Metric,
    pub(crate) kind: BarrierKind,
    pub(crate) set: &'a str,
    pub(crate) base: &'a str,
    pub(crate) alpha: Option<f64>,
    pub(crate) baseline: Option<Baseline>,
}

pub(crate) fn at<'a>(kind: BarrierKind, set: &'a str, base: &'a str) -> At<'a> {
    let (alpha, baseline) = (Some(0.5), Some(Baseline::Mean));
    At { metric: Metric::Loss, kind, set, base, alpha, baseline }
}

impl Measured {
    /// Returns the only row with this key.
    pub(crate) fn row(&self, at: At<'_>) -> &BarrierRow {
        let found: Vec<_> = self
            .rows
            .iter()
            .filter(|row| (row.metric, row.kind, row.baseline) == (at.metric, at.kind, at.baseline))
            .filter(|row| (row.set.as_str(), row.base.as_str()) == (at.set, at.base))
            .filter(|row| row.alpha == at.alpha)
            .collect();
        let [row] = found[..] else { panic!("{} rows for {at:?}", found.len()) };
        row
    }

    /// Returns the value of the only row with this key.
    pub(crate) fn value(&self, at: At<'_>) -> f64 {
        self.row(at).value.unwrap_or_else(|| panic!("no value for {at:?}"))
    }

    /// Returns the rows of one kind.
    pub(crate) fn of(&self, kind: BarrierKind) -> impl Iterator<Item = &BarrierRow> {
        self.rows.iter().filter(move |row| row.kind == kind)
    }

    /// Compares rows of test loss, baseline `mean`, α = ½ with expected values: kind, set, base,
    /// value.
    pub(crate) fn check(&self, expected: &[(BarrierKind, &str, &str, f64)]) {
        for &(kind, set, base, value) in expected {
            near(self.value(at(kind, set, base)), value, 1e-12, (kind, set, base));
        }
    }
}

/// Makes the layout of a fully connected network with these widths, from the input: `fc1`, `fc2`,
/// …, `out`.
pub(crate) fn dense(widths: &[usize]) -> Arc<Layout> {
    let last = widths.len() - 2;
    let tensors = widths.windows(2).enumerate().flat_map(|(layer, w)| {
        let name = if layer == last { "out".to_owned() } else { format!("fc{}", layer + 1) };
        [(format!("{name}.weight"), vec![w[1], w[0]]), (format!("{name}.bias"), vec![w[1]])]
    });
    Arc::new(Layout::new(tensors).unwrap())
}

/// Computes the output of that network for an input, in f64.
pub(crate) fn forward(
    widths: &[usize],
    values: &[f32],
    input: &[f64],
    activation: fn(f64) -> f64,
) -> Vec<f64> {
    let mut hidden = input.to_vec();
    let mut rest = values;
    for layer in widths.windows(2) {
        let (weight, tail) = rest.split_at(layer[0] * layer[1]); // (out, in)
        let (bias, tail) = tail.split_at(layer[1]); // (out)
        let last = tail.is_empty();
        let output = weight.chunks(layer[0]).zip(bias).map(|(row, &bias)| {
            let sum: f64 = row.iter().zip(&hidden).map(|(&w, x)| f64::from(w) * x).sum();
            let output = sum + f64::from(bias);
            if last { output } else { activation(output) }
        });
        hidden = output.collect();
        rest = tail;
    }
    hidden
}

/// Computes −log softmax(output)[label].
pub(crate) fn cross_entropy(output: &[f64], label: usize) -> f64 {
    let top = output.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = output.iter().map(|f| (f - top).exp()).sum();
    top + sum.ln() - output[label]
}

/// Checks that two numbers differ by at most `tolerance`, relative to the larger one (or to 1, if
/// both are smaller).
pub(crate) fn near(found: f64, expected: f64, tolerance: f64, what: impl Debug) {
    let size = found.abs().max(expected.abs()).max(1.0);
    assert!((found - expected).abs() <= tolerance * size, "{what:?}: {found} is not {expected}");
}

/// Computes the mean.
pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Makes a plan of toy clients: three rounds of full averaging, four clients, two layers of one
/// value each.
pub(crate) fn plan() -> Plan {
    Plan {
        seed: 1,
        rounds: 3,
        data: DataSpec::new(DataSet::Digits),
        clients: ClientsSpec {
            count: 4,
            per_round: None,
            dropout: 0.0,
            min_clients: 1,
            deadline: None,
            attempts: 3,
        },
        model: ModelSpec::Toy(Toy { curvature: vec![1.0, 0.5] }),
        layout: layout(&[("q1", 1), ("q2", 1)]),
        initial: None,
        local: LocalSpec {
            loss: Loss::Squared,
            ..LocalSpec::new(1, 1_000_000, Optimizer::Sgd(Sgd::new(0.25)))
        },
        barriers: None,
        evaluate: EvaluateSpec::default(),
        checkpoints: CheckpointSpec::default(),
        variant: None,
        strategy: StrategySpec {
            name: "all".into(),
            average: Average::Always(Rule::All),
            weights: Weighting::Examples,
            statistics: Statistics::default(),
            local: None,
        },
    }
}

/// Makes clients with these examples of two features each, without test data. The test set is the
/// whole pool.
pub(crate) fn data(clients: &[&[[f32; 2]]]) -> Arc<FederatedData> {
    let features: Vec<f32> = clients.iter().copied().flatten().flatten().copied().collect();
    let labels = vec![0; features.len() / 2];
    let pool = Arc::new(Examples::new(vec![2], 1, features, labels));
    let mut next = 0;
    let owned = clients.iter().map(|examples| {
        let own = next..next + examples.len() as u32;
        next = own.end;
        (own.collect(), Vec::new())
    });
    Arc::new(FederatedData::new(pool.clone(), pool.clone(), owned.collect::<Vec<_>>()))
}
