//! Running statistics in every number, over a network with two batch normalisations that is computed here, held to
//! `tests/oracle/fixtures/batchnorm.json` at the root (PyTorch). Policies that measure statistics anew are held to it in `fedlayer-torch`.

use std::sync::Arc;

use fedlayer_core::{
    AnalysisRow, BarrierKind, BarrierRow, ClientId, EndModel, Federation, Layer, LayerSet, Layout,
    Metric, Mix, ModelSet, Params, ParamsError, Point, Role, Seed, Split, TrainedModel, Update,
    UpdateError, analyze, distance, mean_model, spec::*, traffic, weighted_mean,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    analysis::Closure,
    support::{Outcomes, bits, cohort, cross_entropy, measure, near, pairs, update},
};

const FIXTURE: &str = include_str!("../../../../tests/oracle/fixtures/batchnorm.json");

fn fixture() -> Value {
    serde_json::from_str(FIXTURE).unwrap()
}

fn read<T: DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap()
}

/// A fully connected network with a batch normalisation behind each hidden layer.
fn layout(fixture: &Value, statistics: Statistics) -> Arc<Layout> {
    let widths: Vec<usize> = read(&fixture["widths"]);
    let mut input: usize = read(&fixture["features"]);
    let mut tensors = Vec::new();
    let mut linear = |tensors: &mut Vec<(String, Vec<usize>, Role)>, at: usize, out: usize| {
        tensors.push((format!("fc{at}.weight"), vec![out, input], Role::Trained));
        tensors.push((format!("fc{at}.bias"), vec![out], Role::Trained));
        input = out;
    };
    for (at, &width) in widths.iter().enumerate() {
        linear(&mut tensors, at + 1, width);
        let norm = |tensor: &str| format!("norm{}.{tensor}", at + 1);
        for tensor in ["weight", "bias"] {
            tensors.push((norm(tensor), vec![width], Role::Trained));
        }
        for tensor in ["running_mean", "running_var"] {
            tensors.push((norm(tensor), vec![width], Role::Statistic));
        }
        tensors.push((norm("num_batches_tracked"), vec![], Role::Statistic));
    }
    linear(&mut tensors, widths.len() + 1, read(&fixture["classes"]));
    Arc::new(Layout::with_roles(tensors).unwrap().with_ownership(statistics.ownership()))
}

/// Losses and right answers on the fixture's test examples, in f64.
fn outcomes(fixture: &Value, layout: &Arc<Layout>) -> impl Fn(&[f32]) -> Outcomes + use<> {
    let inputs: Vec<Vec<f64>> = read(&fixture["inputs"]);
    let labels: Vec<usize> = read(&fixture["labels"]);
    let layers = layout.layers().to_vec();
    move |values| {
        let tensor = |layer: &Layer, at: usize| -> Vec<f64> {
            values[layer.tensors[at].range.clone()].iter().map(|&v| v.into()).collect()
        };
        let logits = |input: &Vec<f64>| {
            let mut x = input.clone();
            for layer in &layers {
                let (weight, bias) = (tensor(layer, 0), tensor(layer, 1));
                x = if layer.tensors.len() == 2 {
                    let rows = weight.chunks(x.len()).zip(&bias);
                    rows.map(|(row, b)| row.iter().zip(&x).map(|(w, x)| w * x).sum::<f64>() + b)
                        .collect()
                } else {
                    let (mean, variance) = (tensor(layer, 2), tensor(layer, 3));
                    let one = |(c, x): (usize, &f64)| {
                        let unit = (x - mean[c]) / (variance[c] + 1e-5).sqrt();
                        (unit * weight[c] + bias[c]).tanh()
                    };
                    x.iter().enumerate().map(one).collect()
                };
            }
            x
        };
        let one = |(input, &label): (&Vec<f64>, &usize)| {
            let logits = logits(input);
            let best = (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b]));
            (cross_entropy(&logits, label) as f32, best == Some(label))
        };
        inputs.iter().zip(&labels).map(one).collect()
    }
}

struct Case {
    fixture: Value,
    expected: Value,
    layout: Arc<Layout>,
    start: Arc<Params>,
    models: Vec<Arc<Params>>,
}

/// The three models under the policies whose losses need no training examples.
fn cases() -> [Case; 2] {
    [Statistics::Average, Statistics::Keep].map(case)
}

fn case(statistics: Statistics) -> Case {
    let fixture = fixture();
    let layout = layout(&fixture, statistics);
    let params = |values: &Value| Arc::new(Params::new(layout.clone(), read(values)).unwrap());
    let policy = serde_json::to_value(statistics).unwrap();
    let expected = fixture["cases"].as_array().unwrap().iter().find(|c| c["policy"] == policy);
    Case {
        expected: expected.unwrap().clone(),
        start: params(&fixture["start"]),
        models: fixture["models"].as_array().unwrap().iter().map(params).collect(),
        layout,
        fixture,
    }
}

impl Case {
    fn updates(&self) -> Vec<Update> {
        let examples: Vec<u64> = read(&self.fixture["examples"]);
        let one = |(at, model): (usize, &Arc<Params>)| update(at as u32, model, examples[at]);
        self.models.iter().enumerate().map(one).collect()
    }

    fn barriers(&self, spec: &BarrierSpec) -> Vec<BarrierRow> {
        let end = |update| EndModel { start: self.start.clone(), update };
        let ends: Vec<EndModel> = self.updates().into_iter().map(end).collect();
        let outcomes = outcomes(&self.fixture, &self.layout);
        measure(spec, Weighting::Examples, &ends, outcomes).rows
    }

    fn set(&self, layers: &[usize]) -> LayerSet {
        LayerSet::new(self.layout.clone(), layers.iter().copied())
    }

    fn subject(&self) -> ModelSet {
        let model = |update: Update| TrainedModel {
            id: update.client,
            params: update.params.clone(),
            examples: update.examples,
            history: (1..4).map(|round| (round, self.wandering(&update.params, round))).collect(),
        };
        ModelSet {
            round: 3,
            models: self.updates().into_iter().map(model).collect(),
            initial: Some(self.start.clone()),
            architecture: None,
        }
    }

    /// A state somewhere near a model, with statistics of its own.
    fn wandering(&self, params: &Params, round: u32) -> Arc<Params> {
        let move_one =
            |(at, value): (usize, &f32)| value + 0.1 * ((at as u32 * round) as f32).sin().abs();
        let values = params.values().iter().enumerate().map(move_one).collect();
        Arc::new(Params::new(self.layout.clone(), values).unwrap())
    }

    /// The rows of an analysis, and every model that it evaluated.
    fn analyze(&self, measure: &Measurement) -> (Vec<AnalysisRow>, Vec<Arc<Params>>) {
        let outcomes = outcomes(&self.fixture, &self.layout);
        let mut trainer =
            Closure::new(&self.layout, move |values: &[f32], _: Split| outcomes(values));
        let splits = [SplitSpec::Test];
        let rows = analyze(measure, &self.subject(), &splits, Seed::new(1), &mut trainer).unwrap();
        (rows, trainer.seen.into_iter().map(|(_, params)| params).collect())
    }

    fn statistics(&self, params: &Params) -> Vec<u32> {
        self.layout.statistics().flat_map(|tensor| bits(params.range(&tensor.range))).collect()
    }
}

/// Every sweep at every α: α = ½ and α = 1 of all layers are where one model's statistics were taken for every base.
#[test]
fn barriers_are_pytorchs_where_statistics_are_averaged_and_where_each_base_keeps_its_own() {
    for case in cases() {
        let alphas: Vec<f64> = read(&case.fixture["alphas"]);
        for study in case.expected["studies"].as_array().unwrap() {
            let spec = BarrierSpec {
                sets: vec![SetSpec::Full, SetSpec::Layers, SetSpec::Shallow, SetSpec::Deep],
                alpha: alphas.clone(),
                between: read(&study["between"]),
                ..cohort()
            };
            let rows = case.barriers(&spec);
            let mut bases: Vec<String> = read(&study["bases"]);
            bases.push("mean".to_owned());
            let mut compared = 0;
            for barrier in study["barriers"].as_array().unwrap() {
                let (metric, baseline): (Metric, Baseline) =
                    (read(&barrier["metric"]), read(&barrier["baseline"]));
                for row in rows.iter().filter(|row| {
                    [BarrierKind::Full, BarrierKind::Layer, BarrierKind::Shallow, BarrierKind::Deep].contains(&row.kind)
                        && (row.metric, row.baseline) == (metric, Some(baseline))
                        && row.set == barrier["set"]
                        && row.alpha == barrier["alpha"].as_f64()
                        && row.base != "max"
                        // A loss that is no number has no right answer: which of its logits is the largest is nobody's.
                        && (metric == Metric::Loss || row.alpha < Some(1.0))
                }) {
                    let at = bases.iter().position(|base| *base == row.base).unwrap();
                    let [value, error] = [0, 1].map(|part| barrier["values"][at][part].as_f64());
                    for (found, expected) in [(row.value, value), (row.std_error, error)] {
                        assert_eq!(found.is_some(), expected.is_some(), "{row:?}");
                        near(found.unwrap_or(0.0), expected.unwrap_or(0.0), 2e-6, row);
                        compared += 1;
                    }
                }
            }
            assert!(compared > 500, "{compared}");
            let interaction = rows.iter().filter(|row| {
                (row.kind, row.metric, row.baseline, row.alpha)
                    == (BarrierKind::Interaction, Metric::Loss, Some(Baseline::Mean), Some(0.5))
            });
            for (row, expected) in interaction.zip(study["interaction"].as_array().unwrap()) {
                near(row.value.unwrap(), expected[0].as_f64().unwrap(), 1e-5, row);
            }
        }
    }
}

#[test]
fn norms_cosines_and_parameters_leave_statistics_out() {
    for case in cases() {
        for (name, spec) in [("cohort", cohort()), ("pairs", pairs())] {
            let sets = vec![SetSpec::Full, SetSpec::Layers, SetSpec::Shallow, SetSpec::Deep];
            let rows = case.barriers(&BarrierSpec { sets, ..spec });
            let found = |metric, set: &Value, base: &str| {
                let mut geometry = rows
                    .iter()
                    .filter(|row| (row.kind, row.metric) == (BarrierKind::Geometry, metric));
                geometry.find(|row| row.set == *set && row.base == base).unwrap().value.unwrap()
            };
            for expected in case.fixture["geometry"][name].as_array().unwrap() {
                let (set, base) = (&expected["set"], expected["base"].as_str().unwrap());
                for (metric, key) in [(Metric::Norm, "norm"), (Metric::Cosine, "cosine")] {
                    near(
                        found(metric, set, base),
                        expected[key].as_f64().unwrap(),
                        1e-6,
                        (key, set, base),
                    );
                }
            }
            for (set, count) in case.fixture["parameters"].as_object().unwrap() {
                let parameters = found(Metric::Parameters, &set.clone().into(), "mean");
                assert_eq!(Some(parameters), count.as_f64(), "{set}");
            }
        }
    }
}

/// A random direction in a variance would make it negative, and its loss no number.
#[test]
fn twins_move_trained_values_alone() {
    for case in cases() {
        for spec in [cohort(), pairs()] {
            let rows = case.barriers(&BarrierSpec { alpha: vec![0.5, 1.0], twins: 4, ..spec });
            let twins = rows.iter().filter(|row| {
                row.kind == BarrierKind::Twin && row.baseline == Some(Baseline::Mean)
            });
            let twins: Vec<_> = twins.collect();
            assert!(twins.len() > 50 && twins.iter().all(|row| row.value.is_some()), "{twins:?}");
        }
        let [base, other] = [0, 1].map(|at| case.models[at].clone());
        for layers in [vec![1], vec![0, 1], vec![0, 1, 2, 3, 4]] {
            let set = case.set(&layers);
            let mix =
                Mix { base: base.clone(), other: other.clone(), set: set.clone(), weight: 0.5 };
            let twin = mix.twin(Seed::new(3));
            let step = 0.5 * distance(&base, &other, set.trained());
            near(distance(&base, &twin, set.trained()), step, 1e-6, "norm");
            assert_eq!(case.statistics(&twin), case.statistics(&base));
        }
    }
}

#[test]
fn noise_moves_no_statistic() {
    for case in cases() {
        let random = Robustness { draws: 3, alpha: vec![1.0] };
        let noise = Subspace { draws: 3, as_published: true, ..Subspace::default() };
        let filters = Surface { through: Through::Filters, points: 3, beyond: 0.0 };
        let own: Vec<Vec<u32>> = case.models.iter().map(|model| case.statistics(model)).collect();
        let (rows, _) = case.analyze(&Measurement::Robustness(random));
        assert!(rows.iter().filter(|row| row.kind == "random").all(|row| row.value.is_some()));
        for measure in [Measurement::Subspace(noise), Measurement::Surface(filters)] {
            let (rows, seen) = case.analyze(&measure);
            assert!(rows.iter().all(|row| row.value.is_some()));
            assert!(seen.len() > 5);
            assert!(
                seen.iter().all(|params| own.contains(&case.statistics(params))),
                "{measure:?}"
            );
        }
    }
}

/// With lengths over the statistics too the third model stood elsewhere.
#[test]
fn the_plane_through_three_models_is_laid_out_by_trained_values() {
    for case in cases() {
        let surface = Surface { through: Through::Models, points: 3, beyond: 0.0 };
        let (rows, seen) = case.analyze(&Measurement::Surface(surface));
        let third =
            rows.iter().find(|row| (row.kind.as_str(), row.base.as_str()) == ("model", "2"));
        let third = third.unwrap();
        for (found, expected) in
            [third.alpha, third.beta].iter().zip(case.expected["third"].as_array().unwrap())
        {
            near(found.unwrap(), expected.as_f64().unwrap(), 1e-6, "third");
        }
        let planes =
            rows.iter().filter(|row| row.kind == "plane" && row.metric == Some(Metric::Loss));
        for (row, expected) in planes.zip(case.expected["plane"].as_array().unwrap()) {
            near(row.value.unwrap(), expected[2].as_f64().unwrap(), 1e-6, row);
        }
        for counter in case.layout.statistics().filter(|tensor| tensor.is_counter()) {
            let whole = |params: &Arc<Params>| params.range(&counter.range)[0].fract() == 0.0;
            assert!(seen.iter().all(whole), "{}", counter.name);
        }
    }
}

#[test]
fn an_average_and_a_mix_have_a_whole_number_of_batches() {
    let case = case(Statistics::Average);
    let mean = mean_model(Weighting::Examples, &case.updates()).unwrap();
    let expected: Vec<f32> = read(&case.fixture["mean"]);
    for tensor in case.layout.tensors() {
        let pairs = mean.range(&tensor.range).iter().zip(&expected[tensor.range.clone()]);
        for (&found, &expected) in pairs {
            let tolerance = if tensor.is_counter() { 0.0 } else { 1e-6 };
            near(found.into(), expected.into(), tolerance, &tensor.name);
        }
    }
    let counter = |params: &Params| {
        let counters = case.layout.statistics().filter(|tensor| tensor.is_counter());
        counters.map(|tensor| params.range(&tensor.range)[0]).collect::<Vec<f32>>()
    };
    let (few, many) = (case.models[0].clone(), case.models[2].clone());
    assert_eq!((counter(&few), counter(&many)), (vec![10.0; 2], vec![18.0; 2]));
    for (weight, expected) in [(0.0, 10.0), (0.3, 18.0), (0.5, 18.0), (1.0, 18.0), (1.4, 18.0)] {
        let mix = Mix { base: few.clone(), other: many.clone(), set: case.set(&[1, 3]), weight };
        assert_eq!(counter(&mix.params()), vec![expected; 2], "{weight}");
        for layer in [1, 3] {
            let range = case.layout.layers()[layer].range.clone();
            let part = Point::Mix(mix.clone()).layer(layer);
            assert_eq!(bits(&part.values()), bits(mix.params().range(&range)), "{weight}");
        }
    }
    // Of one layer alone: the other keeps the target's.
    let mut target = (*few).clone();
    weighted_mean(&mut target, &case.set(&[3]), &[(1.0, &few), (2.0, &many)]).unwrap();
    assert_eq!(counter(&target), [10.0, 18.0]);
}

/// What is averaged is sent, and so are statistics where they are averaged; where each client keeps its own they are sent once, in the initial model.
#[test]
fn statistics_are_charged_where_they_are_sent() {
    for (statistics, of_norm) in
        [(Statistics::Average, 4 * (4 * 5 + 1)), (Statistics::Keep, 4 * 2 * 5)]
    {
        let case = case(statistics);
        let mut federation = Federation::new(case.start.clone());
        let reported = [ClientId(0), ClientId(1)];
        let all = LayerSet::all(&case.layout);
        let norm = |federation: &Federation, set: &LayerSet| {
            let bytes = traffic(federation, &reported, [ClientId(2)], set);
            (bytes[1].up, bytes[1].down)
        };
        let whole = 4 * (4 * 5 + 1);
        assert_eq!(norm(&federation, &all), (2 * of_norm, 3 * whole), "{statistics:?}");
        federation.commit(1, &all, Weighting::Equal, &case.updates()[..2]).unwrap();
        // Client 2 never reported: it receives the whole model again.
        assert_eq!(norm(&federation, &all), (2 * of_norm, 2 * of_norm + whole), "{statistics:?}");
        assert_eq!(norm(&federation, &LayerSet::none(&case.layout)).0, 0);
    }
}

#[test]
fn a_negative_running_variance_is_refused_by_name() {
    let case = case(Statistics::Keep);
    let variance = case.layout.tensors().find(|tensor| tensor.name == "norm2.running_var").unwrap();
    let mut params = (*case.models[0]).clone();
    params.values_mut()[variance.range.start + 2] = -0.5;
    let said = params.check().unwrap_err();
    assert!(matches!(said, ParamsError::Variance { .. }));
    assert_eq!(
        said.to_string(),
        "layer `norm2` holds a variance of -0.5 (tensor `norm2.running_var`, element 2); a running variance must be at least 0"
    );
    let bad = update(0, &Arc::new(params.clone()), 3);
    assert_eq!(bad.check(&case.layout), Err(UpdateError::Variance(said.clone())));
    assert!(!bad.check(&case.layout).unwrap_err().to_string().contains("learning rate"));
    let mut subject = case.subject();
    subject.models[1].params = Arc::new(params.clone());
    let mut trainer = Closure::new(&case.layout, |_: &[f32], _: Split| vec![(1.0, true)]);
    let spec = Measurement::Robustness(Robustness::default());
    let refusal = analyze(&spec, &subject, &[SplitSpec::Test], Seed::new(1), &mut trainer);
    assert_eq!(refusal.unwrap_err().to_string(), format!("model 1: {said}"));
    // 0 is the variance of what never changes, and a running mean may be negative.
    params.values_mut()[variance.range.start + 2] = 0.0;
    assert_eq!(params.check(), Ok(()));
}
