//! `[clients]`: the cohort fits the number of clients, and barriers between pairs have two clients.

use fedlayer_core::spec::Between;

use crate::{
    Scenario,
    problem::{Location, Problem},
    toml_tree::KeyPath,
};

pub(super) fn check(scenario: &Scenario) -> Vec<Problem> {
    let clients = &scenario.clients;
    let mut problems = Vec::new();
    if clients.per_round.is_some_and(|per_round| per_round > clients.count) {
        let title = "a round cannot draw more clients than there are";
        let problem = Problem::new(Location::Value(KeyPath::from("clients.per_round")), title)
            .label(format!("found {}", clients.cohort()))
            .also(Location::Value(KeyPath::from("clients.count")), "the number of clients")
            .help(format!("lower `clients.per_round` to at most {}", clients.count));
        problems.push(problem);
    } else if clients.min_clients > clients.cohort() {
        let cohort =
            if clients.per_round.is_some() { "clients.per_round" } else { "clients.count" };
        let title = "a round cannot wait for more clients than are drawn for it";
        let problem = Problem::new(Location::Value(KeyPath::from("clients.min_clients")), title)
            .label(format!("found {}", clients.min_clients))
            .also(Location::Value(KeyPath::from(cohort)), "the number of clients that are drawn")
            .help(format!("lower `clients.min_clients` to at most {}", clients.cohort()));
        problems.push(problem);
    }
    let pairs = scenario.barriers.as_ref().is_some_and(|spec| spec.between == Between::Pairs);
    if pairs && clients.cohort() == 1 {
        let title = "one client per round forms no pair, so no barrier could be measured";
        let problem = Problem::new(Location::Value(KeyPath::from("barriers.between")), title)
            .help("draw at least 2 clients a round, or leave `[barriers]` out".to_owned());
        problems.push(problem);
    }
    problems
}
