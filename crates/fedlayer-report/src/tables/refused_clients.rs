//! Clients that do not count in some rounds: the mark of their strategy's row, and the lines below
//! the table that name them with the rounds and the reasons.

use fedlayer_core::{
    compare::ComparedStrategy,
    record::{RefusalCause, Refusals, clients_in_words},
};

/// The largest number of runs that are listed.
const SHOWN_RUNS: usize = 4;

/// Returns the mark behind the rounds of a strategy in which clients do not count.
pub(crate) fn mark(strategy: &ComparedStrategy) -> &'static str {
    if strategy.refused.is_empty() { "" } else { "*" }
}

/// Returns a line for every strategy and seed with clients that do not count; empty if all count.
pub(crate) fn lines(strategies: &[&ComparedStrategy]) -> String {
    let of = |strategy: &&ComparedStrategy| {
        let name = strategy.strategy.clone();
        strategy
            .refused
            .clone()
            .into_iter()
            .map(move |(seed, refused)| (name.clone(), seed, refused))
    };
    let runs: Vec<(String, u64, Refusals)> = strategies.iter().flat_map(of).collect();
    let shown = runs.iter().take(SHOWN_RUNS);
    let mut text: String = shown.map(|(name, seed, refused)| line(name, *seed, refused)).collect();
    let more = runs.len().saturating_sub(SHOWN_RUNS);
    if more > 0 {
        text += &format!(
            "* … and {more} more runs with clients that do not count; see `summary.json`.\n"
        );
    }
    text
}

fn line(strategy: &str, seed: u64, refused: &Refusals) -> String {
    let causes: Vec<String> = refused.causes.iter().map(cause).collect();
    let counted: u64 = refused.causes.iter().map(|cause| cause.client_rounds).sum();
    let more = match refused.client_rounds.saturating_sub(counted) {
        0 => String::new(),
        more => format!("\n    and {more} client-rounds more"),
    };
    format!(
        "* `{strategy}`, seed {seed}: {} of {} client-rounds do not count; see `rounds.jsonl`.\n    {}{more}\n",
        refused.client_rounds,
        refused.of,
        causes.join("\n    "),
    )
}

/// Returns clients, rounds and reason: `client 3 in rounds 2-5: failed: …`.
fn cause(cause: &RefusalCause) -> String {
    let who = clients_in_words(&cause.clients, cause.client_count);
    let (first, last) = (cause.first_round, cause.last_round);
    let when = match (cause.round_count, u64::from(last - first) + 1) {
        (1, _) => format!("round {first}"),
        (rounds, spanned) if rounds == spanned => format!("rounds {first}-{last}"),
        (rounds, _) => format!("{rounds} rounds from {first} to {last}"),
    };
    format!("{who} in {when}: {}", cause.reason)
}

#[cfg(test)]
mod tests {
    use fedlayer_core::{
        compare::compare,
        data::ClientId,
        record::{MissingRecord, RoundRecord, SummaryRow},
    };

    use crate::tables::{ComparisonView, comparison_table};

    fn round(round: u32, missing: &[(u32, &str)]) -> RoundRecord {
        let missing = missing.iter().map(|&(client, reason)| MissingRecord {
            client: ClientId(client),
            reason: reason.to_owned(),
        });
        RoundRecord {
            round,
            attempt: 1,
            reported: (4..10).map(ClientId).collect(),
            missing: missing.collect(),
            averaged: "all".to_owned(),
            examples: 60,
            steps: 6,
            train_loss: 0.5,
            evaluation: None,
            barriers: None,
            bytes_up: 0,
            bytes_down: 0,
            bytes: Vec::new(),
            layers: Vec::new(),
        }
    }

    /// Earlier, eight of ten clients could be missing in every round without any remark in the
    /// table.
    #[test]
    fn rounds_whose_clients_were_refused_are_marked_and_explained() {
        let nan = "refused: the training loss is NaN; training diverged, and a smaller learning rate may help";
        let records = [
            round(1, &[(0, nan), (1, nan), (2, "dropped out")]),
            round(2, &[(0, nan), (3, "not back by the deadline"), (2, "dropped out")]),
            round(4, &[(0, nan)]),
        ];
        let rows = [
            SummaryRow::new("all", 1, &records),
            SummaryRow::new("none", 1, &[round(1, &[(2, "dropped out")])]),
        ];
        let text = comparison_table(&compare(&rows), &ComparisonView::default());
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[1].starts_with("all           3* "), "{text}");
        assert!(lines[2].starts_with("none           1 "), "{text}");
        let foot: Vec<&str> = lines.into_iter().skip_while(|line| !line.starts_with('*')).collect();
        assert_eq!(
            foot,
            [
                "* `all`, seed 1: 5 of 25 client-rounds do not count; see `rounds.jsonl`.",
                &format!("    clients 0 and 1 in 3 rounds from 1 to 4: {nan}"),
                "    client 3 in round 2: not back by the deadline",
            ]
        );
    }

    #[test]
    fn a_summary_carries_who_does_not_count_and_one_of_before_reads_as_ever() {
        let row = SummaryRow::new("all", 1, &[round(1, &[(0, "failed: out of memory")])]);
        let json = serde_json::to_value(&row).unwrap();
        assert_eq!(json["refused"]["client_rounds"], 1);
        assert_eq!(json["refused"]["causes"][0]["clients"], serde_json::json!([0]));
        let whole = SummaryRow::new("all", 1, &[round(1, &[(0, "dropped out")])]);
        let mut json = serde_json::to_value(&whole).unwrap();
        assert_eq!(json.as_object_mut().unwrap().remove("refused"), None);
        assert_eq!(serde_json::from_value::<SummaryRow>(json).unwrap(), whole);
    }
}
