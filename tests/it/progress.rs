//! The progress of a run off a terminal: a line for each plan that ends, and the total time at the
//! end.

use serde_json::Value;

use crate::support::{DIGITS, Place};

const ANALYSIS: &str = "[[analysis]]\nname = \"ends\"\nmeasure = { barriers = {} }\nsplits = [\"test\"]\n\
                        [[analysis]]\nmeasure = { hessian = { draws = 2, steps = 2 } }\nsplits = [\"test\"]\n";

fn scenario() -> String {
    DIGITS.replace("rounds = 6", "rounds = 2").replace("average = \"all\"", "average = \"none\"")
        + ANALYSIS
}

#[test]
fn off_a_terminal_every_plan_that_ends_has_a_line() {
    let place = Place::with(&scenario());
    let said = place.fedlayer("run scenario.toml --out run --seeds 1,2").ok().stderr;
    for (name, seed) in
        [("all", 1), ("all", 2), ("one layer, rotating", 1), ("one layer, rotating", 2)]
    {
        let line = format!("`{name}`, seed {seed}: finished (");
        assert_eq!(said.matches(&line).count(), 1, "`{line}` is not once in:\n{said}");
    }
    assert!(said.contains("(4 of 4 runs"), "{said}");
    assert!(said.contains("analysis `ends`: barriers (1 of 2)"), "{said}");
    // Plans that were finished before have no line.
    let again = place.fedlayer("resume run").ok().stderr;
    assert!(!again.contains("finished ("), "{again}");
    let quiet = place.fedlayer("run scenario.toml --out quiet --quiet").ok();
    assert_eq!(quiet.stderr, "");
}

#[test]
fn progress_is_a_record_of_a_json_log() {
    let place = Place::with(&scenario());
    let said = place.fedlayer("run scenario.toml --out run --log json").ok().stderr;
    let lines: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ended: Vec<&Value> = lines
        .iter()
        .map(|line| &line["fields"])
        .filter(|fields| fields["state"] == "finished")
        .collect();
    assert_eq!(ended.len(), 2, "{said}");
    assert_eq!((&ended[1]["runs_ended"], &ended[1]["runs"]), (&2.into(), &2.into()));
    assert_eq!((&ended[1]["rounds_done"], &ended[1]["rounds"]), (&4.into(), &4.into()));
    assert!(ended.iter().all(|fields| fields["train_loss"].is_number()), "{said}");
}

#[test]
fn the_last_line_and_run_json_count_the_analyses() {
    let place = Place::with(&scenario());
    let said = place.fedlayer("run scenario.toml --out run").ok().stderr;
    let last = said.lines().last().unwrap();
    let numbers: Vec<f64> = last.split(' ').filter_map(|word| word.parse().ok()).collect();
    assert!(last.contains("s of rounds, ") && last.contains("s of analyses: "), "{last}");
    assert!(last.ends_with("records in run"), "{last}");
    let [rounds, analyses, all] = numbers[..] else { panic!("{last}") };
    assert!((rounds + analyses - all).abs() < 0.11, "{last}");
    let note: Value =
        serde_json::from_slice(&std::fs::read(place.path("run/run.json")).unwrap()).unwrap();
    let seconds = |key: &str| note[key].as_f64().unwrap();
    let parts = seconds("training_seconds") + seconds("analysis_seconds");
    assert!((parts - seconds("seconds")).abs() < 1e-9);
    assert!(seconds("analysis_seconds") > 0.0);
}

#[test]
fn check_says_how_long_the_analyses_may_take() {
    let place = Place::with(&scenario());
    let json: Value =
        serde_json::from_str(&place.fedlayer("check scenario.toml --json").ok().stdout).unwrap();
    // 64 → 16 → 10: twice the multiplications of a forward pass, on the 359 images of the test set.
    let pass = 2.0 * (64.0 * 16.0 + 16.0 * 10.0) * 359.0;
    let count = |of: usize, key: &str| json["analyses"][of][key].as_f64().unwrap();
    let evaluations = count(0, "evaluations")
        + count(1, "evaluations")
        + 4.0 * (count(0, "products") + count(1, "products"));
    let found = json["cost"]["analysis_flops"].as_f64().unwrap();
    assert!((found / (pass * evaluations) - 1.0).abs() < 0.02, "{found} {}", pass * evaluations);
    let text = place.fedlayer("check scenario.toml").ok().stdout;
    assert!(text.contains("analyses at most "), "{text}");
}
