//! The state machine of the rounds: scripts of events, with the resulting actions and phases.

use std::{fmt::Write, sync::Arc};

use fedlayer_core::{
    Plan,
    data::ClientId,
    model::Params,
    round::{Action, Event, Machine, Phase, RoundFailure, Ticket},
    spec::ClientsSpec,
    trainer::Update,
};

use crate::support::{layout, params, plan, update};

/// Three clients, two rounds, at least two reports, two attempts.
pub(crate) fn three() -> Plan {
    let plan = plan();
    let clients = ClientsSpec { count: 3, min_clients: 2, attempts: 2, ..plan.clients.clone() };
    Plan { rounds: 2, clients, ..plan }
}

fn with_deadline() -> Plan {
    let mut plan = three();
    plan.clients.deadline = Some(60.0);
    plan
}

/// Runs a script. Each line `> event` is followed by the actions and, if it has changed, the phase.
fn check(plan: &Plan, script: &str) {
    let mut machine = Machine::new(Arc::new(plan.clone()));
    let mut transcript = String::new();
    let lines = script.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>();
    for event in lines.iter().filter_map(|line| line.strip_prefix("> ")) {
        let before = name(machine.phase());
        let (next, actions) = machine.handle(read(plan, event));
        machine = next;
        writeln!(transcript, "> {event}").unwrap();
        for action in &actions {
            writeln!(transcript, "{}", describe(action)).unwrap();
        }
        let after = name(machine.phase());
        if after != before {
            writeln!(transcript, "({after})").unwrap();
        }
    }
    let expected = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    assert_eq!(transcript, expected, "\nfound:\n{transcript}\nexpected:\n{expected}");
}

pub(crate) fn name(phase: &Phase) -> String {
    match phase {
        Phase::Joining => "joining".into(),
        Phase::Training(_) => "training".into(),
        Phase::Probing(_) => "probing".into(),
        Phase::Finished => "finished".into(),
        Phase::Failed(failure) => format!("failed: {failure}"),
    }
}

fn describe(action: &Action) -> String {
    match action {
        Action::Train { round, attempt, clients } => {
            format!("train {round}.{attempt}: {}", join(clients.iter()))
        }
        Action::StartDeadline { round, attempt } => format!("start deadline {round}.{attempt}"),
        Action::Refuse { ticket, refusal } => {
            format!("refuse {}.{}.{}: {refusal}", ticket.round, ticket.attempt, ticket.client)
        }
        Action::Probe(gathered) => {
            let missing = gathered.missing.iter();
            let missing: String =
                missing.map(|(client, missing)| format!("; {client} {missing}")).collect();
            let clients = join(gathered.updates.iter().map(|update| &update.client));
            format!("probe {}.{}: {clients}{missing}", gathered.round, gathered.attempt)
        }
        Action::Commit { round } => format!("commit {round}"),
    }
}

fn join<'a>(clients: impl Iterator<Item = &'a ClientId>) -> String {
    clients.map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// Parses `joined 0`, `report 1.1.0 [fault]` (round, attempt, client), `deadline 1.1`, `probed 1`.
fn read(plan: &Plan, event: &str) -> Event {
    let mut words = event.split(' ');
    let (verb, object) = (words.next().unwrap(), words.next().unwrap());
    let numbers: Vec<u32> = object.split('.').map(|number| number.parse().unwrap()).collect();
    match (verb, &numbers[..]) {
        ("joined", &[committed]) => Event::Joined { committed },
        ("deadline", &[round, attempt]) => Event::Deadline { round, attempt },
        ("probed", &[round]) => Event::Probed { round, is_last: false },
        ("report", &[round, attempt, client]) => {
            let client = ClientId(client);
            let result = report(plan, client, words.next().unwrap_or("well"));
            Event::Reported { ticket: Ticket { round, attempt, client }, result }
        }
        _ => panic!("`{event}` is no event"),
    }
}

/// Makes a client's report with a fault, or with none (`well`).
pub(crate) fn report(plan: &Plan, client: ClientId, what: &str) -> Result<Box<Update>, String> {
    let good = Arc::new(Params::zeros(plan.layout.clone()));
    let good = update(client.0, &good, 10);
    Ok(Box::new(match what {
        "well" => good,
        "crashed" => return Err("out of memory".into()),
        "nan" => Update { params: params(&plan.layout, &[1.0, f32::NAN]), ..good },
        "infinite" => Update { params: params(&plan.layout, &[f32::NEG_INFINITY, 1.0]), ..good },
        "nan-loss" => Update { loss: f64::NAN, ..good },
        "empty" => Update { examples: 0, ..good },
        "other-layout" => {
            Update { params: params(&layout(&[("q1", 2), ("q2", 1)]), &[0.0; 3]), ..good }
        }
        "of-client-1" => Update { client: ClientId(1), ..good },
        _ => panic!("`{what}` is no report"),
    }))
}

#[test]
fn a_run_goes_from_joining_to_finished() {
    check(
        &three(),
        "
        > joined 0
        train 1.1: 0 1 2
        (training)
        > report 1.1.0
        > report 1.1.1
        > report 1.1.2
        probe 1.1: 0 1 2
        (probing)
        > probed 1
        commit 1
        train 2.1: 0 1 2
        (training)
        > report 2.1.2
        > report 2.1.0
        > report 2.1.1
        probe 2.1: 0 1 2
        (probing)
        > probed 2
        commit 2
        (finished)
        > joined 0
        > probed 2
        > report 2.1.0
        refuse 2.1.0: no round is in training
        ",
    );
}

#[test]
fn a_resumed_run_begins_after_its_committed_rounds() {
    check(&three(), "> joined 1\ntrain 2.1: 0 1 2\n(training)");
    check(&three(), "> joined 2\n(finished)");
    check(&three(), "> joined 4294967295\n(finished)");
}

#[test]
fn reports_that_are_not_awaited_are_refused() {
    check(
        &with_deadline(),
        "
        > report 1.1.0
        refuse 1.1.0: no round is in training
        > joined 0
        train 1.1: 0 1 2
        start deadline 1.1
        (training)
        > report 1.1.1
        > report 1.1.1
        refuse 1.1.1: the client has reported already
        > report 1.1.1 nan
        refuse 1.1.1: the client has reported already
        > report 1.1.3
        refuse 1.1.3: the client is not in this round's cohort
        > report 2.1.0
        refuse 2.1.0: round 1, attempt 1 is in training now
        > report 1.2.0
        refuse 1.2.0: round 1, attempt 1 is in training now
        > report 0.0.0 crashed
        refuse 0.0.0: round 1, attempt 1 is in training now
        > deadline 1.1
        train 1.2: 0 1 2
        start deadline 1.2
        > report 1.1.0
        refuse 1.1.0: round 1, attempt 2 is in training now
        > deadline 1.1
        > report 1.2.0
        > report 1.2.1
        > report 1.2.2
        probe 1.2: 0 1 2
        (probing)
        > report 1.2.2
        refuse 1.2.2: no round is in training
        > deadline 1.2
        > probed 2
        > probed 1
        commit 1
        train 2.1: 0 1 2
        start deadline 2.1
        (training)
        > report 1.2.2
        refuse 1.2.2: round 2, attempt 1 is in training now
        > probed 1
        > joined 0
        ",
    );
}

/// A bad update is refused, its client counts as missing, and the round goes on.
#[test]
fn updates_that_cannot_be_averaged_are_refused() {
    let diverged = "training diverged, and a smaller learning rate may help";
    let layer = |layer: &str, value: &str| {
        format!(
            "layer `{layer}` holds {value} (tensor `{layer}.weight`, element 0); every parameter must be finite; {diverged}"
        )
    };
    let cases = [
        ("nan", layer("q2", "NaN")),
        ("infinite", layer("q1", "-inf")),
        ("nan-loss", format!("the training loss is NaN; {diverged}")),
        ("empty", "found 0 training examples; an update needs at least one".into()),
        (
            "other-layout",
            "tensor `q1.weight`: found shape [2]; the plan's model has shape [1] there (`[]`: no such tensor)".into(),
        ),
    ];
    for (what, text) in cases {
        check(
            &three(),
            &format!(
                "
                > joined 0
                train 1.1: 0 1 2
                (training)
                > report 1.1.2 {what}
                refuse 1.1.2: {text}
                > report 1.1.2
                refuse 1.1.2: the client has reported already
                > report 1.1.0
                > report 1.1.1
                probe 1.1: 0 1; 2 refused: {text}
                (probing)
                "
            ),
        );
    }
}

/// A report under one client's ticket with another client's update: the round no longer waits for
/// the client of the ticket.
#[test]
fn another_clients_update_is_refused() {
    check(
        &three(),
        "
        > joined 0
        train 1.1: 0 1 2
        (training)
        > report 1.1.0 of-client-1
        refuse 1.1.0: the update is client 1's
        > report 1.1.1
        > report 1.1.2
        probe 1.1: 1 2; 0 failed: the update is client 1's
        (probing)
        ",
    );
}

#[test]
fn a_deadline_goes_on_with_enough_and_tries_again_with_too_few() {
    check(
        &with_deadline(),
        "
        > joined 0
        train 1.1: 0 1 2
        start deadline 1.1
        (training)
        > report 1.1.1
        > deadline 1.1
        train 1.2: 0 1 2
        start deadline 1.2
        > report 1.2.2
        > report 1.2.0
        > deadline 1.2
        probe 1.2: 0 2; 1 not back by the deadline
        (probing)
        ",
    );
}

#[test]
fn a_round_that_fails_in_every_attempt_fails_the_run() {
    check(
        &with_deadline(),
        "
        > joined 1
        train 2.1: 0 1 2
        start deadline 2.1
        (training)
        > deadline 2.1
        train 2.2: 0 1 2
        start deadline 2.2
        > report 2.2.0
        > report 2.2.1 crashed
        > deadline 2.2
        (failed: round 2, attempt 2 of 2: 1 of 2 needed clients reported (client 1 failed: out of memory; client 2 not back by the deadline))
        > joined 0
        > deadline 2.2
        > probed 2
        > report 2.2.2
        refuse 2.2.2: no round is in training
        ",
    );
    check(
        &three(),
        "
        > joined 0
        train 1.1: 0 1 2
        (training)
        > report 1.1.0 crashed
        > report 1.1.1 crashed
        > report 1.1.2
        train 1.2: 0 1 2
        > report 1.2.0
        > report 1.2.1 nan-loss
        refuse 1.2.1: the training loss is NaN; training diverged, and a smaller learning rate may help
        > report 1.2.2 crashed
        (failed: round 1, attempt 2 of 2: 1 of 2 needed clients reported (client 1 refused: the training loss is NaN; training diverged, and a smaller learning rate may help; client 2 failed: out of memory))
        ",
    );
}

/// Dropouts are drawn anew in every attempt. The round goes on if enough clients stay, and is tried
/// again otherwise.
#[test]
fn a_round_goes_on_without_those_who_dropped_out() {
    let mut plan = three();
    plan.clients.count = 6;
    plan.clients.per_round = Some(3);
    plan.clients.dropout = 0.4;
    // All clients dropped out of the first attempt.
    check(
        &Plan { seed: 3, ..plan.clone() },
        "
        > joined 0
        train 1.2: 1 3
        (training)
        > report 1.2.1
        > report 1.2.3
        probe 1.2: 1 3; 2 dropped out
        (probing)
        ",
    );
    // Too few clients are left in the first attempt.
    check(
        &Plan { seed: 4, ..plan },
        "
        > joined 0
        train 1.1: 4
        (training)
        > report 1.1.0
        refuse 1.1.0: the client is not in this round's cohort
        > report 1.1.4
        train 1.2: 0 4 5
        ",
    );
}

/// Every attempt is over before it has begun. There may be many: each once took a stack frame.
#[test]
fn everybody_drops_out() {
    let mut plan = three();
    plan.clients.dropout = 1.0 - f64::EPSILON;
    check(
        &plan,
        "
        > joined 0
        (failed: round 1, attempt 2 of 2: 0 of 2 needed clients reported (clients 0, 1 and 2 dropped out))
        ",
    );
    plan.clients.attempts = 20_000;
    let (machine, actions) = Machine::new(Arc::new(plan)).handle(Event::Joined { committed: 0 });
    assert_eq!(actions, []);
    let Phase::Failed(RoundFailure::TooFewClients { attempts, reported, .. }) = machine.phase()
    else {
        panic!("{:?}", machine.phase())
    };
    assert_eq!((*attempts, *reported), (20_000, 0));
}
