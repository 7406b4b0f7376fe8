//! [`setup_differences`]: the lines below a comparison of runs with different set-ups.

use fedlayer_core::{
    compare::{Contrast, Effect, Pairing},
    text::excerpt,
};
use serde::Serialize;

/// A run, or a variant of one, with a set-up that differs from the reference's.
#[derive(Debug, Clone, Serialize)]
pub struct DifferingRun {
    /// Its name in the table.
    pub run: String,
    /// The keys in which it differs; at least one.
    pub keys: Vec<Contrast>,
    /// How its strategies are compared with the reference in spite of that.
    #[serde(skip)]
    pub pairing: Pairing,
}

/// The largest number of runs that are listed.
const SHOWN_RUNS: usize = 10;

/// The largest number of characters of a value that are shown.
const SHOWN_VALUE: usize = 60;

/// Lists, for each run, the keys in which it differs from the reference, both values, and how its
/// results are compared.
pub fn setup_differences(reference: &str, runs: &[DifferingRun]) -> String {
    let blocks: Vec<String> =
        runs.iter().take(SHOWN_RUNS).map(|run| block(reference, run)).collect();
    let more = match runs.len().saturating_sub(SHOWN_RUNS) {
        0 => String::new(),
        more => format!("… and {more} more (`--json` has all)\n"),
    };
    blocks.concat() + &more
}

fn block(reference: &str, run: &DifferingRun) -> String {
    let line = |key: &Contrast| {
        let [own, other] = [&key.other, &key.reference].map(|value| excerpt(value, SHOWN_VALUE));
        format!("  `{}`: {own} against {other}\n", key.key)
    };
    let lines: Vec<String> = run.keys.iter().map(line).collect();
    let name = &run.run;
    format!("`{name}` differs from `{reference}` in\n{}  {}\n", lines.concat(), verdict(run))
}

/// Says what the differences in set-up mean for the comparison of results.
fn verdict(run: &DifferingRun) -> &'static str {
    let worst = run.keys.iter().map(|key| key.effect).max().unwrap_or(Effect::Training);
    match (worst, run.pairing) {
        (Effect::Training, _) => {
            "and is paired with it by seed: both have the same examples, initial weights and cohorts"
        }
        (Effect::Extent, Pairing::Nothing) => {
            "and gets no Δ (with `--anyway`: on the seeds that both have)"
        }
        (Effect::Extent, _) => "and gets a Δ on the seeds that both have, because of `--anyway`",
        (Effect::Setup, Pairing::Nothing) => {
            "and gets no Δ: the same seed does not make them comparable (with `--anyway`: one that is not paired)"
        }
        (Effect::Setup, _) => "and gets a Δ that is not paired, because of `--anyway`",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(name: &str, key: &str, effect: Effect, pairing: Pairing) -> DifferingRun {
        let [reference, other] = ["\"digits\"", "not given"].map(str::to_owned);
        let contrast = Contrast { key: key.to_owned(), reference, other, effect };
        DifferingRun { run: name.to_owned(), keys: vec![contrast], pairing }
    }

    #[test]
    fn each_run_is_named_with_its_keys_and_what_becomes_of_its_difference() {
        let runs = [
            run("cifar", "data.set", Effect::Setup, Pairing::Nothing),
            run("slow", "local.batch", Effect::Training, Pairing::Paired),
        ];
        let expected = "\
`cifar` differs from `digits` in
  `data.set`: not given against \"digits\"
  and gets no Δ: the same seed does not make them comparable (with `--anyway`: one that is not paired)
`slow` differs from `digits` in
  `local.batch`: not given against \"digits\"
  and is paired with it by seed: both have the same examples, initial weights and cohorts
";
        assert_eq!(setup_differences("digits", &runs), expected);
    }

    #[test]
    fn many_runs_and_long_values_are_cut_short() {
        let mut one = run("a", "model", Effect::Setup, Pairing::Independent);
        one.keys[0].other = "é".repeat(100);
        let text = setup_differences("b", &vec![one; 12]);
        assert!(text.contains(&format!("`model`: {}… against", "é".repeat(60))), "{text}");
        assert!(text.ends_with("… and 2 more (`--json` has all)\n"), "{text}");
        assert_eq!(text.matches("because of `--anyway`").count(), 10);
    }
}
