//! Barriers from parameters to records, compared with `tests/oracle/fixtures/barriers.json`.

use std::sync::Arc;

use fedlayer_core::{
    Seed,
    barrier::{BarrierStudy, EndModel},
    data::{ClientId, Examples, FederatedData},
    model::Params,
    record::{BarrierKind, BarrierRow},
    spec::*,
    trainer::{Trainer, Update},
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::setup::*;

const FIXTURE: &str = include_str!("../../../../tests/oracle/fixtures/barriers.json");

fn read<T: DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap()
}

fn data(fixture: &Value) -> Arc<FederatedData> {
    let inputs: Vec<Vec<f32>> = read(&fixture["inputs"]);
    let (shape, classes) = (vec![read(&fixture["features"])], read(&fixture["classes"]));
    let labels = read(&fixture["labels"]);
    let test = Arc::new(Examples::new(shape, classes, inputs.concat(), labels));
    Arc::new(FederatedData::new(test.clone(), test, [(vec![0], vec![])]))
}

/// The records of one cohort's barriers.
fn rows(fixture: &Value, cohort: &Value) -> Vec<BarrierRow> {
    let data = data(fixture);
    let plan = plan(read(&fixture["model"]), &data, local(sgd(0.1)));
    let params = |value: &Value| Arc::new(Params::new(plan.layout.clone(), read(value)).unwrap());
    let end = |member: &usize| EndModel {
        start: params(&fixture["start"]),
        update: Update {
            client: ClientId(*member as u32),
            params: params(&fixture["models"][member]),
            optimizer: None,
            examples: read(&fixture["examples"][member]),
            steps: 1,
            loss: 0.0,
        },
    };
    let members: Vec<usize> = read(&cohort["members"]);
    let ends: Vec<EndModel> = members.iter().map(end).collect();
    let spec = BarrierSpec {
        sets: vec![SetSpec::Full, SetSpec::Layers, SetSpec::Shallow, SetSpec::Deep],
        alpha: read(&fixture["alphas"]),
        splits: vec![SplitSpec::Test],
        ..BarrierSpec::default()
    };
    let study =
        BarrierStudy::new(&spec, read(&cohort["weighting"]), 1, Seed::new(1), &ends).unwrap();
    let evaluations = trainer(&plan, &data).evaluate(&study.probes()).unwrap();
    study.rows(&evaluations)
}

#[test]
fn barriers_are_those_of_the_oracle() {
    let fixture: Value = serde_json::from_str(FIXTURE).unwrap();
    let mut compared = 0;
    for cohort in fixture["cohorts"].as_array().unwrap() {
        let rows = rows(&fixture, cohort);
        let sweeps =
            [BarrierKind::Full, BarrierKind::Layer, BarrierKind::Shallow, BarrierKind::Deep];
        for row in rows.iter().filter(|row| sweeps.contains(&row.kind) && row.base != "max") {
            let expected = cohort["barriers"].as_array().unwrap().iter().find(|expected| {
                expected["set"] == *row.set
                    && expected["metric"] == serde_json::to_value(row.metric).unwrap()
                    && expected["baseline"] == serde_json::to_value(row.baseline).unwrap()
                    && expected["alpha"].as_f64() == row.alpha
            });
            let expected = expected.unwrap_or_else(|| panic!("no oracle for {row:?}"));
            let (values, errors) = (&expected["values"], &expected["std_errors"]);
            let at = row.base.parse().unwrap_or(values.as_array().unwrap().len() - 1);
            // Losses are about 1 and error rates about 100: a difference has their absolute
            // rounding error.
            let scale = if expected["metric"] == "loss" { 1.0 } else { 100.0 };
            for (found, expected) in [(row.value, &values[at]), (row.std_error, &errors[at])] {
                let off = found.unwrap() - expected.as_f64().unwrap();
                assert!(off.abs() <= 1e-5 * scale, "{row:?} is off by {off}");
                compared += 1;
            }
        }
    }
    // 10 sets × 5 baselines × 2 α × 2 metrics, each a value and its standard error, for 2 and 3
    // bases and their mean.
    assert_eq!(compared, 200 * 2 * (3 + 4));
}
