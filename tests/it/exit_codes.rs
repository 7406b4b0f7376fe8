//! Every exit code in the table of docs/cli.md is provoked.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    path::Path,
    process::{Child, Stdio},
};

use crate::support::{DIGITS, Place, mirror_without_files};

/// An exit code, and a command that provokes it in a folder with a scenario of digits.
struct Case {
    code: i32,
    how: &'static str,
    provoke: fn(&Place) -> Option<i32>,
}

const CASES: [Case; 26] = [
    Case { code: 0, how: "a good scenario", provoke: |place| ends(place, "check scenario.toml") },
    Case {
        code: 2,
        how: "no device",
        provoke: |place| ends(place, "run scenario.toml --device tpu"),
    },
    Case { code: 0, how: "a run that is whole", provoke: |place| verified(place, |_| {}) },
    Case { code: 2, how: "no address", provoke: |place| ends(place, "worker --connect nowhere") },
    Case {
        code: 3,
        how: "a typo",
        provoke: |place| ends(place, "run scenario.toml --set epoch=1"),
    },
    Case { code: 3, how: "a typo, and no data", provoke: typo_and_no_data },
    Case { code: 4, how: "a set that is nowhere", provoke: |place| ends(place, &no_set("run")) },
    Case { code: 4, how: "the same in check", provoke: |place| ends(place, &no_set("check")) },
    Case { code: 4, how: "the same served", provoke: |place| ends(place, &no_set("coordinator")) },
    Case {
        code: 4,
        how: "no data folder",
        provoke: |place| ends(place, "check scenario.toml --data no"),
    },
    Case {
        code: 5,
        how: "no such GPU",
        provoke: |place| ends(place, "run scenario.toml --device cuda:99"),
    },
    Case { code: 6, how: "no scenario", provoke: |place| ends(place, "run absent.toml") },
    Case { code: 6, how: "a damaged run", provoke: |place| verified(place, cut_off) },
    Case {
        code: 7,
        how: "a folder that is there",
        provoke: |place| ends(place, "run scenario.toml --out ."),
    },
    Case { code: 8, how: "no run folder", provoke: |place| ends(place, "resume .") },
    Case { code: 8, how: "no run to verify", provoke: |place| ends(place, "verify .") },
    Case {
        code: 9,
        how: "divergence",
        provoke: |place| ends(place, "run scenario.toml --set local.optimizer.sgd.lr=1e30"),
    },
    Case { code: 10, how: "a mirror without the file", provoke: no_file_on_the_mirror },
    Case {
        code: 11,
        how: "nobody there",
        provoke: |place| ends(place, "health --connect 127.0.0.1:1"),
    },
    Case { code: 11, how: "a port that is taken", provoke: taken_port },
    Case {
        code: 12,
        how: "no certificates",
        provoke: |place| ends(place, "coordinator scenario.toml --certs no"),
    },
    Case { code: 12, how: "no token", provoke: |place| ends(place, "worker --token-file no") },
    Case {
        code: 12,
        how: "an open port",
        provoke: |place| ends(place, "coordinator scenario.toml --listen 0.0.0.0:0"),
    },
    Case { code: 13, how: "a worker without the token", provoke: worker_without_token },
    Case {
        code: 14,
        how: "one file to compare",
        provoke: |place| ends(place, "analyze barriers scenario.toml"),
    },
    Case { code: 130, how: "a signal", provoke: a_signal },
];

/// The code of a bug of the program: no command is known to provoke it. A test in `exit.rs` checks
/// the code of that failure.
const FAULT: i32 = 70;

#[test]
fn each_exit_code_means_what_the_page_says() {
    for Case { code, how, provoke } in CASES {
        let place = Place::with(DIGITS);
        assert_eq!(provoke(&place), Some(code), "{how}");
    }
    let provoked: BTreeSet<i32> = CASES.iter().map(|case| case.code).chain([FAULT]).collect();
    assert_eq!(provoked, promised(), "the table of docs/cli.md");
}

/// Returns the codes in the table of docs/cli.md.
fn promised() -> BTreeSet<i32> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/cli.md");
    let page = fs::read_to_string(page).unwrap();
    let table = page.split("| exit code | means |").nth(1).unwrap();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let codes = rows.flat_map(|row| row.split('|').nth(1).unwrap().split(','));
    codes.map(|code| code.trim().parse().unwrap()).collect()
}

fn ends(place: &Place, arguments: &str) -> Option<i32> {
    place.fedlayer(arguments).code
}

/// Verifies a finished run after something is done to its folder.
fn verified(place: &Place, change: fn(&Path)) -> Option<i32> {
    place.fedlayer("run scenario.toml --out run").ok();
    change(&place.path("run"));
    ends(place, "verify run")
}

/// Leaves the first line of a record file alone.
fn cut_off(run: &Path) {
    let rounds = run.join("all/seed-1/rounds.jsonl");
    let text = fs::read_to_string(&rounds).unwrap();
    fs::write(&rounds, text.split_inclusive('\n').next().unwrap()).unwrap();
}

fn no_set(command: &str) -> String {
    format!("{command} scenario.toml --set data.set=cifar-10")
}

fn typo_and_no_data(place: &Place) -> Option<i32> {
    let wrong = place.fedlayer(&format!("{} --set clients.per_round=70", no_set("run")));
    let (scenario, data) =
        (wrong.stderr.find("per_round").unwrap(), wrong.stderr.find("data fetch").unwrap());
    assert!(scenario < data, "the scenario's errors come first: {}", wrong.stderr);
    wrong.code
}

fn no_file_on_the_mirror(place: &Place) -> Option<i32> {
    let address = mirror_without_files();
    ends(place, &format!("data fetch tiny-shakespeare --from http://{address}"))
}

fn taken_port(place: &Place) -> Option<i32> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    ends(place, &format!("coordinator scenario.toml --listen {address}"))
}

fn worker_without_token(place: &Place) -> Option<i32> {
    fs::write(place.path("token"), "0123456789abcdef").unwrap();
    let command = "coordinator scenario.toml --listen 127.0.0.1:0 --token-file token --out run";
    let mut coordinator = place.command(command).stderr(Stdio::piped()).spawn().unwrap();
    let said = said_until(&mut coordinator, "listening on ");
    let address = said.split("listening on ").nth(1).unwrap().split(' ').next().unwrap();
    let code = ends(place, &format!("worker --connect {address}"));
    coordinator.kill().unwrap();
    coordinator.wait().unwrap();
    code
}

fn a_signal(place: &Place) -> Option<i32> {
    let command = "run scenario.toml --out run --set rounds=100000";
    let mut run = place.command(command).stderr(Stdio::piped()).spawn().unwrap();
    said_until(&mut run, "run folder");
    let rounds = place.path("run/all/seed-1/rounds.jsonl");
    // From the first round on, the run reacts to signals.
    while fs::metadata(&rounds).map_or(0, |file| file.len()) == 0 {
        std::thread::yield_now();
    }
    let signal = ["-INT", &run.id().to_string()];
    assert!(std::process::Command::new("kill").args(signal).status().unwrap().success());
    run.wait().unwrap().code()
}

/// Returns the first line on stderr with these words.
pub(crate) fn said_until(child: &mut Child, words: &str) -> String {
    let mut lines = BufReader::new(child.stderr.as_mut().unwrap()).lines();
    lines.find_map(|line| line.ok().filter(|line| line.contains(words))).unwrap()
}
