//! The folders in which data is searched, and the messages if it is not found.

use std::{fs, path::PathBuf};

use serde_json::Value;

use crate::support::{DIGITS, Place};

/// A user's own set: two classes, 40 examples.
fn flowers() -> String {
    let line = |index: usize| {
        let (class, step) = (index % 2, index as f64 / 40.0);
        let name = if class == 0 { "lily" } else { "rose" };
        format!("{},{},{name}\n", class as f64 + step, step)
    };
    "height,width,kind\n".to_owned() + &(0..40).map(line).collect::<String>()
}

fn scenario(set: &str) -> String {
    DIGITS
        .replace("set = \"digits\"", &format!("set = {set}"))
        .replace("count = 6\nper_round = 5", "count = 2")
}

fn own_files() -> String {
    scenario("{ files = { train = \"flowers.csv\", label = \"kind\" } }")
}

/// Returns a file of the real data, if it is beside the repository.
#[allow(clippy::print_stderr, reason = "a test that is left out says so")]
pub(crate) fn real(file: &str) -> Option<PathBuf> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data"));
    let path = path.join(file);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: there is no `{}`", path.display());
    None
}

#[test]
fn list_names_sets_licences_and_folders() {
    let place = Place::with("");
    let listed = place.fedlayer("data list").ok();
    assert_eq!(listed.stderr, "");
    for words in ["digits", "built in", "fashion-mnist", "MIT", "cifar-100", "not found", "home"] {
        assert!(listed.stdout.contains(words), "`{words}` is not in:\n{}", listed.stdout);
    }
    let json: Value =
        serde_json::from_str(&place.fedlayer("data list --json").ok().stdout).unwrap();
    let sets = json["sets"].as_array().unwrap();
    let shakespeare = sets.iter().find(|set| set["name"] == "tiny-shakespeare").unwrap();
    assert_eq!(shakespeare["folder"], Value::Null);
    for set in sets {
        assert!(set["licence"].as_str().is_some_and(|licence| !licence.is_empty()), "{set}");
    }
}

#[test]
fn folders_are_searched_in_the_order_in_which_they_are_listed() {
    let place = Place::with("");
    for folder in ["option", "environment", "home/fedlayer"] {
        let own = place.path(folder).join("tiny-shakespeare");
        fs::create_dir_all(&own).unwrap();
        fs::write(own.join("input.txt"), "A:\nB.\n").unwrap();
    }
    let found = |arguments: &str, variable: Option<&str>| -> (Value, Vec<Value>) {
        let mut command = place.command(arguments);
        let output = command.envs(variable.map(|folder| ("FEDLAYER_DATA", folder))).output();
        let json: Value = serde_json::from_slice(&output.unwrap().stdout).unwrap();
        let sets = json["sets"].as_array().unwrap();
        let set = sets.iter().find(|set| set["name"] == "tiny-shakespeare").unwrap();
        let folders = json["folders"].as_array().unwrap().iter();
        (set["folder"].clone(), folders.map(|folder| folder["named_by"].clone()).collect())
    };
    let home = place.path("home/fedlayer/tiny-shakespeare");
    assert_eq!(found("data list --json", None).0, home.to_str().unwrap());
    let (folder, _) = found("data list --json", Some("environment"));
    assert_eq!(folder, "environment/tiny-shakespeare");
    let (folder, named_by) = found("data list --json --data option", Some("environment"));
    assert_eq!(folder, "option/tiny-shakespeare");
    assert_eq!(named_by[..3], ["option", "environment", "user"]);
}

#[test]
fn files_of_ones_own_are_found_in_data_folders_and_where_the_program_starts() {
    let place = Place::with(&own_files());
    let words = place.fedlayer("check scenario.toml");
    assert_eq!(words.code, Some(4), "{}", words.stderr);
    assert!(words.stderr.contains("flowers.csv"), "{}", words.stderr);
    fs::write(place.path("flowers.csv"), flowers()).unwrap();
    place.fedlayer("check scenario.toml").ok();
    fs::create_dir(place.path("mine")).unwrap();
    fs::rename(place.path("flowers.csv"), place.path("mine/flowers.csv")).unwrap();
    place.fedlayer("check scenario.toml --data mine").ok();
}

#[test]
fn a_run_is_resumed_on_the_data_that_it_began_on() {
    let place = Place::with(&own_files());
    fs::create_dir_all(place.path("mine")).unwrap();
    fs::create_dir_all(place.path("other")).unwrap();
    fs::write(place.path("mine/flowers.csv"), flowers()).unwrap();
    let run = place.fedlayer("run scenario.toml --data mine --out run").ok();
    // From another folder, in which there is no `mine`.
    let resume = |arguments: &str| {
        place.command(arguments).current_dir(place.path("other")).output().unwrap()
    };
    let resumed = resume("resume ../run");
    assert!(resumed.status.success(), "{}", String::from_utf8_lossy(&resumed.stderr));
    assert_eq!(String::from_utf8(resumed.stdout).unwrap(), run.stdout);
    let elsewhere = resume("resume ../run --data .");
    assert_eq!(elsewhere.status.code(), Some(4));
}

#[test]
fn a_missing_set_is_answered_with_where_it_was_looked_for_and_both_ways_out() {
    let place = Place::with(&scenario("\"cifar-100\""));
    fs::create_dir(place.path("mine")).unwrap();
    let check = place.fedlayer("check scenario.toml --data mine");
    let run = place.fedlayer("run scenario.toml --data mine --out run");
    assert_eq!((check.code, run.code), (Some(4), Some(4)), "{}", check.stderr);
    assert_eq!(check.stderr, run.stderr);
    assert!(!place.path("run").exists());
    let here = place.path("").display().to_string();
    insta::assert_snapshot!(check.stderr.replace(&here, "[here]/"));
}

#[test]
fn a_damaged_file_is_named_with_what_was_expected() {
    let place = Place::with(&scenario("\"mnist\""));
    let folder = place.path("mine/mnist");
    fs::create_dir_all(&folder).unwrap();
    for name in ["train-images", "t10k-images"] {
        fs::write(folder.join(format!("{name}-idx3-ubyte")), [0, 0, 8, 1, 0, 0]).unwrap();
    }
    for name in ["train-labels", "t10k-labels"] {
        fs::write(folder.join(format!("{name}-idx1-ubyte")), [0, 0, 8, 1, 0, 0]).unwrap();
    }
    let check = place.fedlayer("check scenario.toml --data mine");
    let run = place.fedlayer("run scenario.toml --data mine --out run");
    assert_eq!((check.code, run.code), (Some(4), Some(4)), "{}", check.stderr);
    assert_eq!(check.stderr, run.stderr);
    assert!(!place.path("run").exists());
    let words = "`mine/mnist/train-images-idx3-ubyte`, byte 0: found 2049; expected";
    assert!(check.stderr.contains(words), "{}", check.stderr);
}

/// A user's own module: a convolution and a linear layer for images of 8 × 8 pixels and three
/// classes.
fn module() -> (Place, String) {
    let line = |index: usize| {
        let pixel = |place: usize| ((index * 7 + place * 3) % 11).to_string();
        (0..64).map(pixel).collect::<Vec<_>>().join(",") + &format!(",{}\n", index % 3)
    };
    let names: Vec<_> = (0..64).map(|place| format!("p{place}")).collect();
    let images = names.join(",") + ",kind\n" + &(0..60).map(line).collect::<String>();
    let set = "{ files = { train = \"images.csv\", label = \"kind\", shape = [1, 8, 8] } }";
    let text = scenario(set).replace("mlp = [16]", "torchscript = \"net.pt\"");
    let place = Place::with(&text);
    fs::create_dir(place.path("mine")).unwrap();
    fs::write(place.path("mine/images.csv"), images).unwrap();
    (place, concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/oracle/fixtures/net.pt").to_owned())
}

#[test]
fn a_module_of_ones_own_is_found_where_data_is() {
    let (place, net) = module();
    let absent = place.fedlayer("check scenario.toml --data mine");
    assert_eq!(absent.code, Some(4), "{}", absent.stderr);
    assert!(absent.stderr.contains("`net.pt`: not found in `.`, `mine`"), "{}", absent.stderr);
    fs::copy(net, place.path("mine/net.pt")).unwrap();
    let check = place.fedlayer("check scenario.toml --data mine").ok();
    assert!(check.stdout.contains("weight [4, 1, 3, 3]"), "{}", check.stdout);
    place.fedlayer("run scenario.toml --data mine --out run --set rounds=2").ok();
    place.fedlayer("resume run").ok();
}

/// Twice the multiplications of the weights of a convolution and a linear layer, and three times
/// that for a training step.
#[test]
fn check_counts_the_operations_of_convolutions() {
    let (place, _) = module();
    let text = fs::read_to_string(place.path("scenario.toml")).unwrap();
    let layers =
        "layers = [{ conv = { out = 4, kernel = 3 } }, \"flatten\", { linear = { out = 3 } }]";
    let text = text.replace("torchscript = \"net.pt\"", layers);
    let text = text.replace("[barriers]\nevery = 2\n", "").replace("rounds = 6", "rounds = 1");
    let text = text.split("[[strategy]]\nname = \"one").next().unwrap();
    fs::write(place.path("scenario.toml"), text).unwrap();
    let json = |set: &str| -> Value {
        let check = format!("check scenario.toml --data mine --json {set}");
        serde_json::from_str(&place.fedlayer(&check).ok().stdout).unwrap()
    };
    let forward = 2.0 * (4.0 * 9.0 * 36.0 + 144.0 * 3.0);
    let by_epochs = json("");
    let of = |key: &str| -> f64 {
        let clients = by_epochs["clients"].as_array().unwrap();
        clients.iter().map(|client| client[key].as_f64().unwrap()).sum()
    };
    // The shared model is evaluated on the 12 examples of the test set, and on each client's own.
    let evaluated = 12.0 + of("test");
    let expected = forward * (3.0 * of("train") + evaluated);
    let found = by_epochs["cost"]["flops"].as_f64().unwrap();
    assert!((found / expected - 1.0).abs() < 1e-9, "{found} {expected}");
    let text = fs::read_to_string(place.path("scenario.toml")).unwrap();
    fs::write(place.path("scenario.toml"), text.replace("epochs = 1", "steps = 7")).unwrap();
    assert_eq!(json("")["cost"]["steps"], 14);
}

/// Adds up the numbers of all clients in the report of `check` on a real set.
fn totals(set: &str, partition: &str, model: &str, keys: [&str; 2]) -> Option<[u64; 2]> {
    let folder = real(set)?;
    let text = scenario(&format!("\"{set}\""))
        .replace("mlp = [16]", model)
        .replace("{ dirichlet = 0.3 }", partition);
    let place = Place::with(&text);
    let check = format!("check scenario.toml --json --data {}/..", folder.display());
    let json: Value = serde_json::from_str(&place.fedlayer(&check).ok().stdout).unwrap();
    let clients = json["clients"].as_array().unwrap();
    Some(keys.map(|key| clients.iter().map(|client| client[key].as_u64().unwrap()).sum()))
}

#[test]
fn images_are_shared_out_whole() {
    let totals = totals("fashion-mnist", "\"iid\"", "mlp = [16]", ["train", "test"]);
    let Some([train, test]) = totals else { return };
    assert_eq!(train + test, 60_000);
}

#[test]
fn speakers_go_whole_to_one_client() {
    let model = "gpt = { depth = 1, width = 16, heads = 2 }";
    let totals = totals("tiny-shakespeare", "\"natural\"", model, ["train", "groups"]);
    let Some([train, groups]) = totals else { return };
    // The speakers with enough text for an example, of 299, without those of the test set. No
    // speaker counts for two clients.
    assert!(train > 10_000 && (200..299).contains(&groups), "{train} {groups}");
}

/// A convolution uses each parameter at every position. A cost that counted each parameter once was
/// many times too low.
#[test]
fn the_cost_of_a_module_is_what_a_run_of_it_takes() {
    let (place, net) = module();
    fs::copy(net, place.path("mine/net.pt")).unwrap();
    // Short rounds of one strategy: some of them are not disturbed by other programs.
    let often = "--data mine --set strategy=[{name=\"all\",average=\"all\"}] --rounds 20 --set local.batch=8 --set evaluate.every=100 --set barriers.every=100";
    let checked = place.fedlayer(&format!("check scenario.toml --json {often}")).ok().stdout;
    let cost = &serde_json::from_str::<Value>(&checked).unwrap()["cost"];
    assert_eq!(cost["timed"], true);
    // The time at 25 GFLOP/s, the speed that `check` assumes for a core; training is nearly all of
    // it.
    let expected = cost["flops"].as_f64().unwrap() / 2.5e10;
    place.fedlayer(&format!("run scenario.toml -q --workers 1 --out run {often}")).ok();
    let file = place.path("run/all/seed-1/timings.jsonl");
    let text = fs::read_to_string(file).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let seconds: Vec<f64> = lines.map(|line| line["train"].as_f64().unwrap()).collect();
    let shortest = seconds.iter().copied().fold(f64::INFINITY, f64::min);
    let ratio = expected / (shortest * seconds.len() as f64);
    assert!((0.25..4.0).contains(&ratio), "`check` says {ratio} of what the run took");
}
