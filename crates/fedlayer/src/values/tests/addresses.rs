//! Models of runs, in the run folder of `tests/oracle/client_models.py`: the script computes the
//! clients' models independently.

use std::{collections::BTreeMap, fs};

use fedlayer_core::model::Role;
use proptest::prelude::*;

use super::*;
use crate::folders::Folders;

/// Returns the layers of the network in that run.
fn net() -> Arc<Layout> {
    use Role::{Statistic, Trained};
    let tensors = [
        ("fc1.weight", vec![3, 4], Trained),
        ("fc1.bias", vec![3], Trained),
        ("norm.weight", vec![3], Trained),
        ("norm.bias", vec![3], Trained),
        ("norm.running_mean", vec![3], Statistic),
        ("norm.running_var", vec![3], Statistic),
        ("norm.num_batches_tracked", vec![], Statistic),
        ("out.weight", vec![3, 3], Trained),
        ("out.bias", vec![3], Trained),
    ];
    Arc::new(Layout::with_roles(tensors).unwrap())
}

fn folder() -> String {
    fixture("client_models").display().to_string()
}

fn locator() -> Locator {
    Locator::new(Folders::new(None), BTreeMap::new())
}

fn read_address(address: &str) -> Result<ModelValues, ValuesError> {
    ValuesSource::find(&format!("{}/{address}", folder()), &locator())?.read(&net())
}

/// Returns the values of a model, by tensor.
fn by_tensor(values: &ModelValues) -> BTreeMap<String, Vec<f32>> {
    let layout = values.params.layout();
    let tensors = layout.tensors();
    tensors.map(|t| (t.name.clone(), values.params.range(&t.range).to_vec())).collect()
}

#[test]
fn an_address_has_the_model_that_a_script_puts_together_from_the_checkpoint() {
    let expected = fs::read_to_string(fixture("client_models/expected.json")).unwrap();
    let expected: BTreeMap<String, BTreeMap<String, Vec<f32>>> =
        serde_json::from_str(&expected).unwrap();
    assert_eq!(expected.len(), 12);
    for (name, tensors) in &expected {
        // The folder of the strategy works as well as its name, which contains a colon.
        let spoken = name.replace("one-layer-rotating", "one layer: rotating");
        for address in [name, &spoken] {
            let values = read_address(&format!("run:{address}")).unwrap();
            assert_eq!(by_tensor(&values), *tensors, "{address}");
            let is_shared =
                values.notes.iter().any(|note| note.ends_with("all clients have this model"));
            assert_eq!(is_shared, name.starts_with("all"), "{:?}", values.notes);
        }
    }
    // The clients' models differ; otherwise the test would show nothing.
    let models: Vec<_> =
        expected.iter().filter(|(name, _)| name.starts_with("one-layer-rotating:1:5")).collect();
    assert!(models.windows(2).all(|pair| pair[0].1 != pair[1].1));
    for shared in ["run:all:1:5", "run:all:1:5:shared", "run:all:1:last"] {
        assert_eq!(by_tensor(&read_address(shared).unwrap()), expected["all:1:5:2"]);
    }
    let last = read_address("run:one layer: rotating:1:last:0").unwrap();
    assert!(last.notes[0].ends_with("one layer: rotating:1:last:0`: the last round is 5"));
}

#[test]
fn a_part_of_an_address_that_is_not_there_is_named_with_what_there_is() {
    let addresses = [
        "run:al:1:5:0",
        "run:all:2:5:0",
        "run:all:1:4:0",
        "run:all:1:5:7",
        "run:all:1:5:first",
        "run:all",
        "run:all:1",
        "run:all:1:5:0:0",
        "run:one layer: rotating:1:5",
        "run:one layer: rotating:1:5:shared",
        "run",
        "runs:all:1:5:0",
    ];
    let said = addresses.map(|address| {
        let error = read_address(address).unwrap_err();
        error.with_help().replace(&folder(), "FOLDER")
    });
    insta::assert_snapshot!("addresses", said.join("\n\n"));
}

/// Other forms of a number named the same model, and one model had many names.
#[test]
fn a_number_of_an_address_has_the_one_form_that_the_program_writes() {
    for (address, what, found) in [
        ("run:all:+1:5:0", "seed", "+1"),
        ("run:all:01:5:0", "seed", "01"),
        ("run:all:1:+5:0", "round", "+5"),
        ("run:all:1:0005:0", "round", "0005"),
        ("run:all:1:5:+0", "client", "+0"),
        ("run:all:1:5:000", "client", "000"),
        ("run:all:1: 5:0", "round", " 5"),
    ] {
        let said = read_address(address).unwrap_err().to_string();
        let words = format!("the run has no {what} `{found}`; it has ");
        assert!(said.contains(&words), "{address}: {said}");
    }
}

proptest! {
    #[test]
    fn no_other_form_of_a_number_names_a_model(
        part in 0_usize..3,
        odd in "[-+ 0]{1,4}|[0-9]{0,2}[ ._]|[a-z]{1,3}",
        after in any::<bool>(),
    ) {
        let mut parts = ["1".to_owned(), "5".to_owned(), "0".to_owned()];
        let number = parts[part].clone();
        parts[part] = if after { number.clone() + &odd } else { odd + &number };
        let is_a_number = parts[part].parse::<u64>().is_ok_and(|found| found.to_string() == parts[part]);
        prop_assume!(!is_a_number);
        let address = format!("run:all:{}", parts.join(":"));
        prop_assert!(read_address(&address).is_err(), "{}", address);
    }
}

fn checkpoint(strategy: &str) -> PathBuf {
    let path = format!("run/{strategy}/seed-1/checkpoints/round-0000005.safetensors");
    fixture("client_models").join(path)
}

#[test]
fn the_checkpoint_of_a_strategy_that_leaves_layers_with_clients_is_not_a_single_model() {
    let (said, help) = refused(checkpoint("one-layer-rotating"), &net());
    let (said, help) = (said.replace(&folder(), "FOLDER"), help.replace(&folder(), "FOLDER"));
    insta::assert_snapshot!("unshared", format!("{said}\n{help}"));
    assert!(read(checkpoint("all"), &net()).is_ok());
    // A checkpoint outside of a run folder cannot name its run.
    let place = Written::new(fs::read(checkpoint("one-layer-rotating")).unwrap());
    let (_, help) = refused(place.path(), &net());
    assert!(help.contains("`RUN:STRATEGY:SEED:ROUND:CLIENT`"), "{help}");
}

#[test]
fn an_address_that_fits_two_strategies_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let run = place.path().join("run");
    for folder in ["1/seed-2", "1-2/seed-1"] {
        fs::create_dir_all(run.join(folder)).unwrap();
    }
    let scenario = fs::read_to_string(fixture("client_models/run/scenario.toml")).unwrap();
    let scenario = scenario.replace("one layer: rotating", "1:2");
    let scenario = scenario.replace("name = \"all\"", "name = \"1\"");
    fs::write(run.join("run.json"), "{}").unwrap();
    fs::write(run.join("scenario.toml"), scenario).unwrap();
    let said = |address: &str| {
        let address = format!("{}/{address}", place.path().display());
        ValuesSource::find(&address, &locator()).unwrap_err().to_string()
    };
    let both = said("run:1:2:1:2");
    assert!(both.contains("may be a model of several strategies: `1`, `1:2`"), "{both}");
    assert!(said("run:1:2:1:2:0").contains("no round `2`"));
    assert!(said("run:1-2:1:2").contains("no round `2`"));
}

#[test]
fn a_file_of_the_very_name_of_an_address_comes_first() {
    let place = tempfile::tempdir().unwrap();
    let name = place.path().join("run:all:1:5").display().to_string();
    fs::copy(checkpoint("all"), &name).unwrap();
    fs::create_dir(place.path().join("run")).unwrap();
    fs::write(place.path().join("run/scenario.toml"), "").unwrap();
    assert!(matches!(ValuesSource::find(&name, &locator()), Ok(ValuesSource::File(_))));
}

#[test]
fn a_checkpoint_without_its_metadata_or_with_changes_is_refused() {
    let bytes = fs::read(checkpoint("one-layer-rotating")).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let bare = safetensors::serialize(tensors.tensors(), None).unwrap();
    let (said, help) = refused(Written::new(bare).path(), &net());
    assert!(said.contains("has tensors of single clients (`client/0/fc1.bias`)"), "{said}");
    assert!(help.contains("as fedlayer wrote it"), "{help}");
    let mut changed = fs::read(checkpoint("all")).unwrap();
    let last = changed.len() - 2;
    changed[last] ^= 1;
    let (said, _) = refused(Written::new(changed).path(), &net());
    assert!(said.contains("bytes of it have changed since"), "{said}");
}

#[test]
fn the_model_of_another_network_says_how_its_tensors_differ() {
    let other = Arc::new(Layout::new([("fc1.weight", vec![5, 4]), ("fc2.bias", vec![3])]).unwrap());
    let address = format!("{}/run:all:1:5", folder());
    let error = ValuesSource::find(&address, &locator()).unwrap().read(&other).unwrap_err();
    assert!(error.to_string().contains("found it in the file; the model has no such tensor"));
}
