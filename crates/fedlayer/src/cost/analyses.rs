//! [`lines`]: the analyses of a scenario, as `fedlayer check` lists them; [`operations`]: their
//! cost.

use fedlayer_analysis::{AnalysisWork, ModelSetShape};
use fedlayer_core::{
    Plan,
    data::FederatedData,
    spec::{AnalysisSpec, GivenModels, SplitSpec},
};
use serde::Serialize;

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
        let work = work(spec, plan).times(spec.splits.len() as u64);
        AnalysisLine {
            name: spec.name().to_owned(),
            measure: spec.measure.word(),
            rounds: states(spec, plan).len() as u64,
            evaluations: work.evaluations,
            products: work.products,
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
        let work = work(spec, plan);
        let times = work.evaluations.saturating_add(PRODUCT.saturating_mul(work.products));
        let examples = spec.splits.iter().map(|split| match split {
            SplitSpec::Train => data.pool().map_or(0, |_| data.all_train_examples()),
            SplitSpec::Test => data.test.len(),
        });
        forward * times as f64 * examples.sum::<usize>() as f64
    };
    specs.iter().map(of).sum()
}

/// Counts the work of an analysis on each split, over all its rounds.
fn work(spec: &AnalysisSpec, plan: &Plan) -> AnalysisWork {
    let of_round = |states: usize| {
        let shape =
            ModelSetShape { layout: plan.layout.clone(), models: models(spec, plan), states };
        fedlayer_analysis::work(&spec.measure, &shape, plan.root_seed())
    };
    states(spec, plan).into_iter().map(of_round).sum()
}

/// Returns the number of models of an analysis.
fn models(spec: &AnalysisSpec, plan: &Plan) -> usize {
    match (&spec.models, &spec.clients) {
        (Some(GivenModels::Files(files)), _) => files.len(),
        (Some(GivenModels::Values(values)), _) => values.len(),
        (None, Some(clients)) => clients.len(),
        (None, None) => plan.clients.count.min(2) as usize,
    }
}

/// Returns, for each round of an analysis, the number of states of each model that are known.
/// Models that are given have no states of earlier rounds.
fn states(spec: &AnalysisSpec, plan: &Plan) -> Vec<usize> {
    if spec.models.is_some() {
        return vec![0];
    }
    let kept = plan.checkpoints.kept_rounds(plan.rounds);
    let until = |round: u32| kept.iter().filter(|&&kept| kept <= round).count();
    spec.rounds.among(&kept).into_iter().map(until).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{data::Data, folders::Folders};

    /// Returns the lines of one analysis of four clients with three layers, after five rounds.
    fn line(checkpoints: &str, analysis: &str) -> AnalysisLine {
        let text = format!(
            "rounds = 5\ndata.set = \"digits\"\nmodel.toy = {{ curvature = [1.0, 0.5, 2.0] }}\nclients.count = 4\n\
             local = {{ epochs = 1, batch = 64, optimizer = {{ sgd = {{ lr = 0.1 }} }} }}\n\
             strategy = [{{ name = \"none\", average = \"none\" }}]\n\
             checkpoints = {{ {checkpoints} }}\nanalysis = [{{ {analysis} }}]\n"
        );
        let data = Data::new(Folders::new(None));
        let read = fedlayer_scenario::read("test", &text, &[], &data).unwrap();
        lines(&read.scenario.analysis, &read.plans[0]).remove(0)
    }

    /// Into both models: the model, and a mix and a product for each of three layers; on two
    /// splits.
    #[test]
    fn an_analysis_counts_on_every_split() {
        let line = line("every = 1", "measure = { predict = {} }");
        assert_eq!((line.rounds, line.evaluations, line.products), (1, 2 * 2 * (1 + 3), 2 * 2 * 3));
    }

    /// Checkpoints of rounds 2, 4 and 5 are one, two and three states. Each of three models:
    /// itself, three layers with the initial values, with each state and with two draws, and for
    /// their criticality the model again and two draws at two positions.
    #[test]
    fn later_rounds_have_more_states() {
        let measure = "measure = { criticality = { draws = 2, sigma = [1.0], alpha = [0.0, 1.0] } }, \
                       clients = [0, 1, 2], splits = [\"test\"]";
        let of_round = |states: u64| 3 * (1 + 3 * (1 + states + 2) + 3 * (1 + 2 * 2));
        let all = line("every = 2, keep = \"all\"", &format!("{measure}, rounds = \"all\""));
        assert_eq!((all.rounds, all.evaluations), (3, of_round(1) + of_round(2) + of_round(3)));
        let listed = line("every = 2, keep = \"all\"", &format!("{measure}, rounds = [4]"));
        assert_eq!((listed.rounds, listed.evaluations), (1, of_round(2)));
        let last = line("every = 2, keep = 2", measure);
        assert_eq!((last.rounds, last.evaluations), (1, of_round(2)));
    }
}
