//! [`Refusals`]: clients that should have reported and have no update, with rounds and causes.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{
    data::ClientId,
    record::{MissingRecord, RoundRecord},
};

/// The client-rounds of a run without an update. Clients that were drawn to drop out do not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusals {
    /// The number of client-rounds: a client counts once per round.
    pub client_rounds: u64,
    /// The number of client-rounds of all cohorts.
    pub of: u64,
    /// The causes, most frequent first; at most [`SHOWN_CAUSES`](Self::SHOWN_CAUSES).
    pub causes: Vec<RefusalCause>,
}

/// One cause, with its clients and rounds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusalCause {
    /// The cause, as in `rounds.jsonl`.
    pub reason: String,
    /// The number of client-rounds.
    pub client_rounds: u64,
    /// The first clients, in ascending order.
    pub clients: Vec<ClientId>,
    /// The number of clients.
    pub client_count: u64,
    /// The number of rounds.
    pub round_count: u64,
    /// The first round.
    pub first_round: u32,
    /// The last round.
    pub last_round: u32,
}

impl MissingRecord {
    /// The reason of a client that was drawn to drop out.
    pub const DROPPED: &str = "dropped out";

    /// Returns whether the client should have reported: it was not drawn to drop out.
    pub fn is_refused(&self) -> bool {
        self.reason != Self::DROPPED
    }
}

/// One cause while the records are counted.
struct CauseCount<'a> {
    reason: &'a str,
    client_rounds: u64,
    clients: BTreeSet<ClientId>,
    rounds: BTreeSet<u32>,
}

impl Refusals {
    /// The largest number of causes that are kept.
    pub const SHOWN_CAUSES: usize = 4;

    /// The largest number of clients that are named per cause.
    pub const SHOWN_CLIENTS: usize = 4;

    /// Counts the missing updates of a run; returns `None` if there are none.
    pub fn of(records: &[RoundRecord]) -> Option<Self> {
        let mut hits: Vec<CauseCount<'_>> = Vec::new();
        let (mut refused, mut all) = (0, 0);
        for record in records {
            all += (record.reported.len() + record.missing.len()) as u64;
            for MissingRecord { client, reason } in
                record.missing.iter().filter(|missing| missing.is_refused())
            {
                refused += 1;
                let at = hits.iter().position(|hits| hits.reason == reason).unwrap_or_else(|| {
                    hits.push(CauseCount::new(reason));
                    hits.len() - 1
                });
                hits[at].add(*client, record.round);
            }
        }
        if refused == 0 {
            return None;
        }
        hits.sort_by_key(|hits| std::cmp::Reverse(hits.client_rounds));
        let causes = hits.into_iter().take(Self::SHOWN_CAUSES).map(CauseCount::cause).collect();
        Some(Self { client_rounds: refused, of: all, causes })
    }
}

impl<'a> CauseCount<'a> {
    fn new(reason: &'a str) -> Self {
        Self { reason, client_rounds: 0, clients: BTreeSet::new(), rounds: BTreeSet::new() }
    }

    fn add(&mut self, client: ClientId, round: u32) {
        self.client_rounds += 1;
        self.clients.insert(client);
        self.rounds.insert(round);
    }

    fn cause(self) -> RefusalCause {
        RefusalCause {
            reason: self.reason.to_owned(),
            client_rounds: self.client_rounds,
            client_count: self.clients.len() as u64,
            clients: self.clients.into_iter().take(Refusals::SHOWN_CLIENTS).collect(),
            round_count: self.rounds.len() as u64,
            first_round: self.rounds.first().copied().unwrap_or(0),
            last_round: self.rounds.last().copied().unwrap_or(0),
        }
    }
}

/// Lists clients, and the number of those past the first: `client 3`, `clients 1 and 3`, `clients
/// 0, 1, 2, 5 and 96 more`.
pub fn clients_in_words(first: &[ClientId], count: u64) -> String {
    let shown = &first[..first.len().min(Refusals::SHOWN_CLIENTS)];
    let names: Vec<String> = shown.iter().map(ToString::to_string).collect();
    match (&names[..], count.saturating_sub(shown.len() as u64)) {
        ([one], 0) => format!("client {one}"),
        ([names @ .., last], 0) => format!("clients {} and {last}", names.join(", ")),
        (names, more) => format!("clients {} and {more} more", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_named_and_of_many_the_first() {
        let ids: Vec<ClientId> = (0..9).map(ClientId).collect();
        assert_eq!(clients_in_words(&ids[3..4], 1), "client 3");
        assert_eq!(clients_in_words(&ids[..2], 2), "clients 0 and 1");
        assert_eq!(clients_in_words(&ids[..3], 3), "clients 0, 1 and 2");
        assert_eq!(clients_in_words(&ids, 9), "clients 0, 1, 2, 3 and 5 more");
    }

    /// Makes a round in which these clients are missing, for these reasons.
    fn round(round: u32, missing: impl IntoIterator<Item = (u32, &'static str)>) -> RoundRecord {
        let missing = missing.into_iter().map(|(client, reason)| MissingRecord {
            client: ClientId(client),
            reason: reason.to_owned(),
        });
        RoundRecord {
            round,
            attempt: 1,
            reported: vec![ClientId(99)],
            missing: missing.collect(),
            averaged: "all".to_owned(),
            examples: 1,
            steps: 1,
            train_loss: 1.0,
            evaluation: None,
            barriers: None,
            bytes_up: 0,
            bytes_down: 0,
            bytes: Vec::new(),
            layers: Vec::new(),
        }
    }

    #[test]
    fn of_many_causes_and_clients_the_most_frequent_and_the_first_are_kept() {
        let rare = [(1, "a"), (2, "b"), (3, "c"), (4, "d")];
        let records = [round(1, rare), round(2, (0..6).rev().map(|client| (client, "often")))];
        let found = Refusals::of(&records).unwrap();
        assert_eq!((found.client_rounds, found.of), (10, 12));
        let reasons: Vec<&str> = found.causes.iter().map(|cause| &*cause.reason).collect();
        assert_eq!(reasons, ["often", "a", "b", "c"]);
        let often = &found.causes[0];
        assert_eq!((often.client_count, often.clients.len()), (6, 4));
        assert_eq!(often.clients, (0..4).map(ClientId).collect::<Vec<_>>());
    }
}
