//! | what fails | what happens | in which time | what is counted |
//! |---|---|---|---|
//! | the network is cut for less than the grace | nothing | | nothing |
//! | the network is cut for longer | the worker is lost, its jobs go to others, it comes back by itself | the grace | `workers_lost`, `jobs_retried` |
//! | the connection breaks while an update is sent | the job goes to another or to the same worker again | at once | `workers_lost`, `jobs_retried` |
//! | a worker sends one byte a second | it is lost; the others' rounds go on | the grace | `workers_lost`, `jobs_retried` |
//! | 1,000 half-open connections, silent or in the middle of their first words | the oldest are closed; rounds go on, and a worker joins among them | at once; the last of them after 10 s | `refusals`: `Crowded`, `Silent` |
//! | bytes that are no HTTP/2, or no messages | the connection ends, nothing else | at once | `received_bytes` |

use std::{io::Write, net::TcpStream, time::Instant};

use fedlayer_core::Seed;
use rand::Rng;

use crate::{
    federation::{Federation, GRACE, NO_GRACE, SLACK, long, until},
    proxy::{Proxy, Way},
};

/// What begins HTTP/2.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

#[test]
fn a_cut_shorter_than_the_grace_is_not_noticed() {
    let mut federation = Federation::start(&long(), &format!("--min-workers 2 {NO_GRACE}"));
    let proxy = Proxy::to(federation.port);
    let (_far, _near) = (federation.worker_at(proxy.port, "--slots 1"), federation.worker());
    federation.until_round(6);
    proxy.set(Way::Stalled);
    let began = Instant::now();
    until("a while without a network", || began.elapsed() > GRACE / 3);
    proxy.set(Way::Open);
    let before = federation.rounds();
    federation.until_round(before + 6);
    assert_eq!(federation.counted("fedlayer_workers_lost_total"), 0);
    federation.finish_like_one_process();
    assert!(!federation.said().contains(" left: "), "{}", federation.said());
    assert_eq!(federation.said().matches("joined").count(), 2);
}

#[test]
fn a_cut_longer_than_the_grace_costs_a_new_session() {
    let mut federation =
        Federation::start(&long().replace("rounds = 40", "rounds = 150"), "--min-workers 2");
    let proxy = Proxy::to(federation.port);
    let (_far, _near) = (federation.worker_at(proxy.port, "--slots 1"), federation.worker());
    federation.until_round(6);
    proxy.set(Way::Stalled);
    until("the loss", || federation.said().contains("left: lost, not heard of"));
    assert!(federation.counted("fedlayer_workers_lost_total") >= 1);
    proxy.set(Way::Open);
    until("the return", || federation.said().matches("joined").count() >= 3);
    federation.finish_like_one_process();
    let longest = federation.longest_training();
    assert!(longest < GRACE + SLACK, "a round took {longest:?}");
}

#[test]
fn an_update_that_is_cut_off_is_trained_again() {
    let mut federation = Federation::start(&long(), "");
    let proxy = Proxy::to(federation.port);
    let _far = federation.worker_at(proxy.port, "--slots 2");
    for (cut, round) in [6, 16, 26].into_iter().enumerate() {
        federation.until_round(round);
        // An update has some 6 kB: this is in the middle of one, or of the next.
        proxy.set(Way::CutAfter(9_000 + 1_234 * cut));
        until("the cut", || proxy.way() == Way::Open);
        until("the return", || federation.said().matches("joined").count() >= cut + 2);
    }
    assert!(federation.counted("fedlayer_workers_lost_total") >= 3);
    assert!(federation.counted("fedlayer_jobs_retried_total") >= 1);
    federation.finish_like_one_process();
}

#[test]
fn a_worker_that_sends_a_byte_a_second_does_not_hold_the_others_up() {
    let mut federation =
        Federation::start(&long().replace("rounds = 40", "rounds = 150"), "--min-workers 2");
    let proxy = Proxy::to(federation.port);
    let (_far, _near) = (federation.worker_at(proxy.port, "--slots 1"), federation.worker());
    federation.until_round(6);
    proxy.set(Way::Trickle);
    until("the loss", || federation.said().contains("left: lost"));
    federation.finish_like_one_process();
    let longest = federation.longest_training();
    assert!(longest < GRACE + SLACK, "a round took {longest:?}");
}

#[test]
fn a_thousand_half_open_connections_keep_neither_rounds_nor_a_worker_from_going_on() {
    // So long that they cannot outlast it; a signal ends it.
    let mut federation =
        Federation::start(&long().replace("rounds = 40", "rounds = 100000"), "--grace 60");
    let _first = federation.worker();
    federation.until_round(6);
    let silent: Vec<TcpStream> = (0..1000)
        .map(|number| {
            let mut stream = TcpStream::connect(("127.0.0.1", federation.port)).unwrap();
            // Silent at once, or after a part of the first words. It may be closed already.
            let _closed = stream.write_all(&PREFACE[..number % PREFACE.len()]);
            stream
        })
        .collect();
    let began = Instant::now();
    let before = federation.rounds();
    let _second = federation.worker();
    until("the second worker", || federation.said().contains("(workers: 2, slots: 4)"));
    federation.until_round(before + 20);
    // 512 may not have shown what they are, and fewer where the limit of open files is low.
    let crowded = "fedlayer_refusals_total{reason=\"Crowded\"}";
    until("the oldest being closed", || federation.counted(crowded) >= 1000 - 512);
    let took = began.elapsed();
    // The others' time is over after 10 s.
    let silent_ones = "fedlayer_refusals_total{reason=\"Silent\"}";
    until("the end of the last", || federation.counted(silent_ones) >= 1);
    assert!(took < SLACK, "it took {took:?}");
    assert!(!federation.said().contains(" left: "), "{}", federation.said());
    drop(silent);
    federation.coordinator.signal("-TERM");
    assert_eq!(federation.coordinator.ended(), Some(130));
}

#[test]
fn noise_ends_its_connection_and_nothing_else() {
    let mut federation = Federation::start(&long(), "");
    let _worker = federation.worker();
    federation.until_round(4);
    let mut random = Seed::new(3).generator();
    for attempt in 0..60 {
        let mut stream = TcpStream::connect(("127.0.0.1", federation.port)).unwrap();
        let mut noise = vec![0; 4096];
        random.fill_bytes(&mut noise);
        if attempt % 2 == 0 {
            // It may be closed in the middle.
            let _closed = stream.write_all(PREFACE);
        }
        let _closed = stream.write_all(&noise);
    }
    federation.finish_like_one_process();
}
