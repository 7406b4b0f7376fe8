//! `[[analysis]]` and `fedlayer analyze`: from models of a run, or from files, to values and
//! pictures.

use std::{collections::BTreeMap, fs};

use fedlayer_core::spec::{EarlierStates, Measurement};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde_json::Value;

use crate::support::{DIGITS, Place, assert_same_bytes};

/// Two clients that are never averaged, with every measurement.
fn scenario() -> String {
    let shared = DIGITS
        .replace("rounds = 6", "rounds = 3")
        .replace("count = 6\nper_round = 5\ndropout = 0.1", "count = 2")
        .replace("every = 2\n[check", "between = \"pairs\"\n[check")
        .replace("[checkpoints]\nevery = 2", "[checkpoints]\nkeep = \"all\"")
        .replace("average = \"all\"", "average = \"none\"");
    let measures = [
        "barriers = { sets = [\"full\", \"layers\", \"shallow\"] }",
        "cumulative = {}",
        "window = {}",
        "robustness = { draws = 2 }",
        "subspace = { draws = 3, as_published = true }",
        "criticality = { draws = 1 }",
        "flatness = { draws = 3 }",
        "hessian = { draws = 3, steps = 5 }",
        "surface = { points = 4 }",
        "predict = {}",
        "align = {}",
        "distance = {}",
    ];
    let tables = measures
        .map(|measure| format!("[[analysis]]\nmeasure = {{ {measure} }}\nsplits = [\"test\"]\n"));
    shared + &tables.concat()
}

/// Returns the line of docs/analyses.md on the needs of a measurement.
fn line_of_needs(measure: &Measurement) -> String {
    let needs = measure.needs();
    let is = |needed: bool| if needed { "yes" } else { "no" };
    let states = match needs.states {
        EarlierStates::None => "no".to_owned(),
        EarlierStates::IfKept => "those kept".to_owned(),
        EarlierStates::AtLeast(least) => format!("at least {least}"),
    };
    let besides = match (needs.initial, needs.third_model, needs.operations) {
        (false, false, false) => "",
        (true, false, false) => " the initial model",
        (false, false, true) => " a network with known operations",
        other => panic!("the page has no words for {other:?}"),
    };
    let [examples, hessian, other] = [needs.examples, needs.hessian, needs.other_model].map(is);
    let word = measure.word();
    format!("| `{word}` | {examples} | {hessian} | {other} | {states} |{besides} |")
}

#[test]
fn the_page_says_what_each_measurement_needs() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/analyses.md");
    let page = fs::read_to_string(page).unwrap();
    for measure in Measurement::all() {
        let line = line_of_needs(&measure);
        assert!(page.lines().any(|found| found == line), "docs/analyses.md has no line\n{line}");
    }
}

/// Returns the rows of an analysis.
fn rows(place: &Place, file: &str) -> Vec<BTreeMap<String, Value>> {
    let text = fs::read_to_string(place.path(file)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The first analysis needs a checkpoint that cannot be read. It made the second one fail, too.
#[test]
fn an_analysis_that_fails_no_longer_stops_later_ones() {
    let analysis = |name: &str, strategy: &str| {
        format!(
            "[[analysis]]\nname = \"{name}\"\nstrategy = \"{strategy}\"\nrounds = [1]\nsplits = [\"test\"]\n\
             measure = {{ barriers = {{ sets = [\"full\"] }} }}\n"
        )
    };
    let (plain, _) =
        scenario().split_once("[[analysis]]").map(|(a, b)| (a.to_owned(), b.len())).unwrap();
    let place = Place::with(
        &(plain + &analysis("first", "all") + &analysis("second", "one layer, rotating")),
    );
    place.fedlayer("run scenario.toml --out run -q").ok();
    let whole = place.records("run");
    fs::remove_dir_all(place.path("run/analyses")).unwrap();
    let checkpoint = place.path("run/all/seed-1/checkpoints/round-0000001.safetensors");
    let bytes = fs::read(&checkpoint).unwrap();
    fs::write(&checkpoint, &bytes[..bytes.len() / 2]).unwrap();
    let failed = place.fedlayer("resume run");
    assert_ne!(failed.code, Some(0), "{}", failed.stderr);
    assert!(failed.stderr.contains("round-0000001.safetensors"), "{}", failed.stderr);
    assert!(!place.path("run/analyses/first.jsonl").exists());
    assert!(place.path("run/analyses/second.jsonl").exists(), "{}", failed.stderr);
    fs::write(&checkpoint, bytes).unwrap();
    place.fedlayer("resume run").ok();
    assert_same_bytes(&place.records("run"), &whole);
}

#[test]
fn a_scenario_leaves_values_tables_and_pictures_whatever_the_number_of_workers() {
    let place = Place::with(&scenario());
    let said = place.fedlayer("run scenario.toml --out one --workers 1").ok();
    for measure in Measurement::all().map(|measure| measure.word()) {
        let found = rows(&place, &format!("one/analyses/{measure}.jsonl"));
        assert!(!found.is_empty(), "{measure}");
        let sheet = fs::read_to_string(place.path(&format!("one/analyses/{measure}.csv"))).unwrap();
        assert_eq!(sheet.lines().count(), found.len() + 1, "{measure}");
        assert!(said.stdout.contains(&format!("\n{measure}\n")), "{measure}: {}", said.stdout);
        let pictures = fs::read_dir(place.path("one/analyses")).unwrap().filter(|entry| {
            let name = entry.as_ref().unwrap().file_name();
            let name = name.to_str().unwrap();
            name.starts_with(measure) && name.ends_with(".svg")
        });
        assert!(pictures.count() > 0, "{measure} has no picture");
    }
    place.fedlayer("run scenario.toml --out four --workers 4 --quiet").ok();
    assert_same_bytes(&place.records("one"), &place.records("four"));
    // A resume makes the missing analysis and no other.
    let whole = place.records("one");
    fs::remove_file(place.path("one/analyses/hessian.jsonl")).unwrap();
    let said = place.fedlayer("resume one").ok();
    assert!(said.stderr.contains("analysis `hessian`"), "{}", said.stderr);
    assert!(!said.stderr.contains("analysis `barriers`"), "{}", said.stderr);
    assert_same_bytes(&place.records("one"), &whole);
}

#[test]
fn an_analysis_finds_the_barriers_that_the_run_found() {
    let place = Place::with(&scenario());
    place.fedlayer("run scenario.toml --out run --quiet").ok();
    let key = |row: &BTreeMap<String, Value>| {
        let keys = ["round", "split", "metric", "kind", "set", "base", "alpha", "baseline"];
        keys.map(|key| row.get(key).unwrap_or(&Value::Null).to_string())
    };
    let is_meant = |row: &&BTreeMap<String, Value>| {
        row["round"] == 3
            && row["split"] == "test"
            && ["full", "layer"].iter().any(|kind| row["kind"] == *kind)
    };
    let found = rows(&place, "run/analyses/barriers.jsonl");
    let found: BTreeMap<_, _> = found.iter().map(|row| (key(row), &row["value"])).collect();
    let before = rows(&place, "run/all/seed-1/barriers.jsonl");
    let before: Vec<_> = before.iter().filter(is_meant).collect();
    assert!(before.len() > 50, "{}", before.len());
    for row in before {
        assert_eq!(found[&key(row)], &row["value"], "{row:?}");
    }
}

/// The tensors of a model: name, shape, bytes.
type Tensors = Vec<(String, Vec<usize>, Vec<u8>)>;

/// Writes the models of both clients of a run without averaging as files.
fn files(place: &Place) -> Vec<Tensors> {
    let path = "run/all/seed-1/checkpoints/round-0000003.safetensors";
    let bytes = fs::read(place.path(path)).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let of = |client: u32| {
        let prefix = format!("client/{client}/");
        let own = tensors.tensors().into_iter().filter_map(|(name, view)| {
            let name = name.strip_prefix(&prefix)?.to_owned();
            Some((name, view.shape().to_vec(), view.data().to_vec()))
        });
        let mut own: Vec<_> =
            own.filter(|(name, ..)| name.starts_with("fc") || name.starts_with("out")).collect();
        own.sort();
        own
    };
    vec![of(0), of(1)]
}

fn write(place: &Place, name: &str, tensors: &[(String, Vec<usize>, Vec<u8>)]) {
    let views = tensors.iter().map(|(name, shape, data)| {
        (name.clone(), TensorView::new(Dtype::F32, shape.clone(), data).unwrap())
    });
    let bytes = safetensors::serialize(views.collect::<Vec<_>>(), None).unwrap();
    fs::write(place.path(name), bytes).unwrap();
}

#[test]
fn two_files_are_as_good_as_a_run() {
    let place = Place::with(&scenario());
    place.fedlayer("run scenario.toml --out run --quiet").ok();
    let models = files(&place);
    write(&place, "a.safetensors", &models[0]);
    write(&place, "b.safetensors", &models[1]);
    let command = "analyze window a.safetensors b.safetensors --scenario scenario.toml --splits test --set widths=[1] --json";
    let said = place.fedlayer(command).ok();
    let found: Vec<BTreeMap<String, Value>> = serde_json::from_str(&said.stdout).unwrap();
    let barrier = |rows: &[BTreeMap<String, Value>], kind: &str, base: &str| {
        let is_meant = |row: &&BTreeMap<String, Value>| {
            row["kind"] == kind
                && row["base"] == base
                && row["set"] == "fc1"
                && row.get("metric") == Some(&"loss".into())
                && row.get("baseline") == Some(&"mean".into())
        };
        rows.iter().find(is_meant).unwrap()["value"].clone()
    };
    let run = rows(&place, "run/analyses/barriers.jsonl");
    assert_eq!(barrier(&found, "window", "1<-2"), barrier(&run, "layer", "0<-1"));
    assert_eq!(barrier(&found, "window", "2<-1"), barrier(&run, "layer", "1<-0"));
    assert!(place.path("analyses/window.jsonl").exists());
    // A second time: no file is overwritten.
    place.fedlayer(command).ok();
    assert!(place.path("analyses/window-2.jsonl").exists());
}

/// Returns the values of a layer in the order of its tensors.
fn layer(model: &Tensors, layer: &str) -> Vec<f64> {
    let own = model.iter().filter(|(name, ..)| name.split('.').next() == Some(layer));
    let bytes = own.flat_map(|(.., bytes)| bytes.chunks_exact(4));
    bytes.map(|value| f32::from_le_bytes(value.try_into().unwrap()).into()).collect()
}

/// The distances are those of the tensors in the checkpoint, after every round, and no example is
/// evaluated.
#[test]
fn distances_are_those_of_the_checkpoints_tensors() {
    let place = Place::with(&scenario());
    place.fedlayer("run scenario.toml --out run --quiet").ok();
    let said = place.fedlayer("analyze distance run --rounds all --name far").ok();
    assert!(said.stdout.contains("models 0 and 1"), "{}", said.stdout);
    let found = rows(&place, "run/analyses/far.jsonl");
    let value = |kind: &str, set: &str, round: u32| {
        let is_meant = |row: &&BTreeMap<String, Value>| {
            row["kind"] == kind && row["set"] == set && row["round"] == round
        };
        let row = found.iter().find(is_meant).unwrap();
        assert_eq!(row["base"], "0<-1");
        assert!(!row.contains_key("split"), "{row:?}");
        row["value"].as_f64().unwrap()
    };
    let models = files(&place);
    for set in ["fc1", "out"] {
        let [a, b] = [0, 1].map(|client| layer(&models[client], set));
        let sum = |of: fn(f64, f64) -> f64| a.iter().zip(&b).map(|(a, b)| of(*a, *b)).sum::<f64>();
        let distance = sum(|a, b| (a - b).powi(2)).sqrt();
        let norms = [sum(|a, _| a * a).sqrt(), sum(|_, b| b * b).sqrt()];
        for (kind, expected) in [
            ("distance", distance),
            ("relative", 2.0 * distance / (norms[0] + norms[1])),
            ("cosine", sum(|a, b| a * b) / (norms[0] * norms[1])),
        ] {
            let value = value(kind, set, 3);
            assert!((value - expected).abs() < 1e-12, "{set} {kind}: {value} is not {expected}");
        }
        let movement = value("movement", set, 3);
        assert!(movement.abs() < 1.0 && value("distance", set, 1) > 0.0);
    }
    let line = place.fedlayer("check scenario.toml --json").ok();
    let line: Value = serde_json::from_str(&line.stdout).unwrap();
    let analyses = line["analyses"].as_array().unwrap();
    let free = analyses.iter().find(|line| line["measure"] == "distance").unwrap();
    assert_eq!((&free["evaluations"], &free["products"]), (&0.into(), &0.into()));
    assert!(place.path("run/analyses/far.svg").exists());
}

#[test]
fn wrong_input_is_named() {
    let place = Place::with(&scenario());
    place.fedlayer("run scenario.toml --out run --quiet").ok();
    let models = files(&place);
    let good = &models[0];
    write(&place, "a.safetensors", good);
    let said = |arguments: &str, code: i32, words: &[&str]| {
        let done = place.fedlayer(&format!("analyze barriers {arguments}"));
        assert_eq!(done.code, Some(code), "{arguments}: {}", done.stderr);
        assert_eq!(done.stdout, "");
        for word in words {
            assert!(done.stderr.contains(word), "{arguments}: no `{word}` in {}", done.stderr);
        }
    };
    let files = "a.safetensors b.safetensors --scenario scenario.toml";
    said(files, 4, &["b.safetensors", "not found"]);
    write(&place, "b.safetensors", &good[1..]);
    said(files, 3, &["b.safetensors", "tensor `fc1.bias`: found nothing"]);
    let mut other = good.clone();
    other[1].1.reverse();
    write(&place, "b.safetensors", &other);
    said(files, 3, &["b.safetensors", "tensor `fc1.weight`: found shape [64, 16]", "[16, 64]"]);
    let mut broken = good.clone();
    broken[3].2[..4].copy_from_slice(&f32::NAN.to_le_bytes());
    write(&place, "b.safetensors", &broken);
    said(files, 3, &["b.safetensors", "layer `out` holds NaN"]);
    said("a.safetensors --scenario scenario.toml", 14, &["found one file", "two or more"]);
    said("a.safetensors a.safetensors", 14, &["--scenario"]);
    said("nothing --scenario scenario.toml", 14, &["found one file"]);
    said("run --scenario scenario.toml", 14, &["leave `--scenario` out"]);
    said("run --strategy al", 3, &["no strategy `al`", "did you mean `all`"]);
    said("run --clients 0,7", 3, &["no client 7", "2 clients"]);
    said("run --rounds 9", 3, &["no round 9", "the run has 3 rounds"]);
    said("run --splits tst", 3, &["tst", "did you mean `test`"]);
    said("run --set twin=3", 3, &["twin", "did you mean `twins`"]);
    said("run --set sets=[{named=[\"fc9\"]}]", 3, &["`fc9` matches no layer"]);
    fs::remove_dir_all(place.path("run/all/seed-1/checkpoints")).unwrap();
    said("run", 6, &["round-0000003.safetensors` is gone"]);
}
