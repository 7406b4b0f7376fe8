//! `fedlayer compare` names the differences of set-ups, and gives differences of results only for
//! runs that can be compared.

use std::fs;

use serde_json::Value;

use crate::support::{DIGITS, Place};

/// A short run of digits, and runs that each differ from it in one thing.
struct Runs(Place);

impl Runs {
    fn of(others: &[(&str, &str)]) -> Self {
        let short =
            DIGITS.replace("rounds = 6", "rounds = 2").replace("seeds = [1]", "seeds = [1, 2]");
        let place = Place::with(&short);
        for (name, settings) in [("base", "")].iter().chain(others) {
            place.fedlayer(&format!("run scenario.toml -q --out {name} {settings}")).ok();
        }
        Self(place)
    }

    /// Compares runs in the two accuracies' differences.
    fn compare(&self, arguments: &str) -> String {
        let columns = "delta_test_accuracy,delta_client_accuracy_mean";
        self.0.fedlayer(&format!("compare {arguments} --columns {columns}")).ok().stdout
    }
}

/// Returns the two differences in a strategy's row.
fn differences(table: &str, strategy: &str) -> String {
    let mut rows = table.lines().filter_map(|line| line.strip_prefix(strategy));
    let columns = rows.find(|columns| columns.starts_with("  ")).unwrap();
    columns.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Two columns without a difference.
const NOTHING: &str = "- -";

#[test]
fn runs_that_cannot_be_compared_have_no_difference_and_are_named() {
    let synthetic =
        "data.set={synthetic={classes=10,informative=16,redundant=8,noise=40,examples=600}}";
    let runs =
        Runs::of(&[("drawn", &format!("--set {synthetic}")), ("wide", "--set model.mlp=[17]")]);
    let table = runs.compare("base drawn wide");
    assert_eq!(differences(&table, "drawn: all"), NOTHING, "{table}");
    assert_eq!(differences(&table, "wide: all"), NOTHING, "{table}");
    assert!(differences(&table, "base: one layer, rotating").contains('['), "{table}");
    for words in [
        "`drawn` differs from `base` in\n  `data.set`: { synthetic = {",
        "… against \"digits\"\n",
        "  and gets no Δ: the same seed does not make them comparable",
        "`wide` differs from `base` in\n  `model.mlp`: [17] against [16]\n",
    ] {
        assert!(table.contains(words), "`{words}` is not in:\n{table}");
    }
    let anyway = runs.compare("base drawn --anyway");
    assert!(differences(&anyway, "drawn: all").starts_with('~'), "{anyway}");
    assert!(anyway.contains("not paired:\ndifference of independent means"), "{anyway}");
}

#[test]
fn another_learning_rate_is_a_comparison_and_is_named() {
    let runs = Runs::of(&[("slow", "--set local.optimizer.sgd.lr=0.01")]);
    let table = runs.compare("base slow");
    assert!(differences(&table, "slow: all").contains('['), "{table}");
    let named = "`slow` differs from `base` in\n  `local.optimizer.sgd.lr`: 0.01 against 0.1\n  and is paired with it by seed";
    assert!(table.contains(named), "{table}");
    let json: Value = serde_json::from_str(&runs.compare("base slow --json")).unwrap();
    assert_eq!(json["rows"].as_array().unwrap().len(), 8);
    assert!(
        json["comparison"][2]["quantities"]["test_accuracy"]["difference"]["mean"].as_f64()
            < Some(0.0)
    );
    let key = &json["differing"][0]["keys"][0];
    assert_eq!(json["differing"][0]["run"], "slow");
    assert_eq!(
        (&key["key"], &key["effect"]),
        (&"local.optimizer.sgd.lr".into(), &"training".into())
    );
    assert_eq!((&key["reference"], &key["other"]), (&"0.1".into(), &"0.01".into()));
}

#[test]
fn other_seeds_and_other_rounds_are_named_and_paired_by_wish_alone() {
    let runs = Runs::of(&[("more", "--seeds 2,3"), ("longer", "--rounds 3")]);
    let table = runs.compare("base more longer");
    assert_eq!(differences(&table, "more: all"), NOTHING, "{table}");
    assert_eq!(differences(&table, "longer: all"), NOTHING, "{table}");
    for words in [
        "`seeds`: [2, 3] against [1, 2]",
        "`rounds`: 3 against 2",
        "and gets no Δ (with `--anyway`",
    ] {
        assert!(table.contains(words), "`{words}` is not in:\n{table}");
    }
    let anyway = runs.compare("base more longer --anyway");
    // The runs have one seed in common, then two.
    assert!(!differences(&anyway, "more: all").contains('['), "{anyway}");
    assert!(differences(&anyway, "longer: all").contains('['), "{anyway}");
    assert!(!anyway.contains('~'), "{anyway}");
}

/// Two runs of one scenario in folders of the same name, and a run without its scenario.
#[test]
fn strategies_of_the_same_name_stay_apart_and_an_unknown_set_up_is_no_pair() {
    let runs = Runs::of(&[("a/run", ""), ("b/run", "")]);
    let table = runs.compare("a/run b/run");
    assert!(table.contains("a/run: all") && table.contains("b/run: all"), "{table}");
    assert!(!table.contains("differs from"), "{table}");
    assert!(differences(&table, "b/run: all").starts_with("tie [+0.0, +0.0]"), "{table}");
    let twice = runs.0.fedlayer("compare a/run ./a/run");
    assert_eq!(twice.code, Some(8), "{}", twice.stderr);
    let refused = {
        fs::remove_file(runs.0.path("b/run/scenario.toml")).unwrap();
        runs.0.fedlayer("compare a/run b/run")
    };
    assert_eq!(refused.code, Some(8), "{}", refused.stderr);
    assert!(refused.stderr.contains("it lacks `scenario.toml`"), "{}", refused.stderr);
    // Only the summary of the run was copied.
    fs::remove_file(runs.0.path("b/run/run.json")).unwrap();
    let table = runs.compare("a/run b/run");
    assert_eq!(differences(&table, "b/run: all"), NOTHING, "{table}");
    assert!(table.contains("`scenario.toml`: not understood against understood"), "{table}");
}

/// A variant of a sweep is compared by its settings.
#[test]
fn variants_of_a_sweep_are_compared_by_what_they_set() {
    let sweep = "[sweep]\nlist = [{ \"local.batch\" = 16 }, { \"local.batch\" = 8 }, { \"clients.count\" = 7 }]\n";
    let place = Place::with(&(DIGITS.replace("rounds = 6", "rounds = 1") + sweep));
    place.fedlayer("run scenario.toml -q --out swept").ok();
    fs::write(place.path("plain.toml"), DIGITS).unwrap();
    place.fedlayer("run plain.toml -q --out plain --rounds 1").ok();
    let runs = Runs(place);
    let table = runs.compare("plain swept");
    assert!(!table.contains("`swept: batch=16` differs"), "{table}");
    assert!(
        table.contains("`swept: batch=8` differs from `plain` in\n  `local.batch`: 8 against 16"),
        "{table}"
    );
    assert!(
        table.contains("`swept: count=7` differs from `plain` in\n  `clients.count`: 7 against 6"),
        "{table}"
    );
    assert_eq!(differences(&table, "swept: count=7: all"), NOTHING, "{table}");
    assert!(differences(&table, "swept: batch=16: all").starts_with("+0.0"), "{table}");
}

/// Rewrites a run's note as earlier versions wrote it: without the given keys, and without
/// checksums.
fn as_earlier_versions_wrote_it(runs: &Runs, run: &str, without: &[&str]) {
    let take = |file: &str, keys: &[&str]| {
        let path = runs.0.path(run).join(file);
        let mut note: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        for key in keys {
            assert!(note.as_object_mut().unwrap().remove(*key).is_some(), "{key}");
        }
        fs::write(path, serde_json::to_vec(&note).unwrap()).unwrap();
    };
    take("run.json", &[without, &["provenance", "files", "checksum"]].concat());
    take("inputs.json", &["provenance", "checksum"]);
}

/// A folder of an earlier version: no times of analyses in `run.json`, no count of clients in the
/// summary.
#[test]
fn a_run_folder_of_an_earlier_version_is_compared() {
    let runs = Runs::of(&[("old", "")]);
    as_earlier_versions_wrote_it(&runs, "old", &["training_seconds", "analysis_seconds"]);
    let summary = fs::read_to_string(runs.0.path("old/summary.json")).unwrap();
    assert!(!summary.contains("clients_without_test"), "{summary}");
    let table = runs.compare("base old");
    assert!(differences(&table, "old: all").starts_with("tie [+0.0, +0.0]"), "{table}");
}

/// A file of the same name with another content is another set of examples.
#[test]
fn files_of_the_same_name_with_another_content_are_no_pair() {
    let runs = Runs::of(&[("other", "")]);
    for run in ["base", "other"] {
        as_earlier_versions_wrote_it(&runs, run, &[]);
    }
    let note = |run: &str, hash: &str| {
        let file =
            format!("{{\"name\":\"d.csv\",\"path\":\"/d.csv\",\"bytes\":7,\"blake3\":\"{hash}\"}}");
        let text = format!("{{\"scenario\":\"/s.toml\",\"files\":[{file}]}}");
        fs::write(runs.0.path(run).join("inputs.json"), text).unwrap();
    };
    note("base", "aa");
    note("other", "aa");
    assert!(!runs.compare("base other").contains("differs"));
    note("other", "bb");
    let table = runs.compare("base other");
    assert!(
        table.contains("`file d.csv`: 7 bytes, blake3 bb against 7 bytes, blake3 aa"),
        "{table}"
    );
    assert_eq!(differences(&table, "other: all"), NOTHING, "{table}");
}

/// A key that one scenario leaves at its default was reported as `nothing` there.
#[test]
fn a_key_that_is_left_at_its_default_is_named_with_it() {
    let runs = Runs::of(&[("kept", "--set local.last_batch=drop --set clients.deadline=1e6")]);
    let table = runs.compare("base kept");
    for words in [
        "`clients.deadline`: 1000000.0 against no deadline\n",
        "`local.last_batch`: \"drop\" against \"keep\"\n",
    ] {
        assert!(table.contains(words), "`{words}` is not in:\n{table}");
    }
    assert!(!table.contains("nothing"), "{table}");
}

/// Both were called `all`, although one of them averages a single layer.
#[test]
fn strategies_of_one_name_that_do_other_things_are_named() {
    let runs = Runs::of(&[("single", "--set strategy.0.average={first=1}")]);
    let table = runs.compare("base single");
    let words = "`single` differs from `base` in\n  `strategy.all.average`: { first = 1 } against \"all\"\n  and is paired";
    assert!(table.contains(words), "{table}");
}
