//! Many unauthenticated connections.
//!
//! * More silent connections than open files are allowed, from eight addresses, plain and with TLS:
//!   the run writes the same bytes, a worker can join, and `/metrics` answers. Counts: `refusals`
//!   for `Crowded`.
//! * A connection comes when no file descriptor is free: it waits until there is one.
//!
//! Single connections (a byte a second, half a handshake, many calls without a token) are tested in
//! `crates/fedlayer-runtime/src/remote/tests/slow_peers.rs`.

use std::{
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit, setrlimit};
use socket2::{Domain, Socket, Type};

use crate::{
    cluster::{Cluster, CoordinatorSetting, NO_GRACE, SLACK, long, until},
    support::{DIGITS, Place},
};

/// The coordinator's limit of open files.
const OPEN_FILES: u32 = 256;

/// The number of silent connections, almost three times as many.
const SILENT: usize = 700;

/// Opens silent connections from eight addresses of this machine.
fn silent(port: u16, count: usize) -> Vec<Socket> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
    let to = SocketAddr::from(([127, 0, 0, 1], port)).into();
    let connect = |number: usize| {
        let from = SocketAddr::from(([127, 0, 0, 1 + (number % 8) as u8], 0));
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&from.into()).unwrap();
        // If the queue of the port is full, the connection is not made.
        let _full = socket.connect_timeout(&to, Duration::from_secs(2));
        socket
    };
    (0..count).map(connect).collect()
}

/// Makes a run of 150 rounds with `arguments` and opens silent connections in the middle.
fn goes_on_among_silent_connections(arguments: &str, worker: &str, has_tls: bool) {
    let scenario = long().replace("rounds = 40", "rounds = 150");
    let setting =
        CoordinatorSetting { open_files: Some(OPEN_FILES), ..CoordinatorSetting::default() };
    let mut cluster = Cluster::start_in(setting, &scenario, &format!("{NO_GRACE} {arguments}"));
    let port = cluster.port;
    let _first = cluster.worker_at(port, &format!("--slots 1 {worker}"));
    cluster.until_round(6);
    let connections = silent(port, SILENT);
    let began = Instant::now();
    let _second = cluster.worker_at(port, &format!("--slots 1 {worker}"));
    until("the second worker", || cluster.said().contains("(workers: 2, slots: 2)"));
    assert!(began.elapsed() < SLACK, "it took {:?}", began.elapsed());
    if !has_tls {
        assert!(cluster.counted("fedlayer_refusals_total{reason=\"Crowded\"}") > 0);
    }
    cluster.finish_like_one_process();
    assert!(!cluster.said().contains(" left: "), "{}", cluster.said());
    drop(connections);
}

#[test]
fn silent_connections_from_many_addresses_do_not_end_a_run() {
    goes_on_among_silent_connections("", "", false);
}

#[test]
fn silent_connections_do_not_end_a_run_with_tls_and_a_token() {
    let place = Place::with(DIGITS);
    place.fedlayer("certs certs").ok();
    let certs = format!("--certs {}", place.path("certs").display());
    goes_on_among_silent_connections(&certs, &certs, true);
}

#[test]
fn a_port_without_a_free_descriptor_goes_on_once_there_is_one() {
    let mut cluster = Cluster::start(DIGITS, NO_GRACE);
    let pid = Pid::from_child(&cluster.coordinator.0);
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let none_free = Rlimit { current: Some(3), maximum };
    let before = prlimit(Some(pid), Resource::Nofile, none_free).unwrap();
    let connection = TcpStream::connect(("127.0.0.1", cluster.port)).unwrap();
    until("the words", || cluster.said().contains("connections cannot be accepted for now"));
    prlimit(Some(pid), Resource::Nofile, before).unwrap();
    let _worker = cluster.worker();
    cluster.finish_like_one_process();
    let said = cluster.said();
    assert_eq!(said.matches("connections cannot be accepted for now").count(), 1, "{said}");
    drop(connection);
}
