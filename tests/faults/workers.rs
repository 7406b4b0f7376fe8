//! | what fails | what happens | in which time | what is counted |
//! |---|---|---|---|
//! | nothing: any number of workers and slots | the bytes of one process | | `workers`, `slots` |
//! | nothing: 1,000 clients over eight workers | the bytes of one process; nobody is refused or lost | | `updates` |
//! | nothing: a sweep, whose variants have other data and other models | the bytes of one process | | `workers` |
//! | a worker is killed at any time | its jobs go to others, whose rounds do not wait | at once | `workers_lost`, `jobs_retried` |
//! | the only worker is killed in training | its jobs wait for the next one | at once | `workers_lost`, `jobs_retried` |
//! | a worker is killed while it sends an update | nothing of the update is taken; the job goes to another | at once | `workers_lost`, `jobs_retried` |
//! | a worker is paused past the grace | its jobs go to others; it comes back as a new one | the grace | `workers_lost`, `jobs_retried` |
//! | a worker is told to end | it finishes or hands back its jobs | 5 s at most | |
//! | a worker takes longer than `--deadline` | its job goes to another as well | the deadline | `jobs_retried` |

use std::time::Duration;

use crate::{
    federation::{Federation, GRACE, NO_GRACE, PHASES, SLACK, Setting, long, until},
    proxy::{Proxy, Way},
    support::DIGITS,
};

#[test]
fn any_number_of_workers_and_slots_writes_the_bytes_of_one_process() {
    for (workers, slots) in [(1, 1), (4, 2)] {
        let mut federation = Federation::start(DIGITS, &format!("--min-workers {workers}"));
        let slots = format!("--slots {slots}");
        let port = federation.port;
        let mut all: Vec<_> = (0..workers).map(|_| federation.worker_at(port, &slots)).collect();
        federation.finish_like_one_process();
        for worker in &mut all {
            assert_eq!(worker.ended(), Some(0), "a worker goes when the run is finished");
        }
        assert!(federation.worker_said(1).contains("the run is finished"));
        let table = std::fs::read_to_string(federation.place.path("table")).unwrap();
        assert!(table.contains("one layer, rotating"), "{table}");
    }
}

#[test]
fn a_thousand_clients_train_in_eight_workers() {
    let thousand = DIGITS
        .replace("partition = { dirichlet = 0.3 }", "partition = \"iid\"")
        .replace("count = 6\nper_round = 5\n", "count = 1000\n")
        .replace("rounds = 6", "rounds = 3")
        .replace("[barriers]\nevery = 2\n", "");
    // Longer than any load of the machine keeps a worker from its beats.
    let mut federation = Federation::start(&thousand, "--min-workers 8 --grace 120");
    let port = federation.port;
    let mut workers: Vec<_> = (0..8).map(|_| federation.worker_at(port, "--slots 1")).collect();
    federation.finish_like_one_process();
    for worker in &mut workers {
        assert_eq!(worker.ended(), Some(0));
    }
    let said = federation.said();
    assert!(said.contains("(workers: 8, slots: 8)"), "{said}");
    assert!(!said.contains("refused") && !said.contains(" left: "), "{said}");
}

#[test]
fn a_worker_that_comes_late_joins_and_the_one_before_may_leave() {
    let mut federation = Federation::start(&long(), NO_GRACE);
    let mut first = federation.worker();
    federation.until_round(6);
    let _second = federation.worker();
    until("the second worker", || federation.said().contains("(workers: 2, slots: 4)"));
    assert_eq!(federation.counted("fedlayer_workers"), 2);
    assert_eq!(federation.counted("fedlayer_slots"), 4);
    first.signal("-TERM");
    assert_eq!(first.ended(), Some(0));
    assert!(federation.worker_said(1).contains("told to end"), "{}", federation.worker_said(1));
    federation.finish_like_one_process();
    assert!(federation.said().contains("left: it was told to end"), "{}", federation.said());
}

#[test]
fn a_worker_killed_at_any_time_costs_nothing_but_its_jobs() {
    let mut federation = Federation::start(&long(), &format!("--min-workers 2 {NO_GRACE}"));
    let _steady = federation.worker();
    for (kill, round) in [6, 16, 26].into_iter().enumerate() {
        let victim = federation.worker();
        until("the victim", || federation.said().matches("joined").count() == 2 + kill);
        federation.until_round(round);
        victim.kill();
        until("the loss", || {
            federation.said().matches("left: lost, the connection").count() == 1 + kill
        });
    }
    federation.finish_like_one_process();
    let longest = federation.longest_training();
    assert!(longest < SLACK, "a round took {longest:?}");
}

#[test]
fn what_the_only_worker_had_in_training_waits_for_the_next_one() {
    let setting = Setting { phases: true, ..Setting::default() };
    let mut federation = Federation::start_in(setting, &long(), NO_GRACE);
    for kill in 1..=3 {
        let victim = federation.worker();
        until("the victim", || federation.said().matches("joined").count() == kill);
        // Stopped, so that what it is at stays in its hands until it is killed.
        until("a job in training", || {
            victim.signal("-STOP");
            let held = federation.counted("fedlayer_jobs_running") > 0;
            let found = held && federation.phase() == Some(PHASES[0]);
            if !found {
                victim.signal("-CONT");
            }
            found
        });
        victim.kill();
        until("the loss", || federation.counted("fedlayer_workers_lost_total") == kill as u64);
        assert_eq!(federation.counted("fedlayer_workers"), 0);
    }
    // What was in the hands of one may have been on its way back already; not of all three.
    assert!(federation.counted("fedlayer_jobs_retried_total") > 0);
    let _next = federation.worker();
    federation.finish_like_one_process();
}

#[test]
fn a_worker_killed_while_it_sends_an_update_leaves_nothing_of_it() {
    let scenario = DIGITS.replace("mlp = [16]", "mlp = [512]").replace("rounds = 6", "rounds = 8");
    let mut federation = Federation::start(&scenario, NO_GRACE);
    let proxy = Proxy::to(federation.port);
    let victim = federation.worker_at(proxy.port, "--slots 1");
    federation.until_round(4);
    // An update has some 150 kB, and nothing else that the worker says has a tenth of it: this ends in the middle of one.
    proxy.set(Way::StallAfter(100_000));
    until("the middle of an update", || proxy.way() == Way::Stalled);
    victim.kill();
    proxy.set(Way::Cut);
    until("the loss", || federation.counted("fedlayer_workers_lost_total") == 1);
    assert!(federation.counted("fedlayer_jobs_retried_total") >= 1);
    let said = federation.said();
    assert!(said.contains("left: lost, the connection"), "{said}");
    let _next = federation.worker();
    federation.finish_like_one_process();
}

#[test]
fn a_worker_paused_past_the_grace_is_lost_and_comes_back() {
    let mut federation =
        Federation::start(&long().replace("rounds = 40", "rounds = 150"), "--min-workers 2");
    let (_steady, paused) = (federation.worker(), federation.worker());
    federation.until_round(6);
    paused.signal("-STOP");
    until("the loss", || federation.said().contains("left: lost, not heard of for 1.5 s"));
    assert!(federation.counted("fedlayer_workers_lost_total") >= 1);
    let before = federation.rounds();
    federation.until_round(before + 6);
    paused.signal("-CONT");
    until("the return", || federation.said().matches("joined").count() >= 3);
    federation.finish_like_one_process();
    let longest = federation.longest_training();
    assert!(longest < GRACE + SLACK, "a round took {longest:?}");
}

#[test]
fn a_job_past_the_deadline_goes_to_another_worker_as_well() {
    // The grace is so long that only the deadline can help.
    let deadline = Duration::from_millis(500);
    let arguments = format!("--min-workers 2 --deadline {} {NO_GRACE}", deadline.as_secs_f64());
    let mut federation = Federation::start(&long(), &arguments);
    let (_steady, paused) = (federation.worker(), federation.worker());
    federation.until_round(6);
    paused.signal("-STOP");
    federation.finish_like_one_process();
    assert!(federation.said().contains("past the deadline"), "{}", federation.said());
    assert!(federation.said().matches(" left: ").count() == 0, "{}", federation.said());
    let longest = federation.longest_training();
    assert!(longest < deadline + SLACK, "a round took {longest:?}");
}

#[test]
fn two_workers_make_the_variants_of_a_sweep_of_its_text_alone() {
    let sweep = "[sweep]\ngrid = { \"local.optimizer.sgd.lr\" = [0.1, 0.02], \"data.keep_classes\" = [3, 10], \"data.label_noise\" = [0.2] }\n";
    let mut federation = Federation::start(&format!("{DIGITS}{sweep}"), "--min-workers 2");
    let mut all = [federation.worker(), federation.worker()];
    federation.finish_like_one_process();
    for worker in &mut all {
        assert_eq!(worker.ended(), Some(0), "a worker goes when the run is finished");
    }
    let table = std::fs::read_to_string(federation.place.path("table")).unwrap();
    assert!(table.contains("keep_classes"), "{table}");
}
