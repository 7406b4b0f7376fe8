//! | what fails | what happens | in which time |
//! |---|---|---|
//! | the network is cut for less than the grace | nothing | |
//! | the network is cut for longer | the worker is lost, its jobs go to others, it comes back by itself | the grace |
//! | the connection breaks while an update is sent | the job goes to another or to the same worker again | at once |
//! | a worker sends one byte a second | it is lost; the others' rounds go on | the grace |
//! | 1,000 connections that say nothing | the oldest are closed; a worker joins among them | at once |
//! | bytes that are no HTTP/2, or no messages | the connection ends, nothing else | at once |

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use fedlayer_core::Seed;
use rand::Rng;

use crate::{
    federation::{Federation, GRACE, long, until},
    proxy::{Proxy, Way},
    support::DIGITS,
};

#[test]
fn a_short_cut_is_not_noticed_and_a_long_one_costs_a_new_session() {
    let mut federation =
        Federation::start(&long().replace("rounds = 40", "rounds = 120"), "--min-workers 2");
    let proxy = Proxy::to(federation.port);
    let _far = federation.worker_at(proxy.port, "--slots 1");
    let _near = federation.worker();
    federation.until_round(3);
    proxy.set(Way::Stalled);
    let began = Instant::now();
    until("less than the grace", || began.elapsed() > GRACE / 3);
    proxy.set(Way::Open);
    federation.until_round(10);
    assert!(!federation.said().contains("left"), "{}", federation.said());
    proxy.set(Way::Stalled);
    until("the loss", || federation.said().contains("left: lost, not heard of"));
    proxy.set(Way::Open);
    until("the return", || federation.said().matches("joined").count() == 3);
    federation.finish_like_one_process();
}

#[test]
fn an_update_that_is_cut_off_is_trained_again() {
    let mut federation = Federation::start(&long(), "");
    let proxy = Proxy::to(federation.port);
    let _far = federation.worker_at(proxy.port, "--slots 2");
    for (cut, round) in [3, 8, 13].into_iter().enumerate() {
        federation.until_round(round);
        // An update has some 6 kB: this is in the middle of one, or of the next.
        proxy.set(Way::CutAfter(9_000 + 1_234 * cut));
        until("the cut", || proxy.way() == Way::Open);
        until("the return", || federation.said().matches("joined").count() == cut + 2);
    }
    federation.finish_like_one_process();
}

#[test]
fn a_worker_that_sends_a_byte_a_second_does_not_hold_the_others_up() {
    let mut federation = Federation::start(&long(), "--min-workers 2");
    let proxy = Proxy::to(federation.port);
    let (_far, _near) = (federation.worker_at(proxy.port, "--slots 1"), federation.worker());
    federation.until_round(3);
    proxy.set(Way::Trickle);
    let began = Instant::now();
    until("the loss", || federation.said().contains("left: lost"));
    let lost = began.elapsed();
    assert!(lost < GRACE + Duration::from_secs(5), "it took {lost:?}");
    federation.finish_like_one_process();
}

#[test]
fn a_thousand_silent_connections_do_not_keep_a_worker_out() {
    let mut federation = Federation::start(DIGITS, "");
    let open = || TcpStream::connect(("127.0.0.1", federation.port)).unwrap();
    let mut silent: Vec<TcpStream> = (0..1000).map(|_| open()).collect();
    // The oldest are closed to make room: 1,000 less the 256 strangers that one address may have.
    for stream in &mut silent[..700] {
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        assert!(matches!(stream.read(&mut [0; 64]), Ok(_) | Err(_)));
        until("the end of a silent connection", || !matches!(stream.read(&mut [0; 64]), Ok(1..)));
    }
    let began = Instant::now();
    let _worker = federation.worker();
    federation.finish_like_one_process();
    assert!(began.elapsed() < Duration::from_secs(30));
}

#[test]
fn noise_ends_its_connection_and_nothing_else() {
    let mut federation = Federation::start(&long(), "");
    let _worker = federation.worker();
    federation.until_round(2);
    let mut random = Seed::new(3).generator();
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
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
