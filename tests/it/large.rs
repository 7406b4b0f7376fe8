//! Scenarios of any size are answered: with plans, or with the limit that they exceed. At these
//! sizes, work that grows with the square would not end.

use crate::support::{DIGITS, Place};

/// Writes `count` strategies.
fn strategies(count: usize) -> String {
    let (head, _) = DIGITS.split_once("[[strategy]]").unwrap();
    let strategy = |index| format!("[[strategy]]\nname = \"s{index}\"\naverage = \"all\"\n");
    head.to_owned() + &(0..count).map(strategy).collect::<String>()
}

fn seeds(count: usize) -> String {
    let list: Vec<String> = (0..count).map(|seed| seed.to_string()).collect();
    DIGITS.replace("seeds = [1]", &format!("seeds = [{}]", list.join(",")))
}

fn layers(count: usize) -> String {
    let list = vec!["{linear={out=10}}"; count].join(",");
    DIGITS.replace("mlp = [16]", &format!("layers = [\"flatten\",{list}]"))
}

#[test]
fn what_passes_a_limit_is_refused_with_it() {
    for (scenario, words) in [
        (strategies(100_000), "a scenario has at most 1_048_576 bytes"),
        (layers(100_000), "a scenario has at most 1_048_576 bytes"),
        (seeds(1_000_000), "a scenario has at most 1_048_576 bytes"),
        (strategies(20_000), "`strategy` must have between 1 and 10_000 items"),
        (layers(20_000), "`model.layers` must have between 1 and 10_000 items"),
        (seeds(20_000), "`seeds` must have between 1 and 10_000 items"),
        (
            strategies(11).replace("seeds = [1]", &first_line(&seeds(10_000))),
            "strategies × seeds must be at most 100_000",
        ),
        (
            layers(9_000).replace("seeds = [1]", &first_line(&seeds(500))),
            "strategies × seeds × layers must be at most 4_000_000",
        ),
    ] {
        let place = Place::with(&scenario);
        for command in ["check", "run --dry-run"] {
            let done = place.fedlayer(&format!("{command} scenario.toml"));
            assert_eq!(done.code, Some(3), "{}", done.stderr);
            assert!(done.stderr.contains(words), "{words}: {:.2000}", done.stderr);
        }
    }
}

/// Writes the line of `seeds`.
fn first_line(scenario: &str) -> String {
    scenario.lines().find(|line| line.starts_with("seeds")).unwrap().to_owned()
}

#[test]
fn what_keeps_to_the_limits_is_checked() {
    for (scenario, words) in [
        (strategies(10_000), "10000 of them"),
        (layers(9_000), "fc9000"),
        (seeds(10_000), "10000 seeds"),
    ] {
        let done = Place::with(&scenario).fedlayer("check scenario.toml").ok();
        assert!(done.stdout.contains(words), "{words}: {:.2000}", done.stdout);
    }
}

#[test]
fn of_many_problems_the_first_are_written_out() {
    let keys: String = (0..100_000).map(|key| format!("k{key}=1\n")).collect();
    let done = Place::with(&(keys + DIGITS)).fedlayer("check scenario.toml");
    assert_eq!(done.code, Some(3));
    assert!(
        done.stderr.trim_end().ends_with("… and at least 950 more problems"),
        "{}",
        &done.stderr[done.stderr.len() - 200..]
    );
}

#[test]
fn what_is_nested_deeply_or_very_long_is_refused() {
    let deep = format!("mlp = {}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let tables = format!("mlp = {}1{}", "{a=".repeat(100_000), "}".repeat(100_000));
    let points = format!("{} = 1", vec!["a"; 200_000].join("."));
    for model in [deep, tables, points] {
        let done =
            Place::with(&DIGITS.replace("mlp = [16]", &model)).fedlayer("check scenario.toml");
        assert_eq!(done.code, Some(3), "{}", done.stderr);
        assert!(done.stderr.len() < 10_000, "{}", done.stderr.len());
    }
    // The file of the module does not exist.
    let long = format!("torchscript = \"{}\"", "x".repeat(1_000_000));
    let done = Place::with(&DIGITS.replace("mlp = [16]", &long)).fedlayer("check scenario.toml");
    assert_eq!(done.code, Some(4));
}
