//! | who comes | what happens | what is counted as `refusals` |
//! |---|---|---|
//! | everything that a worker once said, word for word, to the same coordinator and to its next life | it may join as a worker of its own, which is lost at once; nothing of what it brings is taken | `Repeated`, `Late` |
//! | a worker of another version of the program | refused at once with both versions, exit code 13 | `Version` |

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use crate::{
    federation::{Federation, long},
    proxy::Proxy,
};

#[test]
fn a_session_that_is_replayed_changes_no_byte() {
    let mut federation = Federation::start(&long().replace("rounds = 40", "rounds = 60"), "");
    let proxy = Proxy::to(federation.port);
    let _worker = federation.worker_at(proxy.port, "--slots 2");
    federation.until_round(12);
    let session = proxy.heard();
    let said: usize = session.iter().flatten().map(Vec::len).sum();
    assert!(said > 50_000, "{said} bytes are no session with updates");
    replay(&session, federation.port);
    let again = "fedlayer_refusals_total{reason=\"Repeated\"}";
    assert!(federation.counted(again) > 0, "no update of the replayed session was looked at");
    let before = federation.rounds();
    federation.until_round(before + 6);
    federation.kill();
    federation.restart();
    replay(&session, federation.port);
    federation.finish_like_one_process();
    assert!(!federation.said().contains("panicked"), "{}", federation.said());
}

/// So long an answer may take.
const ANSWER: Duration = Duration::from_millis(300);

/// Pieces that wait for an answer to the one before: the greetings of HTTP/2, and the worker's own.
const GREETINGS: usize = 6;

/// Says on new connections what was said before, and hears the answers until nothing more comes.
fn replay(session: &[Vec<Vec<u8>>], port: u16) {
    for pieces in session {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(ANSWER)).unwrap();
        let mut answer = vec![0; 1 << 16];
        for (number, piece) in pieces.iter().enumerate() {
            // It may be closed in the middle.
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
    let mut federation = Federation::start(&long(), "");
    let forging = Proxy::forging(federation.port, env!("CARGO_PKG_VERSION"), "9.9.9");
    let other = federation.place.fedlayer(&format!("worker --connect 127.0.0.1:{}", forging.port));
    assert_eq!(other.code, Some(13), "{}", other.stderr);
    let words =
        format!("the worker is fedlayer 9.9.9, the coordinator {}", env!("CARGO_PKG_VERSION"));
    assert!(other.stderr.contains(&words), "{}", other.stderr);
    let reason = "fedlayer_refusals_total{reason=\"Version\"}";
    assert_eq!(federation.counted(reason), 1);
    let _worker = federation.worker();
    federation.finish_like_one_process();
}
