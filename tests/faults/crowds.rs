//! | who comes | what happens | what is counted as `refusals` |
//! |---|---|---|
//! | many more silent connections than there may be open files, from eight addresses, plain and TLS | the run ends with the same bytes, a worker joins meanwhile, the counts can be had | `Crowded` |
//! | a connection when no descriptor is free | it waits; the port goes on once there is one | |
//!
//! What single strangers do (a byte a second, half a handshake, many calls without a token) is in `crates/fedlayer-runtime/src/remote/tests/slow.rs`.

use std::{
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit, setrlimit};
use socket2::{Domain, Socket, Type};

use crate::{
    federation::{Federation, NO_GRACE, SLACK, Setting, long, until},
    support::{DIGITS, Place},
};

/// The coordinator's limit of open files.
const OPEN_FILES: u32 = 256;

/// Almost three times as many connections.
const STRANGERS: usize = 700;

/// Connections that say nothing, from eight addresses of this machine.
fn silent(port: u16, count: usize) -> Vec<Socket> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
    let to = SocketAddr::from(([127, 0, 0, 1], port)).into();
    let connect = |number: usize| {
        let from = SocketAddr::from(([127, 0, 0, 1 + (number % 8) as u8], 0));
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&from.into()).unwrap();
        // Where the port's queue is full, it stays out.
        let _full = socket.connect_timeout(&to, Duration::from_secs(2));
        socket
    };
    (0..count).map(connect).collect()
}

/// A run of 150 rounds with `arguments`, which strangers come to in the middle.
fn goes_on_among_strangers(arguments: &str, worker: &str, has_tls: bool) {
    let scenario = long().replace("rounds = 40", "rounds = 150");
    let setting = Setting { open_files: Some(OPEN_FILES), ..Setting::default() };
    let mut federation =
        Federation::start_in(setting, &scenario, &format!("{NO_GRACE} {arguments}"));
    let port = federation.port;
    let _first = federation.worker_at(port, &format!("--slots 1 {worker}"));
    federation.until_round(6);
    let strangers = silent(port, STRANGERS);
    let began = Instant::now();
    let _second = federation.worker_at(port, &format!("--slots 1 {worker}"));
    until("the second worker", || federation.said().contains("(workers: 2, slots: 2)"));
    assert!(began.elapsed() < SLACK, "it took {:?}", began.elapsed());
    if !has_tls {
        assert!(federation.counted("fedlayer_refusals_total{reason=\"Crowded\"}") > 0);
    }
    federation.finish_like_one_process();
    assert!(!federation.said().contains(" left: "), "{}", federation.said());
    drop(strangers);
}

#[test]
fn silent_strangers_from_many_addresses_do_not_end_a_run() {
    goes_on_among_strangers("", "", false);
}

#[test]
fn silent_strangers_do_not_end_a_run_with_tls_and_a_token() {
    let place = Place::with(DIGITS);
    place.fedlayer("certs certs").ok();
    let certs = format!("--certs {}", place.path("certs").display());
    goes_on_among_strangers(&certs, &certs, true);
}

#[test]
fn a_port_without_a_free_descriptor_goes_on_once_there_is_one() {
    let mut federation = Federation::start(DIGITS, NO_GRACE);
    let pid = Pid::from_child(&federation.coordinator.0);
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let none_free = Rlimit { current: Some(3), maximum };
    let before = prlimit(Some(pid), Resource::Nofile, none_free).unwrap();
    let stranger = TcpStream::connect(("127.0.0.1", federation.port)).unwrap();
    until("the words", || federation.said().contains("connections cannot be accepted for now"));
    prlimit(Some(pid), Resource::Nofile, before).unwrap();
    let _worker = federation.worker();
    federation.finish_like_one_process();
    let said = federation.said();
    assert_eq!(said.matches("connections cannot be accepted for now").count(), 1, "{said}");
    drop(stranger);
}
