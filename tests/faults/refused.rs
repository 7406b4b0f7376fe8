//! Workers and peers that are refused.
//!
//! * A worker has no token or another one: it is refused at once, exit code 13; the token is in no
//!   log. Counts: `refusals` for `Token`.
//! * A worker has no certificate or one of another authority: it cannot connect; after its patience
//!   it prints a hint, exit code 11.
//! * A worker has another device or other data: it is refused at once with both sides' values, exit
//!   code
//!   13. Counts: `refusals` for `Device`, `Identity`.
//! * A peer asks for `/metrics` without the token: status 401. Counts: `refusals` for `Token`.
//! * A coordinator is to listen for other machines without TLS and token: refused, exit code 12.
//!   With `--insecure` it prints a warning.
//!
//! Peers that break the protocol are tested in `crates/fedlayer-runtime/src/remote/tests/`: another
//! version or layout; malformed, oversized and random messages; updates with NaN, of another
//! length, client or round, repeated or late; and calls without a session.

use std::fs;

use crate::cluster::{Cluster, long, until};
use crate::support::{DIGITS, Place};

#[test]
fn without_the_token_nobody_gets_in_and_it_is_never_shown() {
    let place = Place::with(DIGITS);
    place.fedlayer("certs certs").ok();
    let certs = place.path("certs");
    let token = fs::read_to_string(certs.join("token")).unwrap();
    let certs = certs.display();
    let mut cluster = Cluster::start(&long(), &format!("--token-file {certs}/token"));
    let port = cluster.port;
    fs::write(cluster.place.path("wrong"), "another-token-that-is-wrong").unwrap();
    for (arguments, found) in [("", "none"), ("--token-file wrong", "another")] {
        let worker =
            cluster.place.fedlayer(&format!("worker --connect 127.0.0.1:{port} {arguments}"));
        assert_eq!(worker.code, Some(13), "{}", worker.stderr);
        assert!(worker.stderr.contains(&format!("token: found {found}")), "{}", worker.stderr);
    }
    let ask = |header: &str| cluster.ask(header).unwrap();
    assert!(ask("").starts_with("HTTP/1.1 401"), "{}", ask(""));
    let counts = ask(&format!("authorization: Bearer {token}\r\n"));
    assert!(counts.starts_with("HTTP/1.1 200"), "{counts}");
    assert!(counts.contains("fedlayer_refusals_total{reason=\"Token\"} "), "{counts}");
    let _worker = cluster.worker_at(port, &format!("--slots 2 --token-file {certs}/token"));
    cluster.finish_like_one_process();
    let said = cluster.said() + &cluster.worker_said(1);
    assert!(said.contains("token: found none"), "{said}");
    assert!(!said.contains(token.trim()) && !said.contains("another-token"), "{said}");
}

#[test]
fn mutual_tls_lets_in_whom_the_authority_signed() {
    let place = Place::with(DIGITS);
    place.fedlayer("certs ours").ok();
    place.fedlayer("certs theirs").ok();
    let again = place.fedlayer("certs ours");
    assert_eq!(again.code, Some(12), "{}", again.stderr);
    let before = fs::read(place.path("ours/ca.pem")).unwrap();
    place.fedlayer("certs ours --keep").ok();
    assert_eq!(fs::read(place.path("ours/ca.pem")).unwrap(), before);
    fs::copy(place.path("ours/token"), place.path("theirs/token")).unwrap();
    let (ours, theirs) = (place.path("ours"), place.path("theirs"));
    let mut cluster = Cluster::start(DIGITS, &format!("--certs {}", ours.display()));
    let port = cluster.port;
    let theirs_given = format!("--certs {}", theirs.display());
    for (arguments, hint) in [
        (String::new(), "hint: the coordinator may ask for TLS: give `--certs`"),
        (
            theirs_given,
            "hint: the coordinator may have no TLS, or a certificate of another authority",
        ),
    ] {
        let worker = cluster
            .place
            .fedlayer(&format!("worker --connect 127.0.0.1:{port} --patience 0.3 {arguments}"));
        assert_eq!(worker.code, Some(11), "{}", worker.stderr);
        assert!(worker.stderr.contains(hint), "{}", worker.stderr);
    }
    let health = |certs: &str| {
        cluster.place.fedlayer(&format!("health --connect 127.0.0.1:{port} {certs}")).code
    };
    assert_eq!(health(&format!("--certs {}", ours.display())), Some(0));
    assert_eq!(health(&format!("--certs {}", theirs.display())), Some(11));
    assert_eq!(health(""), Some(11));
    assert!(!cluster.said().contains("joined"), "{}", cluster.said());
    let _worker = cluster.worker_at(port, &format!("--certs {}", ours.display()));
    cluster.finish_like_one_process();
}

#[test]
fn a_worker_of_another_device_or_other_data_is_told_both_values() {
    let mut cuda = Cluster::start(DIGITS, "--device cuda");
    let port = cuda.port;
    let worker = cuda.place.fedlayer(&format!("worker --connect 127.0.0.1:{port}"));
    assert_eq!(worker.code, Some(13), "{}", worker.stderr);
    assert!(
        worker.stderr.contains("the worker trains on `cpu`, this run on `cuda`"),
        "{}",
        worker.stderr
    );
    assert_eq!(cuda.counted("fedlayer_refusals_total{reason=\"Device\"}"), 1);
    cuda.coordinator.signal("-TERM");
    assert_eq!(cuda.coordinator.ended(), Some(130));

    // The scenario is the same, but its initial model differs in the worker's data folder.
    let place = Place::with(DIGITS);
    place.fedlayer("run scenario.toml --out run").ok();
    let weights = |run: &str, round: u32| {
        place.path(&format!("{run}/all/seed-1/checkpoints/round-{round:07}.safetensors"))
    };
    for (folder, round) in [("here", 4), ("there", 6)] {
        fs::create_dir_all(place.path(folder)).unwrap();
        fs::copy(weights("run", round), place.path(folder).join("start.safetensors")).unwrap();
    }
    let scenario = DIGITS.replace("rounds = 6", "rounds = 6\ninitial = \"start.safetensors\"");
    let mut cluster =
        Cluster::start(&scenario, &format!("--data {}", place.path("here").display()));
    let port = cluster.port;
    let other =
        format!("worker --connect 127.0.0.1:{port} --data {}", place.path("there").display());
    let worker = cluster.place.fedlayer(&other);
    assert_eq!(worker.code, Some(13), "{}", worker.stderr);
    assert!(worker.stderr.contains("data: the worker has "), "{}", worker.stderr);
    until("the refusal", || cluster.said().contains("data: the worker has "));
    assert_eq!(cluster.counted("fedlayer_refusals_total{reason=\"Identity\"}"), 1);
    let none = cluster.place.fedlayer(&format!("worker --connect 127.0.0.1:{port}"));
    assert_eq!(none.code, Some(4), "{}", none.stderr);
    assert!(none.stderr.contains("start.safetensors"), "{}", none.stderr);
    // A damaged file gives the exit code of `run`.
    let broken = place.path("broken");
    fs::create_dir(&broken).unwrap();
    fs::write(broken.join("start.safetensors"), "no tensors").unwrap();
    let broken = format!("--data {}", broken.display());
    let run = cluster.place.fedlayer(&format!("run scenario.toml {broken}"));
    let worker = cluster.place.fedlayer(&format!("worker --connect 127.0.0.1:{port} {broken}"));
    assert_eq!((run.code, worker.code), (Some(3), Some(3)), "{}", worker.stderr);
    let _worker = cluster.worker_at(port, &format!("--data {}", place.path("here").display()));
    cluster.finish();
}

#[test]
fn what_other_machines_reach_needs_tls_and_a_token() {
    let place = Place::with(DIGITS);
    place.fedlayer("certs certs").ok();
    for arguments in ["", "--token-file certs/token"] {
        let open = place.fedlayer(&format!(
            "coordinator scenario.toml --listen 0.0.0.0:0 --out run {arguments}"
        ));
        assert_eq!(open.code, Some(12), "{}", open.stderr);
        assert!(open.stderr.contains("--insecure"), "{}", open.stderr);
        assert!(!place.path("run").exists());
    }
    let far = place.fedlayer("worker --connect far.example:7878 --token-file certs/token");
    assert_eq!(far.code, Some(12), "{}", far.stderr);
    fs::write(place.path("short"), "short").unwrap();
    let short = place.fedlayer("coordinator scenario.toml --token-file short");
    assert_eq!(short.code, Some(12), "{}", short.stderr);
}
