//! A TorchScript module is a program: one that touches more than numbers is refused, and one that
//! does not end is stopped.

use std::{
    fs,
    io::{Cursor, Read, Write},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use zip::{ZipArchive, ZipWriter, write::FileOptions};

use crate::{
    check_is_run::{MODULE, images, module},
    exit_codes::said_until,
    support::Place,
};

/// The plain module, with a line before its network.
fn with_line(line: &str) -> Vec<u8> {
    let mut archive = ZipArchive::new(Cursor::new(module("plain"))).unwrap();
    let mut out = ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).unwrap();
        let mut content = Vec::new();
        file.read_to_end(&mut content).unwrap();
        if file.name().ends_with("code/__torch__.py") {
            let code = String::from_utf8(content).unwrap();
            let body = "x: Tensor) -> Tensor:\n";
            assert_eq!(code.matches(body).count(), 1, "{code}");
            content = code.replace(body, &format!("{body}    {line}\n")).into_bytes();
        }
        out.start_file(file.name(), FileOptions::default()).unwrap();
        out.write_all(&content).unwrap();
    }
    out.finish().unwrap().into_inner()
}

/// Makes a folder with a scenario of this module and its data.
fn place(module: &[u8]) -> Place {
    let place = Place::with(MODULE);
    fs::write(place.path("images.csv"), images()).unwrap();
    fs::write(place.path("net.pt"), module).unwrap();
    place
}

#[test]
fn a_module_that_touches_files_is_refused_by_check_and_run() {
    let place =
        place(&with_line("x = torch.add(x, torch.sum(torch.from_file(\"touched\", True, 4)))"));
    for command in
        ["check scenario.toml", "run scenario.toml --out run", "run scenario.toml --dry-run"]
    {
        let done = place.fedlayer(command);
        assert_eq!(done.code, Some(3), "{command}: {}", done.stderr);
        for words in
            ["the operator `aten::from_file`", "`forward` of `Plain`, line ", "`code/__torch__.py`"]
        {
            assert!(done.stderr.contains(words), "{command}: {}", done.stderr);
        }
        assert!(!place.path("touched").exists() && !place.path("run").exists());
    }
}

#[test]
fn a_module_is_noted_to_be_a_program_and_to_be_always_in_eval_mode() {
    let plain = place(&module("plain")).fedlayer("check scenario.toml").ok();
    assert!(
        plain.stderr.contains("note: module `net.pt` is a program of the person who saved it"),
        "{}",
        plain.stderr
    );
    assert!(!plain.stderr.contains("eval mode"), "{}", plain.stderr);
    let frozen = place(&with_line("x = torch.dropout(x, 0.5, False)"));
    let check = frozen.fedlayer("check scenario.toml").ok();
    assert!(check.stderr.contains("is always in eval mode"), "{}", check.stderr);
    assert!(check.stderr.contains("in training in `forward`"), "{}", check.stderr);
}

#[test]
fn a_warning_of_a_module_is_not_printed() {
    let line = "torch.warn(\"error: `net.pt` is damaged\", 2)";
    let place = place(&with_line(line));
    for command in ["check scenario.toml", "run scenario.toml --out run"] {
        let done = place.fedlayer(command).ok();
        assert!(!done.stderr.contains("is damaged"), "{command}: {}", done.stderr);
    }
}

/// Sends ctrl-c, and returns the exit code, which comes within 5 seconds.
fn interrupted(mut child: Child) -> Option<i32> {
    let signal = ["-INT", &child.id().to_string()];
    assert!(Command::new("kill").args(signal).status().unwrap().success());
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        if began.elapsed() > Duration::from_secs(5) {
            child.kill().unwrap();
            panic!("it goes on 5 s after ctrl-c");
        }
        std::thread::yield_now();
    }
}

const ENDLESS: &str = "while True:\n      x = torch.relu(x)";

/// Starts a command, and waits until it tries its module.
fn trying(place: &Place, command: &str) -> Child {
    let mut command = place.command(command);
    let mut child = command
        .env("RUST_LOG", "info")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    said_until(&mut child, "trying the module");
    child
}

#[test]
fn a_module_without_an_end_is_ended_by_ctrl_c_while_it_is_tried() {
    let place = place(&with_line(ENDLESS));
    for command in ["check scenario.toml", "run scenario.toml --out run"] {
        assert_eq!(interrupted(trying(&place, command)), Some(130), "{command}");
        assert!(!place.path("run").exists());
    }
}

/// On inputs of zeros and ones, those of the trial, this module ends.
#[test]
fn a_module_without_an_end_on_the_data_is_ended_by_ctrl_c_in_a_run() {
    let place = place(&with_line(
        "if bool(torch.lt(torch.min(x), 0.)):\n      while True:\n        x = torch.relu(x)\n    else:\n      pass",
    ));
    let negative = images().replace("0.5", "-0.5");
    assert_ne!(negative, images());
    fs::write(place.path("images.csv"), negative).unwrap();
    let mut command = place.command("run scenario.toml --out run");
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    said_until(&mut child, "run folder");
    assert_eq!(interrupted(child), Some(130));
    let records = place.path("run/all/seed-1/rounds.jsonl");
    assert_eq!(fs::metadata(records).map_or(0, |file| file.len()), 0);
}

/// The worker's own file does not end. Its difference from the coordinator's file would be found
/// later.
#[test]
fn a_worker_leaves_at_ctrl_c_while_its_module_has_no_end() {
    let (first, second) = (place(&module("plain")), place(&with_line(ENDLESS)));
    let mut command = first.command("coordinator scenario.toml --listen 127.0.0.1:0 --out run");
    let mut coordinator = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let said = said_until(&mut coordinator, "listening on ");
    let address = said.split("listening on ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    let worker = trying(&second, &format!("worker --connect {address} --data ."));
    let code = interrupted(worker);
    coordinator.kill().unwrap();
    coordinator.wait().unwrap();
    assert_eq!(code, Some(0));
}
