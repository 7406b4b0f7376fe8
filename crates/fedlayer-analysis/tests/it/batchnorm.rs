//! Running statistics in measurements: no noise moves them, and no length includes them.

use std::sync::Arc;

use fedlayer_analysis::{ModelSet, TrainedModel, analyze};
use fedlayer_core::{
    Seed,
    data::Split,
    model::Params,
    record::{AnalysisRow, Metric},
    spec::*,
    trainer::Update,
};

use crate::{
    batchnorm_case::{Case, case, cases, outcomes},
    fixture::Closure,
    support::near,
};

fn model_set(case: &Case) -> ModelSet {
    let model = |update: Update| TrainedModel {
        id: update.client,
        params: update.params.clone(),
        examples: update.examples,
        history: (1..4).map(|round| (round, wandering(case, &update.params, round))).collect(),
    };
    ModelSet {
        round: 3,
        models: case.updates().into_iter().map(model).collect(),
        initial: Some(case.start.clone()),
        architecture: None,
    }
}

/// Makes a state near a model, with statistics of its own.
fn wandering(case: &Case, params: &Params, round: u32) -> Arc<Params> {
    let move_one =
        |(at, value): (usize, &f32)| value + 0.1 * ((at as u32 * round) as f32).sin().abs();
    let values = params.values().iter().enumerate().map(move_one).collect();
    Arc::new(Params::new(case.layout.clone(), values).unwrap())
}

/// Returns the rows of an analysis, and all models that it evaluated.
fn evaluated(case: &Case, measure: &Measurement) -> (Vec<AnalysisRow>, Vec<Arc<Params>>) {
    let outcomes = outcomes(&case.fixture, &case.layout);
    let mut trainer = Closure::new(&case.layout, move |values: &[f32], _: Split| outcomes(values));
    let splits = [SplitSpec::Test];
    let rows = analyze(measure, &model_set(case), &splits, Seed::new(1), &mut trainer).unwrap();
    (rows, trainer.seen.into_iter().map(|(_, params)| params).collect())
}

#[test]
fn noise_moves_no_statistic() {
    for case in cases() {
        let random = Robustness { draws: 3, alpha: vec![1.0] };
        let noise = Subspace { draws: 3, as_published: true, ..Subspace::default() };
        let filters = Surface { through: Through::Filters, points: 3, beyond: 0.0 };
        let own: Vec<Vec<u32>> = case.models.iter().map(|model| case.statistics(model)).collect();
        let (rows, _) = evaluated(&case, &Measurement::Robustness(random));
        assert!(rows.iter().filter(|row| row.kind == "random").all(|row| row.value.is_some()));
        for measure in [Measurement::Subspace(noise), Measurement::Surface(filters)] {
            let (rows, seen) = evaluated(&case, &measure);
            assert!(rows.iter().all(|row| row.value.is_some()));
            assert!(seen.len() > 5);
            assert!(
                seen.iter().all(|params| own.contains(&case.statistics(params))),
                "{measure:?}"
            );
        }
    }
}

/// With lengths that include the statistics, the third model would be elsewhere.
#[test]
fn the_plane_through_three_models_is_laid_out_by_trained_values() {
    for case in cases() {
        let surface = Surface { through: Through::Models, points: 3, beyond: 0.0 };
        let (rows, seen) = evaluated(&case, &Measurement::Surface(surface));
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
fn a_negative_running_variance_is_refused_with_the_model_that_holds_it() {
    let case = case(Statistics::Keep);
    let variance = case.layout.tensors().find(|tensor| tensor.name == "norm2.running_var").unwrap();
    let mut params = (*case.models[0]).clone();
    params.values_mut()[variance.range.start + 2] = -0.5;
    let said = params.check().unwrap_err();
    let mut model_set = model_set(&case);
    model_set.models[1].params = Arc::new(params);
    let mut trainer = Closure::new(&case.layout, |_: &[f32], _: Split| vec![(1.0, true)]);
    let spec = Measurement::Robustness(Robustness::default());
    let refusal = analyze(&spec, &model_set, &[SplitSpec::Test], Seed::new(1), &mut trainer);
    assert_eq!(refusal.unwrap_err().to_string(), format!("model 1: {said}"));
}
