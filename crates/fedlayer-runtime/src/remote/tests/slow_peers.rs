//! Unauthenticated peers that are silent, slow or verbose: their connections end in time, and the
//! coordinator serves others meanwhile.

use std::time::{Duration, Instant};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{
    super::protocol::{
        limits,
        message::{Pull, SessionId},
    },
    fixture::{TestCoordinator, VERSION, coordinator, hello, identity, request},
};

/// The delay that a busy machine may add to a timeout.
const SLACK: Duration = Duration::from_secs(60);

/// The preface of HTTP/2, with empty settings.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// The head of a TLS handshake that announces more bytes than follow.
const HALF_HELLO: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";

/// Sends `first` and then a byte of `rest` every half second. Returns when the other side ended the
/// connection, and the bytes it sent.
async fn ended(coordinator: &TestCoordinator, first: &[u8], rest: &[u8]) -> (Duration, Vec<u8>) {
    let address = coordinator.address.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    let began = Instant::now();
    // The connection may end before all of it is sent.
    let _ended = stream.write_all(first).await;
    let mut said = Vec::new();
    let mut rest = rest.iter().cycle();
    let pause = Duration::from_millis(500);
    while began.elapsed() < limits::AUTHENTICATION_TIMEOUT + SLACK {
        match timeout(pause, stream.read_buf(&mut said)).await {
            Ok(Ok(0) | Err(_)) => return (began.elapsed(), said),
            Ok(Ok(_)) => {}
            Err(_) => {
                if let Some(byte) = rest.next() {
                    let _ended = stream.write_all(&[*byte]).await;
                }
            }
        }
    }
    panic!("the connection does not end");
}

#[tokio::test]
async fn an_unauthenticated_connection_ends_in_time_whatever_it_sends() {
    let coordinator = coordinator().await;
    let metrics =
        b"GET /metrics HTTP/1.1\r\nhost: x\r\nauthorization: Bearer 0123456789abcdef\r\n\r\n";
    let (silent, half, preface, slow, slower, asking) = tokio::join!(
        ended(&coordinator, b"", b""),
        ended(&coordinator, HALF_HELLO, b""),
        ended(&coordinator, PREFACE, b""),
        ended(&coordinator, b"GET /metrics HTTP/1.1\r\nx: ", b"y"),
        ended(&coordinator, &PREFACE[..10], &PREFACE[10..20]),
        ended(&coordinator, metrics, b""),
    );
    assert!(
        asking.1.starts_with(b"HTTP/1.1 200"),
        "metrics are sent, although asking for them does not authenticate"
    );
    for (what, (took, _)) in [
        ("silence", silent),
        ("half a handshake", half),
        ("the preface", preface),
        ("a byte at a time", slow),
        ("a slow preface", slower),
        ("a request for metrics", asking),
    ] {
        assert!(took < limits::AUTHENTICATION_TIMEOUT + SLACK, "{what}: {took:?}");
    }
    assert!(coordinator.attend(hello(), identity()).await.is_ok());
}

#[tokio::test]
async fn an_unauthenticated_connection_that_sends_too_much_ends_at_once() {
    let coordinator = coordinator().await;
    let long =
        [b"GET /metrics HTTP/1.1\r\nx: ".to_vec(), vec![b'y'; 4 * limits::UNAUTHENTICATED_BYTES]];
    let (took, _) = ended(&coordinator, &long.concat(), b"").await;
    assert!(took < limits::AUTHENTICATION_TIMEOUT, "{took:?}");
    assert!(coordinator.has_counted("Malformed"));
    assert!(coordinator.attend(hello(), identity()).await.is_ok());
}

#[tokio::test]
async fn an_unauthenticated_connection_may_ask_for_metrics_a_few_times() {
    let coordinator = coordinator().await;
    let ask = "GET /metrics HTTP/1.1\r\nhost: x\r\nauthorization: Bearer 0123456789abcdef\r\n\r\n";
    let (_, said) = ended(&coordinator, ask.repeat(20).as_bytes(), b"").await;
    let said = String::from_utf8_lossy(&said);
    assert_eq!(
        said.matches("HTTP/1.1 200").count(),
        limits::UNAUTHENTICATED_REQUESTS as usize,
        "{said}"
    );
    assert_eq!(
        said.matches("HTTP/1.1 429").count(),
        20 - limits::UNAUTHENTICATED_REQUESTS as usize,
        "{said}"
    );
}

#[tokio::test]
async fn a_thousand_calls_without_the_token_are_refused_one_by_one() {
    let coordinator = coordinator().await;
    let client = coordinator.client().await;
    let session = SessionId([9; 16]);
    let calls = (0..1000).map(|_| {
        let mut client = client.clone();
        tokio::spawn(async move { client.pull(request(Pull { session }, VERSION, "wrong")).await })
    });
    let calls: Vec<_> = calls.collect();
    for call in calls {
        // Too many bytes end the connection, and the remaining calls with it.
        assert!(call.await.unwrap().is_err());
    }
    assert!(coordinator.has_counted("Token"));
    assert!(coordinator.attend(hello(), identity()).await.is_ok());
}
