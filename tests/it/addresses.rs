//! A malformed address is refused at once, in the same words by every option that takes an address.

use crate::support::{DIGITS, Place};

#[test]
fn a_malformed_address_is_a_wrong_command_line_on_both_sides_at_once() {
    let place = Place::with(DIGITS);
    for (address, words) in [
        ("localhost", "there is no port"),
        ("localhost:65536", "`65536` is not a port"),
        ("::1:7878", "an address of IPv6 needs brackets"),
        ("256.0.0.1:7878", "`256.0.0.1` is not a host"),
        ("http://localhost:7878", "an address has no `://`"),
    ] {
        for command in
            ["worker --connect", "health --connect", "coordinator scenario.toml --listen"]
        {
            let done = place.fedlayer(&format!("{command} {address}"));
            assert_eq!(done.code, Some(2), "{command} {address}: {}", done.stderr);
            assert!(done.stderr.contains(words), "{}", done.stderr);
            assert!(done.stderr.contains("write HOST:PORT, for instance"), "{}", done.stderr);
        }
    }
}

#[test]
fn a_name_that_is_not_known_is_said_at_once_and_looked_up_again_by_workers_alone() {
    let place = Place::with(DIGITS);
    let health = place.fedlayer("health --connect nowhere.invalid:7878");
    let listen = place.fedlayer("coordinator scenario.toml --listen nowhere.invalid:7878");
    assert_eq!((health.code, listen.code), (Some(11), Some(11)), "{}", listen.stderr);
    let worker = place.fedlayer("worker --connect nowhere.invalid:7878 --patience 0.2");
    assert_eq!(worker.code, Some(11), "{}", worker.stderr);
    let waits = "waiting for the coordinator at nowhere.invalid:7878 for up to 0.2 s";
    assert_eq!(worker.stderr.matches(waits).count(), 1, "{}", worker.stderr);
}
