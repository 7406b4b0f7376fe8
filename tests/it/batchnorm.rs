//! Batch normalisation as users meet it: counts, files, checkpoints, records.

use std::fs;

use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde_json::Value;

use crate::support::{DIGITS, Place};

/// Digits, with a normalisation after the hidden layer: 64·8 + 8, 2·8 and 8·10 + 10 trained values,
/// and 17 that are not trained.
fn normalised() -> String {
    let network = r#"layers = ["flatten", { linear = { out = 8 } }, { norm = { kind = "batch" } }, "relu", { linear = { out = 10 } }]"#;
    let batches = DIGITS.replace("batch = 16", "steps = 7\nbatch = 16").replace("epochs = 1\n", "");
    let even = batches.replace("{ dirichlet = 0.3 }", "\"iid\"");
    even.replace("mlp = [16]", network)
}

/// Returns `(name, shape, values)` of every tensor of a file.
fn tensors(place: &Place, file: &str) -> Vec<(String, Vec<usize>, Vec<f32>)> {
    let bytes = fs::read(place.path(file)).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let values = |data: &[u8]| {
        data.as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
    };
    let tensor =
        |(name, view): (String, TensorView<'_>)| (name, view.shape().to_vec(), values(view.data()));
    tensors.tensors().into_iter().map(tensor).collect()
}

#[test]
fn check_counts_trained_values_as_parameters() {
    let place = Place::with(&normalised());
    let done = place.fedlayer("check scenario.toml").ok();
    assert!(done.stdout.contains("layers (626 parameters)"), "{}", done.stdout);
    let json: Value =
        serde_json::from_str(&place.fedlayer("check scenario.toml --json").ok().stdout).unwrap();
    let counts: Vec<u64> = json["layers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|layer| layer["parameters"].as_u64().unwrap())
        .collect();
    assert_eq!(counts, [520, 16, 90]);
}

#[test]
fn a_run_counts_batches_whole_and_measures_trained_values_alone() {
    let place = Place::with(&normalised());
    place
        .fedlayer("run scenario.toml --out run --quiet --set rounds=2 --set barriers.twins=2")
        .ok();
    let last = tensors(&place, "run/all/seed-1/checkpoints/round-0000002.safetensors");
    let counter = last.iter().find(|(name, ..)| name == "norm1.num_batches_tracked").unwrap();
    // Two rounds of 7 steps: the same number for all clients.
    assert_eq!(counter.2, [14.0]);
    let rows = fs::read_to_string(place.path("run/all/seed-1/barriers.jsonl")).unwrap();
    let rows: Vec<Value> = rows.lines().map(|row| serde_json::from_str(row).unwrap()).collect();
    let of = |metric: &str, set: &str| {
        let row = rows.iter().find(|row| row["metric"] == metric && row["set"] == set);
        row.unwrap_or_else(|| panic!("no {metric} of {set}"))["value"].as_f64().unwrap()
    };
    assert_eq!((of("parameters", "norm1"), of("parameters", "all")), (16.0, 626.0));
    let twins = rows.iter().filter(|row| row["kind"] == "twin" && row["baseline"] != "chord");
    assert!(twins.clone().count() > 50);
    assert!(twins.clone().all(|row| row["value"].is_number()), "a random direction lost its loss");
}

/// `summary.json` is made from records that were read back.
#[test]
fn a_number_has_one_text_in_rounds_and_in_the_summary() {
    let place = Place::with(DIGITS);
    place.fedlayer("run scenario.toml --out run --quiet --set seeds=[1,2,3]").ok();
    let summary = fs::read_to_string(place.path("run/summary.json")).unwrap();
    let mut compared = 0;
    for seed in 1..=3 {
        let rounds = format!("run/all/seed-{seed}/rounds.jsonl");
        let rounds = fs::read_to_string(place.path(&rounds)).unwrap();
        let last = rounds.lines().last().unwrap();
        for key in [
            "test_loss",
            "test_accuracy",
            "client_accuracy_mean",
            "client_accuracy_std",
            "full_barrier",
        ] {
            let text = last
                .split(&format!("\"{key}\":"))
                .nth(1)
                .unwrap()
                .split([',', '}'])
                .next()
                .unwrap();
            let shown = format!("\"{key}\": {text}");
            assert!(summary.contains(&shown), "`{shown}` is not in:\n{summary}");
            compared += 1;
        }
    }
    assert_eq!(compared, 15);
}

#[test]
fn an_initial_model_with_a_negative_variance_is_refused_by_name() {
    let place = Place::with(&normalised());
    place.fedlayer("run scenario.toml --out run --quiet --set rounds=1").ok();
    let mut end = tensors(&place, "run/all/seed-1/checkpoints/round-0000001.safetensors");
    end.retain(|(name, ..)| !name.starts_with("client/"));
    let variance = end.iter_mut().find(|(name, ..)| name == "norm1.running_var").unwrap();
    variance.2[3] = -1.0;
    let bytes: Vec<(String, Vec<usize>, Vec<u8>)> = end
        .into_iter()
        .map(|(name, shape, values)| {
            (name, shape, values.iter().flat_map(|value| value.to_le_bytes()).collect())
        })
        .collect();
    let views = bytes.iter().map(|(name, shape, data)| {
        (name.clone(), TensorView::new(Dtype::F32, shape.clone(), data).unwrap())
    });
    let bytes = safetensors::serialize(views.collect::<Vec<_>>(), None).unwrap();
    fs::write(place.path("end.safetensors"), bytes).unwrap();
    let next = normalised().replace("rounds = 6", "rounds = 1\ninitial = \"end.safetensors\"");
    fs::write(place.path("next.toml"), next).unwrap();
    let done = place.fedlayer("check next.toml");
    assert_eq!(done.code, Some(3), "{}", done.stderr);
    let words = "layer `norm1` holds a variance of -1 (tensor `norm1.running_var`, element 3); a running variance must be at least 0";
    assert!(done.stderr.contains(words), "{}", done.stderr);
    assert!(!done.stderr.contains("learning rate"), "{}", done.stderr);
}
