//! Every command does what its help says. Data goes to stdout, messages to stderr.

use serde_json::Value;

use crate::support::{DIGITS, Place};

#[test]
fn check_prints_layers_clients_and_cost() {
    let place = Place::with(DIGITS);
    let done = place.fedlayer("check scenario.toml").ok();
    for words in ["fc1", "[16, 64]", "1,210 parameters", "optimizer steps", "own test", "rotating"]
    {
        assert!(done.stdout.contains(words), "`{words}` is not in:\n{}", done.stdout);
    }
    assert_eq!(done.stderr, "");
    let json: Value =
        serde_json::from_str(&place.fedlayer("check scenario.toml --json").ok().stdout).unwrap();
    let clients = json["clients"].as_array().unwrap();
    let examples: u64 = clients
        .iter()
        .map(|client| client["train"].as_u64().unwrap() + client["test"].as_u64().unwrap())
        .sum();
    // 1,797 digits, a fifth of them in the common test set.
    assert_eq!((clients.len(), examples), (6, 1438));
}

#[test]
fn run_prints_the_table_on_stdout_and_json_where_it_is_asked_for() {
    let place = Place::with(DIGITS);
    let done = place.fedlayer("run scenario.toml --out table --quiet").ok();
    assert!(done.stdout.starts_with("strategy"), "{}", done.stdout);
    assert!(done.stdout.contains("one layer, rotating"));
    assert_eq!(done.stderr, "");
    let compared = place.fedlayer("compare table").ok();
    assert_eq!(compared.stdout, done.stdout);
    let json = place.fedlayer("run scenario.toml --out json --json").ok();
    let summary: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(summary["rows"].as_array().unwrap().len(), 2);
}

#[test]
fn runs_without_out_take_the_next_free_folder() {
    let place = Place::with(DIGITS);
    for _ in 0..2 {
        place.fedlayer("run scenario.toml --set rounds=1").ok();
    }
    assert!(place.path("runs/scenario/summary.json").exists());
    assert!(place.path("runs/scenario-2/summary.json").exists());
}

#[test]
fn init_prints_a_scenario_that_passes_check() {
    let place = Place::with("");
    let example = place.fedlayer("init").ok().stdout;
    let place = Place::with(&example);
    place.fedlayer("check scenario.toml").ok();
}

#[test]
fn schema_and_completions_are_printed() {
    let place = Place::with("");
    let schema: Value = serde_json::from_str(&place.fedlayer("schema").ok().stdout).unwrap();
    assert!(schema["properties"]["strategy"].is_object());
    assert!(place.fedlayer("completions bash").ok().stdout.contains("_fedlayer"));
}

#[test]
fn the_log_is_json_where_it_is_asked_for() {
    let place = Place::with(DIGITS);
    let mut command = place.command("run scenario.toml --out run --set rounds=1 --log json");
    let output = command.env("RUST_LOG", "fedlayer=debug,fedlayer_runtime=debug").output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<Value> =
        stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let spans: Vec<String> = lines.iter().map(|line| line["spans"].to_string()).collect();
    assert!(
        spans.iter().any(|spans| spans.contains("\"run\"") && spans.contains("\"round\"")),
        "{stderr}"
    );
}

#[test]
fn the_first_scenario_of_a_page_passes_check() {
    for page in ["README.md", "docs/scenario.md"] {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../");
        let text = std::fs::read_to_string(format!("{path}{page}")).unwrap();
        let block = text.split("```toml").nth(1).unwrap().split("```").next().unwrap();
        let (_, scenario) = block.split_once('\n').unwrap();
        let done = Place::with(scenario).fedlayer("check scenario.toml");
        assert_eq!(done.code, Some(0), "{page}: {}", done.stderr);
    }
}

#[test]
fn seeds_and_rounds_have_short_forms() {
    let place = Place::with(DIGITS);
    place.fedlayer("run scenario.toml --out short --seeds 2-3 --rounds 1").ok();
    place.fedlayer("run scenario.toml --out long --set seeds=[2,3] --set rounds=1").ok();
    let text = |run: &str| std::fs::read_to_string(place.path(run).join("scenario.toml")).unwrap();
    assert!(text("short").contains("seeds = [2, 3]\nrounds = 1\n"), "{}", text("short"));
    let summary = |run: &str| std::fs::read(place.path(run).join("summary.json")).unwrap();
    assert_eq!(summary("short"), summary("long"));
    let checked = place.fedlayer("check scenario.toml --seeds 1,2,5 --rounds 3").ok().stdout;
    assert!(checked.contains("2 of them × 3 seeds, 3 rounds"), "{checked}");
    for arguments in [
        "check scenario.toml --rounds 3 --set rounds=4",
        "run scenario.toml --out twice --seeds 1 --set seeds=[2]",
        "check scenario.toml --seeds 5-1",
    ] {
        let refused = place.fedlayer(arguments);
        assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    }
    let refused = place.fedlayer("check scenario.toml --rounds 3 --set rounds=4").stderr;
    assert!(refused.contains("`--rounds` and `--set rounds=…` set the same key"), "{refused}");
    assert!(!place.path("twice").exists());
}

#[test]
fn a_dry_run_prints_what_check_prints_and_makes_nothing() {
    let place = Place::with(DIGITS);
    let dry = place.fedlayer("run scenario.toml --dry-run --seeds 1,2").ok();
    assert_eq!(dry.stdout, place.fedlayer("check scenario.toml --seeds 1,2").ok().stdout);
    assert!(!place.path("runs").exists());
    place.fedlayer("run scenario.toml --dry-run --out run").ok();
    assert!(!place.path("run").exists());
    std::fs::create_dir(place.path("taken")).unwrap();
    let dry = place.fedlayer("run scenario.toml --dry-run --out taken");
    let run = place.fedlayer("run scenario.toml --out taken");
    assert_eq!((dry.code, dry.stdout, dry.stderr), (run.code, run.stdout, run.stderr));
}

/// A pipe can be read only once: a second reading found an empty scenario.
#[test]
fn a_dry_run_reads_its_scenario_once() {
    use std::{io::Write, process::Stdio};
    let place = Place::with(DIGITS);
    let mut command = place.command("run /dev/stdin --dry-run");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(DIGITS.as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let checked = place.fedlayer("check scenario.toml").ok();
    assert_eq!(String::from_utf8(done.stdout).unwrap(), checked.stdout);
}

#[test]
fn a_dry_run_says_where_it_would_start_once() {
    let place = Place::with(DIGITS);
    place.fedlayer("run scenario.toml -q --out first --rounds 2").ok();
    let initial = "--set initial=first:all:1:last";
    let dry = place.fedlayer(&format!("run scenario.toml --dry-run {initial}")).ok();
    let check = place.fedlayer(&format!("check scenario.toml {initial}")).ok();
    assert_eq!(dry.stderr.matches("the last round is 2").count(), 1, "{}", dry.stderr);
    assert_eq!((dry.stdout, dry.stderr), (check.stdout, check.stderr));
}
