//! Strangers that do not come to the point. However each of them speaks, its connection ends in its time, and the port serves on.

use std::time::{Duration, Instant};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{super::message::Pull, Port, SessionId, hello, identity, limits, port, with};

/// What a busy machine may take beside a stranger's time.
const SLACK: Duration = Duration::from_secs(60);

/// What begins HTTP/2, with empty settings.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// The head of a handshake of TLS that announces more than comes.
const HALF_HELLO: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";

/// Says `first` and then a byte of `rest` each half second; returns when the other side ended the connection, and what it said.
async fn ended(port: &Port, first: &[u8], rest: &[u8]) -> (Duration, Vec<u8>) {
    let address = port.address.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    let began = Instant::now();
    // It may be ended in the middle.
    let _ended = stream.write_all(first).await;
    let mut said = Vec::new();
    let mut rest = rest.iter().cycle();
    let pause = Duration::from_millis(500);
    while began.elapsed() < limits::ADMISSION + SLACK {
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
    panic!("it was never ended");
}

#[tokio::test]
async fn a_stranger_has_its_time_however_it_speaks() {
    let port = port().await;
    let counts =
        b"GET /metrics HTTP/1.1\r\nhost: x\r\nauthorization: Bearer 0123456789abcdef\r\n\r\n";
    let (silent, half, preface, slow, slower, asking) = tokio::join!(
        ended(&port, b"", b""),
        ended(&port, HALF_HELLO, b""),
        ended(&port, PREFACE, b""),
        ended(&port, b"GET /metrics HTTP/1.1\r\nx: ", b"y"),
        ended(&port, &PREFACE[..10], &PREFACE[10..20]),
        ended(&port, counts, b""),
    );
    assert!(asking.1.starts_with(b"HTTP/1.1 200"), "the counts admit nobody, but are given");
    for (what, (took, _)) in [
        ("silence", silent),
        ("half a handshake", half),
        ("the preface", preface),
        ("a byte at a time", slow),
        ("a slow preface", slower),
        ("the counts", asking),
    ] {
        assert!(took < limits::ADMISSION + SLACK, "{what}: {took:?}");
    }
    assert!(port.attend(hello(), identity()).await.is_ok());
}

#[tokio::test]
async fn a_stranger_that_says_more_than_it_needs_is_ended_at_once() {
    let port = port().await;
    let long = [b"GET /metrics HTTP/1.1\r\nx: ".to_vec(), vec![b'y'; 4 * limits::FIRST_BYTES]];
    let (took, _) = ended(&port, &long.concat(), b"").await;
    assert!(took < limits::ADMISSION, "{took:?}");
    assert!(port.counted("Malformed"));
    assert!(port.attend(hello(), identity()).await.is_ok());
}

#[tokio::test]
async fn a_stranger_asks_for_the_counts_a_few_times_on_a_connection() {
    let port = port().await;
    let ask = "GET /metrics HTTP/1.1\r\nhost: x\r\nauthorization: Bearer 0123456789abcdef\r\n\r\n";
    let (_, said) = ended(&port, ask.repeat(20).as_bytes(), b"").await;
    let said = String::from_utf8_lossy(&said);
    assert_eq!(said.matches("HTTP/1.1 200").count(), limits::QUESTIONS as usize, "{said}");
    assert_eq!(said.matches("HTTP/1.1 429").count(), 20 - limits::QUESTIONS as usize, "{said}");
}

#[tokio::test]
async fn a_thousand_calls_without_the_token_are_refused_one_by_one() {
    let port = port().await;
    let client = port.client().await;
    let session = SessionId([9; 16]);
    let calls = (0..1000).map(|_| {
        let mut client = client.clone();
        tokio::spawn(async move { client.pull(with(Pull { session }, "1", "wrong")).await })
    });
    let calls: Vec<_> = calls.collect();
    for call in calls {
        // Those that the connection's first bytes have no room for end with the connection.
        assert!(call.await.unwrap().is_err());
    }
    assert!(port.counted("Token"));
    assert!(port.attend(hello(), identity()).await.is_ok());
}
