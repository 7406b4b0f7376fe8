//! Models from files and from runs, named by a scenario or a command.

use std::{fs, process::Command};

use safetensors::SafeTensors;

use crate::support::{Done, Place, assert_same_bytes};

/// A network with a last layer that stays with the clients, beside one that is shared as a whole.
const SCENARIO: &str = r#"# A question?   fedlayer run scenario.toml
rounds = 2
[data]
set = "digits"
train = 300
[clients]
count = 3
[model]
mlp = [8]
[local]
epochs = 3
batch = 8
optimizer = { sgd = { lr = 0.05 } }
[evaluate]
clients = "all"
[[strategy]]
name = "all"
average = "all"
[[strategy]]
name = "body: shared"
average = { except = ["out"] }
"#;

/// Makes a run of both strategies, and a scenario with steps of size 0 that can be given an
/// `initial`.
fn ran() -> Place {
    let place = Place::with(SCENARIO);
    place.fedlayer("run scenario.toml --out runs/s --quiet").ok();
    let still = SCENARIO.replace("rounds = 2", "rounds = 1").replace("lr = 0.05", "lr = 1e-30");
    let (still, _) = still.split_at(still.find("[[strategy]]\nname = \"body").unwrap());
    fs::write(place.path("still.toml"), still).unwrap();
    place
}

const OF_BODY: &str = "runs/s/body-shared/seed-1/checkpoints/round-0000002.safetensors";

/// Runs the program with arguments that may contain blanks.
fn fedlayer(place: &Place, arguments: &[&str]) -> Done {
    let mut command: Command = place.command("");
    Done::of(command.args(arguments))
}

/// Returns the tensors of a file with a prefix in their names, without the prefix.
fn tensors(place: &Place, file: &str, prefix: &str) -> Vec<(String, Vec<u8>)> {
    let bytes = fs::read(place.path(file)).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let named = tensors.tensors().into_iter().filter_map(|(name, view)| {
        Some((name.strip_prefix(prefix)?.to_owned(), view.data().to_vec()))
    });
    let mut named: Vec<_> = named.collect();
    named.sort();
    named
}

#[test]
fn initial_and_analyze_take_a_clients_model_and_no_checkpoint_that_is_not_one_model() {
    let place = ran();
    let initial = |reference: &str| format!("initial={reference:?}");
    let refused = fedlayer(&place, &["check", "still.toml", "--set", &initial(OF_BODY)]);
    assert_eq!(refused.code, Some(3), "{}", refused.stderr);
    let words = "is not a single model: its strategy leaves `out` with the clients";
    assert!(refused.stderr.contains(words), "{}", refused.stderr);
    assert!(refused.stderr.contains("`runs/s:body: shared:1:2:0`"), "{}", refused.stderr);
    let other = "runs/s/all/seed-1/checkpoints/round-0000002.safetensors";
    let analyze = ["analyze", "barriers", OF_BODY, other, "--scenario", "scenario.toml"];
    let refused = fedlayer(&place, &analyze);
    assert_eq!(refused.code, Some(3), "{}", refused.stderr);
    assert!(refused.stderr.contains(words), "{}", refused.stderr);

    let address = initial("runs/s:body: shared:1:last:1");
    let run = ["run", "still.toml", "--out", "next", "--set", &address];
    let done = fedlayer(&place, &run).ok();
    assert!(done.stderr.contains("the last round is 2"), "{}", done.stderr);
    // No client moves: the average is the named model, that of client 1.
    let mut expected = tensors(&place, OF_BODY, "fc1.");
    expected.extend(tensors(&place, OF_BODY, "client/1/out."));
    let end = "next/all/seed-1/checkpoints/round-0000001.safetensors";
    let mut found = tensors(&place, end, "fc1.");
    found.extend(tensors(&place, end, "out."));
    assert_eq!(found, expected);

    // A run that begins again from its first round finds the model again.
    let whole = place.records("next");
    fs::remove_dir_all(place.path("next/all")).unwrap();
    fs::remove_file(place.path("next/summary.json")).unwrap();
    place.fedlayer("resume next --previous --quiet").ok();
    assert_same_bytes(&place.records("next"), &whole);
}

#[test]
fn analyze_takes_models_of_runs_and_the_strategy_that_leaves_models_apart() {
    let place = ran();
    let common = ["--splits", "test", "--json", "--set", "sets=[\"full\"]"];
    let with = |arguments: &[&str]| fedlayer(&place, &[arguments, &common].concat());
    let models = ["runs/s:body: shared:1:2:0", "runs/s:body-shared:1:2:1"];
    let two = ["analyze", "barriers", models[0], models[1], "--scenario", "scenario.toml"];
    let of_files = with(&two).ok();
    let of_run = with(&["analyze", "barriers", "runs/s"]).ok();
    let words = "the models are those of the strategy `body: shared`, the first that leaves";
    assert!(of_run.stderr.contains(words), "{}", of_run.stderr);
    let value = |done: &Done, base: &str| {
        let rows: Vec<serde_json::Value> = serde_json::from_str(&done.stdout).unwrap();
        let meant = rows.into_iter().find(|row| {
            let keys = ["metric", "baseline", "kind", "base"];
            keys.map(|key| row[key].as_str().unwrap_or("")) == ["loss", "mean", "full", base]
        });
        meant.unwrap()["value"].as_f64().unwrap()
    };
    assert_eq!(value(&of_files, "1<-2"), value(&of_run, "0<-1"));
    assert_eq!(value(&of_files, "2<-1"), value(&of_run, "1<-0"));

    let ranges = with(&["analyze", "barriers", "runs/s", "--clients", "0-1"]).ok();
    assert_eq!(ranges.stdout, of_run.stdout);
    let refused = with(&["analyze", "barriers", "runs/s", "--clients", "0-1,3"]);
    assert!(refused.stderr.contains("there are 3 clients"), "{}", refused.stderr);
    let rounds = with(&["analyze", "barriers", "runs/s", "--rounds", "7"]);
    assert!(rounds.stderr.contains("there is no round 7"), "{}", rounds.stderr);
    assert_eq!(rounds.stderr.matches("error:").count(), 1, "{}", rounds.stderr);
    let twice = with(&["analyze", "barriers", models[0], models[0], "--scenario", "scenario.toml"]);
    assert!(twice.stderr.contains("is named twice"), "{}", twice.stderr);
    for wrong in ["1-0", "a", "0-9999999"] {
        let refused = with(&["analyze", "barriers", "runs/s", "--clients", wrong]);
        assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    }
}

#[test]
fn clients_that_took_no_part_are_not_analysed_as_the_initial_draw() {
    let few = SCENARIO
        .replace("rounds = 2", "rounds = 1")
        .replace("count = 3", "count = 6\nper_round = 2");
    let place = Place::with(&few);
    place.fedlayer("run scenario.toml --out run --quiet").ok();
    let record = fs::read_to_string(place.path("run/body-shared/seed-1/rounds.jsonl")).unwrap();
    let record: serde_json::Value = serde_json::from_str(record.trim()).unwrap();
    let reported: Vec<u64> =
        record["reported"].as_array().unwrap().iter().map(|id| id.as_u64().unwrap()).collect();
    let absent = (0..6).find(|client| !reported.contains(client)).unwrap();
    let pair = format!("{},{absent}", reported[0]);
    let refused = fedlayer(&place, &["analyze", "barriers", "run", "--clients", &pair]);
    assert_eq!(refused.code, Some(14), "{}", refused.stderr);
    let words = format!("client {absent} has taken part in no round up to 1");
    assert!(refused.stderr.contains(&words), "{}", refused.stderr);
    assert!(refused.stderr.contains("`out`"), "{}", refused.stderr);
    let first = fedlayer(&place, &["analyze", "barriers", "run", "--json"]).ok();
    let base = format!("\"{}<-{}\"", reported[0], reported[1]);
    assert!(first.stdout.contains(&base), "{base}");
}

#[test]
fn what_was_done_to_a_state_dict_is_said() {
    let place = Place::with(&SCENARIO.replace("rounds = 2", "rounds = 1"));
    place.fedlayer("run scenario.toml --out run --quiet").ok();
    let bytes =
        fs::read(place.path("run/all/seed-1/checkpoints/round-0000001.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let wrapped =
        tensors.tensors().into_iter().map(|(name, view)| (format!("module.{name}"), view));
    let wrapped = safetensors::serialize(wrapped.collect::<Vec<_>>(), None).unwrap();
    fs::write(place.path("wrapped.safetensors"), wrapped).unwrap();
    let done = place.fedlayer("check scenario.toml --set initial=\"wrapped.safetensors\"").ok();
    let note = "note: `wrapped.safetensors`: names are taken without `module.`";
    assert_eq!(done.stderr.matches(note).count(), 1, "{}", done.stderr);
}

#[test]
fn values_without_a_network_are_no_torchscript_module() {
    let place = Place::with(&SCENARIO.replace("mlp = [8]", "torchscript = \"net.pt\""));
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/oracle/fixtures/state_dicts");
    for (file, kind, line) in [
        (
            "state_dict.pt",
            "a `state_dict` that `torch.save` pickled",
            "load_state_dict(torch.load(",
        ),
        ("old.pt", "a pickle, such as an old `torch.save` wrote", "load_state_dict(torch.load("),
        ("checkpoint.pt", "a dictionary that `torch.save` pickled", "[\"state_dict\"]"),
        ("module.pth", "an object of `torch.nn.modules.linear.Linear`", "weights_only=False"),
        ("plain.safetensors", "a safetensors file", "as `initial`"),
        ("arrays.npz", "an archive of NumPy arrays", "torch.jit.save("),
    ] {
        fs::copy(format!("{fixtures}/{file}"), place.path("net.pt")).unwrap();
        let done = place.fedlayer("check scenario.toml");
        assert_eq!(done.code, Some(3), "{file}: {}", done.stderr);
        let words = format!("module `net.pt`: it is {kind}");
        assert!(done.stderr.contains(&words), "{file}: {}", done.stderr);
        assert!(done.stderr.contains(line), "{file}: {}", done.stderr);
        for foreign in ["miniz", "PytorchStreamReader", "libtorch"] {
            assert!(!done.stderr.contains(foreign), "{file}: {}", done.stderr);
        }
    }
}

#[test]
fn values_of_an_analysis_beyond_f32_are_refused() {
    let scenario = SCENARIO.replace(
        "set = \"digits\"\ntrain = 300",
        "set = { synthetic = { examples = 60, classes = 2, informative = 2, redundant = 0, noise = 0 } }",
    );
    let scenario = scenario.replace("mlp = [8]", "diagonal-linear = 1");
    let table = "[[analysis]]\nmeasure = { barriers = {} }\nmodels = { values = [[1, 2, 3, 4], [1, 2, 1e300, 4]] }\n";
    let place = Place::with(&(scenario.replace("except = [\"out\"]", "except = [\"w1\"]") + table));
    let done = place.fedlayer("check scenario.toml");
    assert_eq!(done.code, Some(3), "{}", done.stderr);
    assert!(
        done.stderr.contains("found 1e300; the largest f32 is 3.4028235e38"),
        "{}",
        done.stderr
    );
}

#[test]
fn the_model_of_a_variant_is_named_by_its_folder() {
    let sweep = "[sweep]\ngrid = { \"local.batch\" = [8, 16] }\n";
    let place =
        Place::with(&SCENARIO.replace(
            "[[strategy]]\nname = \"all\"",
            &format!("{sweep}[[strategy]]\nname = \"all\""),
        ));
    place.fedlayer("run scenario.toml --out run --set rounds=1 --quiet").ok();
    fs::write(place.path("plain.toml"), SCENARIO).unwrap();
    let check = |address: &str| {
        fedlayer(&place, &["check", "plain.toml", "--set", &format!("initial={address:?}")])
    };
    check("run/batch-8:body: shared:1:1:2").ok();
    let whole = check("run:all:1:1");
    assert!(whole.stderr.contains("the run has no strategy `all`"), "{}", whole.stderr);
    assert!(whole.stderr.contains("`run/batch-8`"), "{}", whole.stderr);
    let strategy = check("run/all:all:1:1");
    assert!(strategy.stderr.contains("not found in"), "{}", strategy.stderr);
}
