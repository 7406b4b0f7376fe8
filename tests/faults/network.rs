//! Failures of the network.
//!
//! * It is interrupted for less than the grace: nothing happens, and nothing is counted.
//! * It is interrupted for longer: the worker is lost after the grace, others get its jobs, and it
//!   reconnects. Counts: `workers_lost`, `jobs_retried`.
//! * A connection breaks while an update is sent: the job is given out again at once. Counts:
//!   `workers_lost`, `jobs_retried`.
//! * A worker sends one byte a second: it is lost after the grace, and the others go on. Counts:
//!   `workers_lost`, `jobs_retried`.
//! * 1,000 connections are silent, or stop within the HTTP/2 preface: the oldest are closed at once
//!   and the last after 10 s; rounds go on, and a worker can join. Counts: `refusals` for
//!   `Crowded`, `Silent`.
//! * Bytes are not HTTP/2 or not messages: the connection ends at once, and nothing else happens.
//!   Counts: `received_bytes`.

use std::{io::Write, net::TcpStream, time::Instant};

use fedlayer_core::Seed;
use rand::Rng;

use crate::{
    cluster::{Cluster, GRACE, NO_GRACE, SLACK, long, until},
    proxy::{LinkState, Proxy},
};

/// The preface of HTTP/2.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

#[test]
fn a_cut_shorter_than_the_grace_is_not_noticed() {
    let mut cluster = Cluster::start(&long(), &format!("--min-workers 2 {NO_GRACE}"));
    let proxy = Proxy::to(cluster.port);
    let (_far, _near) = (cluster.worker_at(proxy.port, "--slots 1"), cluster.worker());
    cluster.until_round(6);
    proxy.set(LinkState::Stalled);
    let began = Instant::now();
    until("a while without a network", || began.elapsed() > GRACE / 3);
    proxy.set(LinkState::Open);
    let before = cluster.rounds();
    cluster.until_round(before + 6);
    assert_eq!(cluster.counted("fedlayer_workers_lost_total"), 0);
    cluster.finish_like_one_process();
    assert!(!cluster.said().contains(" left: "), "{}", cluster.said());
    assert_eq!(cluster.said().matches("joined").count(), 2);
}

#[test]
fn a_cut_longer_than_the_grace_costs_a_new_session() {
    let mut cluster =
        Cluster::start(&long().replace("rounds = 40", "rounds = 150"), "--min-workers 2");
    let proxy = Proxy::to(cluster.port);
    let (_far, _near) = (cluster.worker_at(proxy.port, "--slots 1"), cluster.worker());
    cluster.until_round(6);
    proxy.set(LinkState::Stalled);
    until("the loss", || cluster.said().contains("left: lost, silent"));
    assert!(cluster.counted("fedlayer_workers_lost_total") >= 1);
    proxy.set(LinkState::Open);
    until("the return", || cluster.said().matches("joined").count() >= 3);
    cluster.finish_like_one_process();
    let longest = cluster.longest_training();
    assert!(longest < GRACE + SLACK, "a round took {longest:?}");
}

#[test]
fn an_update_that_is_cut_off_is_trained_again() {
    let mut cluster = Cluster::start(&long(), "");
    let proxy = Proxy::to(cluster.port);
    let _far = cluster.worker_at(proxy.port, "--slots 2");
    for (cut, round) in [6, 16, 26].into_iter().enumerate() {
        cluster.until_round(round);
        // An update has about 6 kB: the connection breaks within one.
        proxy.set(LinkState::CutAfter(9_000 + 1_234 * cut));
        until("the cut", || proxy.state() == LinkState::Open);
        until("the return", || cluster.said().matches("joined").count() >= cut + 2);
    }
    assert!(cluster.counted("fedlayer_workers_lost_total") >= 3);
    assert!(cluster.counted("fedlayer_jobs_retried_total") >= 1);
    cluster.finish_like_one_process();
}

#[test]
fn a_worker_that_sends_a_byte_a_second_does_not_hold_the_others_up() {
    let mut cluster =
        Cluster::start(&long().replace("rounds = 40", "rounds = 150"), "--min-workers 2");
    let proxy = Proxy::to(cluster.port);
    let (_far, _near) = (cluster.worker_at(proxy.port, "--slots 1"), cluster.worker());
    cluster.until_round(6);
    proxy.set(LinkState::Trickle);
    until("the loss", || cluster.said().contains("left: lost"));
    cluster.finish_like_one_process();
    let longest = cluster.longest_training();
    assert!(longest < GRACE + SLACK, "a round took {longest:?}");
}

#[test]
fn a_thousand_half_open_connections_keep_neither_rounds_nor_a_worker_from_going_on() {
    // The run is longer than the test; a signal ends it.
    let mut cluster =
        Cluster::start(&long().replace("rounds = 40", "rounds = 100000"), "--grace 60");
    let _first = cluster.worker();
    cluster.until_round(6);
    let silent: Vec<TcpStream> = (0..1000)
        .map(|number| {
            let mut stream = TcpStream::connect(("127.0.0.1", cluster.port)).unwrap();
            // Send nothing or a part of the preface. The connection may be closed already.
            let _closed = stream.write_all(&PREFACE[..number % PREFACE.len()]);
            stream
        })
        .collect();
    let began = Instant::now();
    let before = cluster.rounds();
    let _second = cluster.worker();
    until("the second worker", || cluster.said().contains("(workers: 2, slots: 4)"));
    cluster.until_round(before + 20);
    // At most 512 connections may be unauthenticated, fewer if the limit of open files is low.
    let crowded = "fedlayer_refusals_total{reason=\"Crowded\"}";
    until("the oldest being closed", || cluster.counted(crowded) >= 1000 - 512);
    let took = began.elapsed();
    // The remaining connections are closed after 10 s.
    let silent_ones = "fedlayer_refusals_total{reason=\"Silent\"}";
    until("the end of the last", || cluster.counted(silent_ones) >= 1);
    assert!(took < SLACK, "it took {took:?}");
    assert!(!cluster.said().contains(" left: "), "{}", cluster.said());
    drop(silent);
    cluster.coordinator.signal("-TERM");
    assert_eq!(cluster.coordinator.ended(), Some(130));
}

#[test]
fn noise_ends_its_connection_and_nothing_else() {
    let mut cluster = Cluster::start(&long(), "");
    let _worker = cluster.worker();
    cluster.until_round(4);
    let mut random = Seed::new(3).generator();
    for attempt in 0..60 {
        let mut stream = TcpStream::connect(("127.0.0.1", cluster.port)).unwrap();
        let mut noise = vec![0; 4096];
        random.fill_bytes(&mut noise);
        if attempt % 2 == 0 {
            // The connection may be closed before all is sent.
            let _closed = stream.write_all(PREFACE);
        }
        let _closed = stream.write_all(&noise);
    }
    cluster.finish_like_one_process();
}
