//! `fedlayer data fetch` from outside. The unit tests of the module cover what servers can do to
//! it.

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    process::Stdio,
    sync::mpsc,
};

use crate::{data::real, support::Place};

/// The length of the only file of tiny Shakespeare.
const LENGTH: usize = 1_115_394;

/// Answers one request with `answer`, and keeps the connection open until the sender is dropped.
/// Returns the address.
fn answering(answer: Vec<u8>) -> (String, mpsc::Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (open, closed) = mpsc::channel();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
            head.push(byte[0]);
        }
        stream.write_all(&answer).unwrap();
        // An error means that the sender was dropped.
        let _gone = closed.recv();
    });
    (address, open)
}

fn ok(body: &[u8], sent: usize) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), &body[..sent]].concat()
}

#[test]
fn another_content_ends_with_a_code_of_its_own_and_leaves_nothing() {
    let place = Place::with("");
    let body = vec![b'x'; LENGTH];
    let (address, _open) = answering(ok(&body, body.len()));
    let done = place.fedlayer(&format!("data fetch tiny-shakespeare --from {address}"));
    assert_eq!(done.code, Some(10), "{}", done.stderr);
    assert!(done.stderr.contains("is not the file that was published"), "{}", done.stderr);
    assert_eq!(done.stdout, "");
    assert!(!place.path("home").exists());
}

#[test]
fn an_absent_file_is_said() {
    let place = Place::with("");
    let answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec();
    let (address, _open) = answering(answer);
    let done = place.fedlayer(&format!("data fetch tiny-shakespeare --from {address}"));
    assert_eq!(done.code, Some(10), "{}", done.stderr);
    assert!(done.stderr.contains("answers 404"), "{}", done.stderr);
}

#[test]
fn an_interrupted_download_keeps_what_has_come() {
    let place = Place::with("");
    let body = vec![b'x'; LENGTH];
    let (address, _open) = answering(ok(&body, 1000));
    let mut command = place.command(&format!("data fetch tiny-shakespeare --from {address}"));
    let child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let part = place.path("home/fedlayer/tiny-shakespeare/input.txt.part");
    while fs::metadata(&part).map_or(0, |part| part.len()) < 1000 {
        std::thread::yield_now();
    }
    let signal = ["-INT", &child.id().to_string()];
    assert!(std::process::Command::new("kill").args(signal).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let words = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{words}");
    assert!(words.contains("the same command goes on from there"), "{words}");
    assert_eq!(fs::metadata(&part).unwrap().len(), 1000);
}

#[test]
fn a_folder_gives_the_published_file() {
    let Some(from) = real("tiny-shakespeare") else { return };
    let place = Place::with("");
    let fetch = format!("data fetch tiny-shakespeare --from {} --to sets", from.display());
    let first = place.fedlayer(&fetch).ok();
    assert!(first.stderr.contains("`input.txt`: 1.1 MB, verified"), "{}", first.stderr);
    assert!(first.stderr.contains("licence: "), "{}", first.stderr);
    let fetched = fs::read(place.path("sets/tiny-shakespeare/input.txt")).unwrap();
    assert_eq!(fetched, fs::read(from.join("input.txt")).unwrap());
    let second = place.fedlayer(&fetch).ok();
    assert!(second.stderr.contains("`input.txt`: already there"), "{}", second.stderr);
    let listed = place.fedlayer("data list --data sets").ok().stdout;
    assert!(listed.contains("sets/tiny-shakespeare"), "{listed}");
}

#[test]
fn a_server_gives_the_published_file() {
    let Some(from) = real("tiny-shakespeare/input.txt") else { return };
    let body = fs::read(from).unwrap();
    let place = Place::with("");
    let (address, _open) = answering(ok(&body, body.len()));
    place.fedlayer(&format!("data fetch tiny-shakespeare --from {address}")).ok();
    assert_eq!(fs::read(place.path("home/fedlayer/tiny-shakespeare/input.txt")).unwrap(), body);
}

#[test]
fn a_file_that_may_not_grow_is_said_and_nothing_gets_its_name() {
    let place = Place::with("");
    fs::create_dir(place.path("from")).unwrap();
    fs::write(place.path("from/input.txt"), vec![b'x'; LENGTH]).unwrap();
    let script = format!(
        "ulimit -f 300; exec {} data fetch tiny-shakespeare --from from --to sets",
        env!("CARGO_BIN_EXE_fedlayer")
    );
    let mut shell = std::process::Command::new("sh");
    let output = shell.args(["-c", &script]).current_dir(place.path("")).output().unwrap();
    let words = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(6), "{words}");
    assert!(words.contains("hint: raise the limit of a file's length (`ulimit -f`)"), "{words}");
    assert!(!place.path("sets/tiny-shakespeare/input.txt").exists());
}

#[test]
fn a_folder_that_cannot_be_written_in_is_said() {
    let place = Place::with("a file, no folder");
    let done = place.fedlayer("data fetch tiny-shakespeare --from . --to scenario.toml");
    assert_eq!(done.code, Some(6), "{}", done.stderr);
    assert!(done.stderr.contains("hint: choose another folder with `--to`"), "{}", done.stderr);
    let mut command = place.command("data fetch tiny-shakespeare --from . --data scenario.toml");
    let output = command.env("XDG_DATA_HOME", place.path("scenario.toml")).output().unwrap();
    let words = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(6), "{words}");
    assert!(words.contains("no data folder can be written in"), "{words}");
}

#[test]
fn wrong_names_and_sources_are_answered() {
    let place = Place::with("");
    let done = place.fedlayer("data fetch fashion-mnits");
    assert_eq!(done.code, Some(2), "{}", done.stderr);
    assert!(done.stderr.contains("'fashion-mnist'"), "{}", done.stderr);
    let done = place.fedlayer("data fetch mnist --from ftp://mirror/sets");
    assert_eq!(done.code, Some(2), "{}", done.stderr);
    assert!(done.stderr.contains("use http, https or a folder"), "{}", done.stderr);
    let done = place.fedlayer("data fetch tiny-shakespeare --from nowhere");
    assert_eq!(done.code, Some(10), "{}", done.stderr);
    assert!(
        done.stderr.contains("`nowhere`, which `--from` names, is not there"),
        "{}",
        done.stderr
    );
    let done = place.fedlayer("data fetch tiny-shakespeare --from scenario.toml");
    assert_eq!(done.code, Some(10), "{}", done.stderr);
    assert!(done.stderr.contains("is a file and no folder"), "{}", done.stderr);
    let done = place.fedlayer("data fetch tiny-shakespeare --from .");
    assert!(done.stderr.contains("there is no `input.txt` in `.`"), "{}", done.stderr);
}
