//! `fedlayer export`: the records of runs as files of other programs, and as requests.
//!
//! The programs themselves read them in `cargo xtask export-test`.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    os::unix::process::CommandExt,
    path::Path,
    process::Command,
    thread::JoinHandle,
};

use serde_json::Value;

use crate::support::{DIGITS, Done, Place};

/// A place with the run of [`DIGITS`] over four rounds.
fn run() -> Place {
    let place = Place::with(DIGITS);
    place.fedlayer("run scenario.toml --rounds 4 --out run").ok();
    place
}

/// Returns the lines of a CSV file, split at commas: for tables without quoted cells.
fn csv(place: &Place, path: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(place.path(path)).unwrap();
    text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

fn lines(place: &Place, path: &str) -> Vec<Value> {
    let text = fs::read_to_string(place.path(path)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn names(place: &Place, folder: &str) -> Vec<String> {
    place.files(folder).into_keys().collect()
}

/// The scenario of [`DIGITS`] without barriers.
fn without_barriers() -> String {
    DIGITS.replace("[barriers]\nevery = 2\n", "")
}

#[test]
fn every_line_of_the_records_is_a_row() {
    let place = run();
    let before = place.files("run");
    let done = place.fedlayer("export run --csv tables --parquet tables --tensorboard board").ok();
    crate::support::assert_same_bytes(&before, &place.files("run"));
    let kinds = ["barriers", "clients", "layers", "rounds", "timings"];
    let expected = kinds.iter().flat_map(|kind| [format!("{kind}.csv"), format!("{kind}.parquet")]);
    assert_eq!(names(&place, "tables"), expected.collect::<Vec<_>>());
    let events = "seed-1/events.out.tfevents.0.fedlayer";
    let boards = [format!("run/all/{events}"), format!("run/one-layer-rotating/{events}")];
    assert_eq!(names(&place, "board"), boards);
    let rows = csv(&place, "tables/barriers.csv");
    let folders = ["run/all/seed-1", "run/one-layer-rotating/seed-1"];
    let written = folders.map(|folder| lines(&place, &format!("{folder}/barriers.jsonl"))).concat();
    assert_eq!(rows.len(), 1 + written.len());
    let columns = rows[0].len();
    // A strategy's name with a comma is quoted: cells are counted from the end.
    for (row, line) in rows[1..].iter().zip(&written) {
        let value = &row[row.len() - 2];
        assert_eq!(value.parse().ok(), line["value"].as_f64(), "{row:?}\n{line}");
        assert_eq!(row[row.len() - (columns - 4)], line["round"].to_string());
    }
    assert!(done.stderr.contains(&format!("{} rows", written.len())), "{}", done.stderr);
}

#[test]
fn a_kind_without_records_has_no_file_and_is_named() {
    let place = Place::with(&without_barriers());
    let alone =
        "--rounds 1 --set clients.count=1 --set clients.per_round=1 --set clients.dropout=0";
    place.fedlayer(&format!("run scenario.toml --out run {alone}")).ok();
    let done = place.fedlayer("export run --csv tables").ok();
    assert!(done.stderr.contains("barriers: no records, no file"), "{}", done.stderr);
    assert_eq!(names(&place, "tables"), ["clients.csv", "layers.csv", "rounds.csv", "timings.csv"]);
    assert_eq!(csv(&place, "tables/clients.csv").len(), 1 + 2);
    place.fedlayer("export run --tensorboard board").ok();
}

#[test]
fn an_export_replaces_an_earlier_one_only_if_it_is_asked_to() {
    let place = run();
    place.fedlayer("export run --csv tables").ok();
    fs::write(place.path("tables/rounds.csv"), "mine").unwrap();
    let refused = place.fedlayer("export run --csv tables");
    assert_eq!(refused.code, Some(7));
    assert!(refused.stderr.contains("rounds.csv` exists already"), "{}", refused.stderr);
    assert!(refused.stderr.contains("--replace"), "{}", refused.stderr);
    assert_eq!(fs::read_to_string(place.path("tables/rounds.csv")).unwrap(), "mine");
    fs::write(place.path("short.toml"), without_barriers()).unwrap();
    place.fedlayer("run short.toml --rounds 1 --out short").ok();
    place.fedlayer("export short --csv tables --replace").ok();
    let left = names(&place, "tables");
    assert_eq!(left, ["clients.csv", "layers.csv", "rounds.csv", "timings.csv"], "no old barriers");
    assert_eq!(csv(&place, "tables/rounds.csv").len(), 1 + 2);
}

#[test]
fn an_export_that_cannot_be_written_leaves_nothing() {
    let place = run();
    for format in ["--csv", "--parquet", "--tensorboard"] {
        let program = env!("CARGO_BIN_EXE_fedlayer");
        let mut command = Command::new("bash");
        command
            .arg0("bash")
            .args(["-c", &format!("ulimit -f 1; {program} export run {format} out")]);
        place.in_folder(&mut command);
        let done = Done::of(&mut command);
        assert_eq!(done.code, Some(6), "{format}: {}", done.stderr);
        assert!(done.stderr.contains("could not write `out/"), "{format}: {}", done.stderr);
        assert!(names(&place, "out").is_empty(), "{format}: {:?}", names(&place, "out"));
    }
}

#[test]
fn a_run_that_goes_on_is_exported_up_to_its_last_checkpoint() {
    let place = run();
    let plan = "run/all/seed-1";
    // As a process leaves it that is killed in round 4: checkpoints are written every 2 rounds.
    let note = fs::read_to_string(place.path("run/run.json")).unwrap();
    let running = note.replace("\"state\": \"finished\"", "\"state\": \"running\"");
    let [body, _] = running.split(",\n  \"files\"").collect::<Vec<_>>()[..] else {
        panic!("{note}")
    };
    fs::write(place.path("run/run.json"), seal(body)).unwrap();
    fs::remove_file(place.path(&format!("{plan}/checkpoints/round-0000004.safetensors"))).unwrap();
    let rounds = fs::read_to_string(place.path(&format!("{plan}/rounds.jsonl"))).unwrap();
    let half = &rounds[..rounds.len() - 20];
    fs::write(place.path(&format!("{plan}/rounds.jsonl")), half).unwrap();
    // The second strategy has not begun.
    let other = place.path("run/one-layer-rotating/seed-1");
    fs::remove_dir_all(&other).unwrap();
    fs::create_dir_all(other.join("checkpoints")).unwrap();
    let done = place.fedlayer("export run --csv tables").ok();
    assert!(done.stderr.contains("up to round 2, its last checkpoint"), "{}", done.stderr);
    assert!(
        done.stderr.contains("one-layer-rotating/seed-1` has no committed round"),
        "{}",
        done.stderr
    );
    let rounds = csv(&place, "tables/rounds.csv");
    let numbers: Vec<&str> = rounds[1..].iter().map(|row| &*row[4]).collect();
    assert_eq!(numbers, ["1", "2"]);
    assert!(csv(&place, "tables/barriers.csv")[1..].iter().all(|row| row[4] == "2"));
    assert_eq!(csv(&place, "tables/timings.csv").len(), 1 + 2);
}

/// Adds the checksum that `run.json` ends with.
fn seal(body: &str) -> String {
    format!("{body},\n  \"checksum\": \"{}\"\n}}\n", blake3::hash(body.as_bytes()).to_hex())
}

#[test]
fn a_damaged_run_is_refused_with_file_and_line() {
    let place = run();
    let path = place.path("run/all/seed-1/rounds.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let changed = text.replacen("\"attempt\":1", "\"attempt\":2", 2).replacen(
        "\"attempt\":2",
        "\"attempt\":1",
        1,
    );
    fs::write(&path, changed).unwrap();
    let done = place.fedlayer("export run --csv tables");
    assert_eq!(done.code, Some(6));
    assert!(done.stderr.contains("rounds.jsonl` is damaged: line 2"), "{}", done.stderr);
    assert!(!place.path("tables").exists());
}

#[test]
fn timings_that_are_damaged_end_early_and_are_named() {
    let place = run();
    let path = place.path("run/all/seed-1/timings.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let [first, second, rest @ ..] = &text.lines().collect::<Vec<_>>()[..] else { panic!() };
    let second = second.replace("\"train\":", "\"train\":1");
    let damaged = [&[*first, &second][..], rest].concat();
    fs::write(&path, damaged.join("\n") + "\n").unwrap();
    let done = place.fedlayer("export run --csv tables").ok();
    assert!(done.stderr.contains("has 1 intact lines of 4 rounds"), "{}", done.stderr);
    assert_eq!(csv(&place, "tables/timings.csv").len(), 1 + 1 + 4);
    assert_eq!(csv(&place, "tables/rounds.csv").len(), 1 + 8);
}

#[test]
fn variants_of_a_sweep_and_several_runs_are_columns_of_one_table() {
    let sweep = "[sweep]\ngrid = { \"local.optimizer.sgd.lr\" = [0.1, 0.5] }\n";
    let place = Place::with(&format!("{DIGITS}{sweep}"));
    place.fedlayer("run scenario.toml --rounds 1 --out swept").ok();
    let plain = Place::with(DIGITS);
    plain
        .fedlayer(&format!("run scenario.toml --rounds 1 --out {}", place.path("plain").display()))
        .ok();
    place.fedlayer("export swept plain --csv tables").ok();
    let rows = csv(&place, "tables/layers.csv");
    assert_eq!(rows[0][..5].join(","), "run,scenario,strategy,seed,variant.local.optimizer.sgd.lr");
    let of_all = rows[1..].iter().filter(|row| row[2] == "all");
    let mut origins: Vec<String> = of_all.map(|row| format!("{} {}", row[0], row[4])).collect();
    origins.dedup();
    assert_eq!(origins, ["swept 0.1", "swept 0.5", "plain "]);
}

#[test]
fn a_destination_is_needed_and_a_server_has_an_address() {
    let place = Place::with(DIGITS);
    let done = place.fedlayer("export run");
    assert_eq!(done.code, Some(2));
    assert!(done.stderr.contains("--parquet <DIR>"), "{}", done.stderr);
    let done = place.fedlayer("export run --mlflow mlruns");
    assert_eq!(done.code, Some(2));
    assert!(done.stderr.contains("http://127.0.0.1:5000"), "{}", done.stderr);
    assert_eq!(place.fedlayer("export run --csv tables").code, Some(8));
}

/// Starts a server that answers every request with this status and body, and returns the heads of
/// the requests when it is joined.
fn server(replies: Vec<(&'static str, &'static str)>) -> (SocketAddr, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answer = move |(status, body): (&str, &str)| {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = vec![0; 1 << 16];
        let count = stream.read(&mut asked).unwrap();
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all((head + body).as_bytes()).unwrap();
        String::from_utf8_lossy(&asked[..count]).into_owned()
    };
    (address, std::thread::spawn(move || replies.into_iter().map(answer).collect()))
}

#[test]
fn a_server_that_refuses_is_named_with_its_words_and_without_secrets() {
    let place = run();
    let refusal = r#"{"error_code":"PERMISSION_DENIED","message":"not\u001b[31m for you"}"#;
    let (address, asked) = server(vec![("403 Forbidden", refusal)]);
    let mut command = place.command(&format!("export run --mlflow http://me:word@{address}/base"));
    let done = Done::of(command.env("MLFLOW_TRACKING_TOKEN", "hidden"));
    let asked = asked.join().unwrap();
    assert_eq!(done.code, Some(11), "{}", done.stderr);
    for said in
        ["403 Forbidden", "for you", &format!("http://{address}/base"), "experiments/search"]
    {
        assert!(done.stderr.contains(said), "`{said}`: {}", done.stderr);
    }
    for secret in ["word@", "hidden", "\u{1b}"] {
        assert!(!done.stderr.contains(secret), "{}", done.stderr);
    }
    assert!(asked[0].starts_with("POST /base/api/2.0/mlflow/experiments/search "), "{asked:?}");
    assert!(asked[0].to_lowercase().contains("authorization: bearer hidden"), "{asked:?}");
}

#[test]
fn a_run_that_could_not_be_sent_is_marked_as_failed() {
    let place = run();
    let created =
        r#"{"run":{"info":{"run_id":"r1","artifact_uri":"mlflow-artifacts:/1/r1/artifacts"}}}"#;
    let (address, asked) = server(vec![
        ("200 OK", r#"{"experiments":[{"name":"scenario","experiment_id":"1"}]}"#),
        ("200 OK", "{}"),
        ("200 OK", created),
        ("500 Internal Server Error", "no room"),
        ("200 OK", "{}"),
    ]);
    let done = place.fedlayer(&format!("export run --mlflow http://{address}"));
    assert_eq!(done.code, Some(11), "{}", done.stderr);
    assert!(done.stderr.contains("no room"), "{}", done.stderr);
    let asked = asked.join().unwrap();
    assert!(asked[4].starts_with("POST /api/2.0/mlflow/runs/update "), "{asked:?}");
}

#[test]
fn a_server_that_does_not_answer_is_named() {
    let place = run();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let done = place.fedlayer(&format!("export run --mlflow http://{address}"));
    assert_eq!(done.code, Some(11), "{}", done.stderr);
    let words = format!("no MLflow server answers at http://{address}/");
    assert!(done.stderr.contains(&words), "{}", done.stderr);
}

/// Runs the Python reader's own tests, if pandas or polars is installed.
#[test]
fn the_python_reader_passes_its_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../python");
    let python = || {
        let mut command = Command::new("python3");
        command.current_dir(&root).env("PYTHONDONTWRITEBYTECODE", "1");
        command
    };
    let frames = "import importlib.util as u, sys; sys.exit(not any(map(u.find_spec, ['pandas', 'polars'])))";
    if !python().args(["-c", frames]).output().is_ok_and(|output| output.status.success()) {
        println!("skipped: there is no Python with pandas or polars");
        return;
    }
    Done::of(python().args(["-m", "unittest", "discover", "tests"])).ok();
}
