//! | what fails | what happens | in which time |
//! |---|---|---|
//! | nothing: any number of workers and slots | the bytes of one process | |
//! | a worker is killed in training | its jobs go to others | at once |
//! | a worker is paused past the grace | its jobs go to others; it comes back as a new one | the grace |
//! | a worker is told to end | it finishes or hands back its jobs | 5 s at most |
//! | a worker takes longer than `--deadline` | its job goes to another as well | the deadline |

use crate::federation::{Federation, long, until};
use crate::support::DIGITS;

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
fn a_worker_that_comes_late_joins_and_the_one_before_may_leave() {
    let mut federation = Federation::start(&long(), "");
    let mut first = federation.worker();
    federation.until_round(3);
    let _second = federation.worker();
    until("the second worker", || federation.said().contains("(workers: 2, slots: 4)"));
    first.signal("-TERM");
    assert_eq!(first.ended(), Some(0));
    assert!(federation.worker_said(1).contains("told to end"), "{}", federation.worker_said(1));
    federation.finish_like_one_process();
    assert!(federation.said().contains("left: it was told to end"), "{}", federation.said());
}

#[test]
fn a_worker_killed_in_training_costs_nothing_but_its_jobs() {
    let mut federation = Federation::start(&long(), "--min-workers 2");
    let (_steady, mut victims) = (federation.worker(), 0);
    for round in [3, 8, 13] {
        let victim = federation.worker();
        until("the victim", || federation.said().matches("joined").count() == 2 + victims);
        federation.until_round(round);
        victim.kill();
        victims += 1;
    }
    federation.finish_like_one_process();
    assert_eq!(
        federation.said().matches("left: lost, the connection").count(),
        3,
        "{}",
        federation.said()
    );
}

#[test]
fn a_worker_paused_past_the_grace_is_lost_and_comes_back() {
    let mut federation =
        Federation::start(&long().replace("rounds = 40", "rounds = 150"), "--min-workers 2");
    let (_steady, paused) = (federation.worker(), federation.worker());
    federation.until_round(3);
    paused.signal("-STOP");
    until("the loss", || federation.said().contains("left: lost, not heard of for 1.5 s"));
    let before = federation.rounds();
    federation.until_round(before + 3);
    paused.signal("-CONT");
    until("the return", || federation.said().matches("joined").count() == 3);
    federation.finish_like_one_process();
}

#[test]
fn a_job_past_the_deadline_goes_to_another_worker_as_well() {
    // The grace is so long that only the deadline can help.
    let mut federation = Federation::start(&long(), "--min-workers 2 --deadline 0.5 --grace 600");
    let (_steady, paused) = (federation.worker(), federation.worker());
    federation.until_round(3);
    paused.signal("-STOP");
    federation.finish_like_one_process();
    assert!(federation.said().contains("past the deadline"), "{}", federation.said());
}
