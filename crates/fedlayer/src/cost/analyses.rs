//! [`lines`]: the analyses of a scenario, as `fedlayer check` lists them; [`operations`]: their
//! cost.

use fedlayer_core::{
    Plan,
    data::FederatedData,
    spec::{
        AnalysisSpec, BarrierSpec, Baseline, Between, Measurement, Order, RoundChoice, RoundWord,
        SetSpec, SplitSpec, Through,
    },
};
use serde::Serialize;

use super::barrier_probes;

/// An analysis, and the work that it asks of the trainer.
#[derive(Debug, Serialize)]
pub(crate) struct AnalysisLine {
    /// The name of the analysis.
    pub(crate) name: String,
    /// The word of the measurement.
    pub(crate) measure: &'static str,
    /// The number of rounds with models to analyse.
    pub(crate) rounds: u64,
    /// The evaluations of one model on one split, over all rounds and splits. Evaluations that
    /// share their first layers cost less.
    pub(crate) evaluations: u64,
    /// The largest number of products with a Hessian. Each costs about as much as four evaluations
    /// of one model on one split.
    pub(crate) products: u64,
}

/// Returns a line for each analysis.
pub(crate) fn lines(specs: &[AnalysisSpec], plan: &Plan) -> Vec<AnalysisLine> {
    let line = |spec: &AnalysisSpec| {
        let rounds = rounds(spec, plan);
        let (evaluations, products) = asked(spec, plan);
        let times = rounds * spec.splits.len() as u64;
        AnalysisLine {
            name: spec.name().to_owned(),
            measure: spec.measure.word(),
            rounds,
            evaluations: evaluations * times,
            products: products * times,
        }
    };
    specs.iter().map(line).collect()
}

/// The number of evaluations of one model on one split that cost as much as a product with a
/// Hessian.
pub(crate) const PRODUCT: u64 = 4;

/// Returns an upper bound of the floating-point operations of the analyses; `forward` is the cost
/// of a forward pass of one example.
pub(crate) fn operations(
    specs: &[AnalysisSpec],
    plan: &Plan,
    data: &FederatedData,
    forward: f64,
) -> f64 {
    let of = |spec: &AnalysisSpec| {
        let (evaluations, products) = asked(spec, plan);
        let times = rounds(spec, plan) * (evaluations + PRODUCT * products);
        let examples = spec.splits.iter().map(|split| match split {
            SplitSpec::Train => data.pool().map_or(0, |_| data.all_train_examples()),
            SplitSpec::Test => data.test.len(),
        });
        forward * times as f64 * examples.sum::<usize>() as f64
    };
    specs.iter().map(of).sum()
}

fn rounds(spec: &AnalysisSpec, plan: &Plan) -> u64 {
    let due = || (1..=plan.rounds).filter(|&round| plan.is_due(plan.checkpoints.every, round));
    match &spec.rounds {
        _ if spec.models.is_some() => 1,
        RoundChoice::Word(RoundWord::Last) => 1,
        RoundChoice::Word(RoundWord::All) => due().count() as u64,
        RoundChoice::Listed(rounds) => rounds.len() as u64,
    }
}

/// Returns the evaluations and the products of one round and one split.
fn asked(spec: &AnalysisSpec, plan: &Plan) -> (u64, u64) {
    let models = spec.clients.as_ref().map_or(2, Vec::len) as u64;
    let layers = plan.layout.layers().len() as u64;
    let barriers = |sets: Vec<SetSpec>, between: Between, alpha: Vec<f64>, twins: u32| {
        let spec = BarrierSpec {
            sets,
            between,
            alpha,
            twins,
            baselines: vec![Baseline::Chord],
            ..BarrierSpec::default()
        };
        barrier_probes(&spec, plan, models)
    };
    let halves = |sets| barriers(sets, Between::Pairs, vec![0.5], 0);
    match &spec.measure {
        Measurement::Barriers(of) => {
            (barriers(of.sets.clone(), of.between, of.alpha.clone(), of.twins), 0)
        }
        Measurement::Cumulative(of) => {
            let set = |order: &Order| match order {
                Order::Shallow => SetSpec::Shallow,
                Order::Deep => SetSpec::Deep,
                Order::Random => SetSpec::Random,
                Order::Alternating => SetSpec::Alternating,
            };
            (halves(of.orders.iter().map(set).chain([SetSpec::Full]).collect()), 0)
        }
        Measurement::Window(of) => {
            let windows = of.widths.iter().map(|&width| SetSpec::Window(width));
            (halves(windows.chain([SetSpec::Full]).collect()), 0)
        }
        Measurement::Robustness(of) => {
            let each = of.alpha.len() as u64 * (1 + u64::from(of.draws));
            (2 * (1 + (layers + 1) * each), 0)
        }
        Measurement::Subspace(of) => {
            let places = if of.layers { layers + 1 } else { 1 };
            let kinds = if of.as_published { 7 } else { 4 };
            (2 * (1 + places * kinds * u64::from(of.draws)), 0)
        }
        Measurement::Criticality(of) => {
            let grid = (of.sigma.len() * of.alpha.len()) as u64;
            let rewinds = u64::from(plan.rounds);
            (models * (1 + layers * (1 + rewinds + (1 + grid) * u64::from(of.draws))), 0)
        }
        Measurement::Flatness(of) => (0, 2 * layers * u64::from(of.draws)),
        Measurement::Hessian(of) => (0, 2 * (layers + 1) * u64::from(of.draws + of.steps)),
        Measurement::Surface(of) => {
            let points = u64::from(of.points);
            let grid = if of.through == Through::Segment { points } else { points * points };
            (grid + 3 * points, 0)
        }
        Measurement::Predict(_) => (2 * (1 + layers), 2 * layers),
        Measurement::Align(of) => (2 * halves(of.sets.clone()), 0),
    }
}
