//! `docs/protocol.md` has a row for every limit and timeout.

use std::time::Duration;

use super::super::protocol::limits;

#[test]
fn the_page_on_the_protocol_has_every_limit_and_timeout_with_its_default() {
    let page = include_str!("../../../../../docs/protocol.md");
    let source = include_str!("../protocol/limits.rs");
    let names: Vec<&str> = source
        .lines()
        .filter_map(|line| line.strip_prefix("pub const ")?.split(':').next())
        .collect();
    let mib = |bytes: usize| format!("{} MiB", bytes >> 20);
    let kib = |bytes: usize| format!("{} KiB", bytes >> 10);
    let seconds = |time: Duration| format!("{} s", time.as_secs());
    let (first, last) = limits::RECONNECT_DELAY;
    let defaults = [
        ("PROTOCOL_VERSION", limits::PROTOCOL_VERSION.to_string()),
        ("MESSAGE_BYTES", mib(limits::MESSAGE_BYTES)),
        ("PIECE_BYTES", mib(limits::PIECE_BYTES)),
        ("SCENARIO_BYTES", mib(limits::SCENARIO_BYTES)),
        ("PROBES_PER_JOB", limits::PROBES_PER_JOB.to_string()),
        ("DIRECTIONS_PER_JOB", limits::DIRECTIONS_PER_JOB.to_string()),
        ("DIRECTION_BYTES", mib(limits::DIRECTION_BYTES)),
        ("OPTIMIZER_SLOTS", limits::OPTIMIZER_SLOTS.to_string()),
        ("STREAM_WINDOW", mib(limits::STREAM_WINDOW as usize)),
        ("CONNECTION_WINDOW", mib(limits::CONNECTION_WINDOW as usize)),
        ("REQUESTS_PER_CONNECTION", limits::REQUESTS_PER_CONNECTION.to_string()),
        ("CONNECTIONS", limits::CONNECTIONS.to_string()),
        ("RESERVED_FILES", limits::RESERVED_FILES.to_string()),
        ("UNAUTHENTICATED_CONNECTIONS", limits::UNAUTHENTICATED_CONNECTIONS.to_string()),
        ("UNAUTHENTICATED_BYTES", kib(limits::UNAUTHENTICATED_BYTES)),
        ("UNAUTHENTICATED_REQUESTS", limits::UNAUTHENTICATED_REQUESTS.to_string()),
        ("HEADER_BYTES", kib(limits::HEADER_BYTES as usize)),
        ("SLOTS_PER_WORKER", limits::SLOTS_PER_WORKER.to_string()),
        ("CACHE_BYTES", mib(limits::CACHE_BYTES)),
        ("AUTHENTICATION_TIMEOUT", seconds(limits::AUTHENTICATION_TIMEOUT)),
        ("HELLO_TIMEOUT", seconds(limits::HELLO_TIMEOUT)),
        ("PIECE_TIMEOUT", seconds(limits::PIECE_TIMEOUT)),
        ("PULL_TIMEOUT", seconds(limits::PULL_TIMEOUT)),
        ("DRAIN_TIMEOUT", seconds(limits::DRAIN_TIMEOUT)),
        ("RECONNECT_DELAY", format!("{} to {}", first.as_secs_f64(), seconds(last))),
        ("CONNECT_TIMEOUT", seconds(limits::CONNECT_TIMEOUT)),
        ("GRACE", seconds(limits::GRACE)),
        ("PATIENCE", seconds(limits::PATIENCE)),
        ("FAREWELL_TIMEOUT", seconds(limits::FAREWELL_TIMEOUT)),
    ];
    assert_eq!(names, defaults.each_ref().map(|(name, _)| *name));
    for (name, default) in defaults {
        let row = page.lines().find_map(|line| line.strip_prefix(&format!("| `{name}` | ")));
        let row = row.unwrap_or_else(|| panic!("docs/protocol.md has no row for `{name}`"));
        let found = row.split(" |").next().unwrap().replace(',', "");
        assert_eq!(found, default, "the row of `{name}` in docs/protocol.md");
    }
}

#[test]
fn a_job_has_as_many_directions_as_fit_and_at_least_one() {
    // 256 MiB are 2^26 values.
    for (parameters, directions) in [
        (0, 64),
        (3, 64),
        (1 << 20, 64),
        ((1 << 20) + 1, 63),
        (1 << 25, 2),
        (1 << 26, 1),
        (1 << 30, 1),
    ] {
        assert_eq!(limits::directions_per_job(parameters), directions, "{parameters} parameters");
    }
}
