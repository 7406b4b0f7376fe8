//! Replayed and foreign sessions.
//!
//! * Everything that a worker has sent is sent again, to the same coordinator and to a restarted
//!   one: the peer may join as another worker, which is lost at once; none of its replies is taken.
//!   Counts: `refusals` for `Repeated`, `Late`.
//! * A worker has another version of the program: it is refused at once with both versions, exit
//!   code 13. Counts: `refusals` for `Version`.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use crate::{
    cluster::{Cluster, long},
    proxy::Proxy,
};

#[test]
fn a_session_that_is_replayed_changes_no_byte() {
    let mut cluster = Cluster::start(&long().replace("rounds = 40", "rounds = 60"), "");
    let proxy = Proxy::to(cluster.port);
    let _worker = cluster.worker_at(proxy.port, "--slots 2");
    cluster.until_round(12);
    let session = proxy.heard();
    let said: usize = session.iter().flatten().map(Vec::len).sum();
    assert!(said > 50_000, "{said} bytes are too few for a session with updates");
    replay(&session, cluster.port);
    let again = "fedlayer_refusals_total{reason=\"Repeated\"}";
    assert!(cluster.counted(again) > 0, "no reply of the replayed session was checked");
    let before = cluster.rounds();
    cluster.until_round(before + 6);
    cluster.kill();
    cluster.restart();
    replay(&session, cluster.port);
    cluster.finish_like_one_process();
    assert!(!cluster.said().contains("panicked"), "{}", cluster.said());
}

/// The longest time to wait for an answer.
const ANSWER: Duration = Duration::from_millis(300);

/// The first pieces, which wait for an answer: the handshake of HTTP/2 and the worker's hello.
const GREETINGS: usize = 6;

/// Sends recorded bytes on new connections, and reads the answers until none is left.
fn replay(session: &[Vec<Vec<u8>>], port: u16) {
    for pieces in session {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(ANSWER)).unwrap();
        let mut answer = vec![0; 1 << 16];
        for (number, piece) in pieces.iter().enumerate() {
            // The connection may be closed before all is sent.
            let _closed = stream.write_all(piece);
            if number < GREETINGS {
                let _answer = stream.read(&mut answer);
            }
        }
        let _answer = stream.read_to_end(&mut answer);
    }
}

#[test]
fn a_worker_of_another_version_is_told_both_versions() {
    let mut cluster = Cluster::start(&long(), "");
    let forging = Proxy::forging(cluster.port, env!("CARGO_PKG_VERSION"), "9.9.9");
    let other = cluster.place.fedlayer(&format!("worker --connect 127.0.0.1:{}", forging.port));
    assert_eq!(other.code, Some(13), "{}", other.stderr);
    let words =
        format!("the worker is fedlayer 9.9.9, the coordinator {}", env!("CARGO_PKG_VERSION"));
    assert!(other.stderr.contains(&words), "{}", other.stderr);
    let reason = "fedlayer_refusals_total{reason=\"Version\"}";
    assert_eq!(cluster.counted(reason), 1);
    let _worker = cluster.worker();
    cluster.finish_like_one_process();
}
