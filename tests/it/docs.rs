//! Every command on every page is run, or listed here with the thing that it needs.
//!
//! The language of a code block says what it is. `sh` blocks are commands: bash runs them in a
//! scratch folder of the page, in the order of the page. A word after `sh` names a need that a test
//! cannot meet; such a block is in [`SKIPPED`]. A word after `toml` names the file for the block.

use std::{os::unix, path::Path, process::Command};

use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};

use crate::{
    support::{Done, Place},
    tidy::repository::{files, root, shown, text},
};

/// Blocks of commands that no test runs: page, first line, need.
const SKIPPED: [(&str, &str, &str); 20] = [
    ("README.md", "cargo xtask demo", "needs-toolchain"),
    ("CONTRIBUTING.md", "cargo xtask test", "needs-toolchain"),
    ("deploy/README.md", "docker build -t fedlayer .", "needs-docker"),
    ("deploy/README.md", "docker compose up --build --scale worker=4", "needs-docker"),
    ("deploy/README.md", "docker swarm init", "needs-docker"),
    ("deploy/README.md", "sbatch --nodes=4", "needs-cluster"),
    ("docs/benchmarks.md", "cargo xtask bench", "needs-toolchain"),
    ("docs/cli.md", "fedlayer data fetch cifar-10", "needs-network"),
    ("docs/cuda.md", "LD_LIBRARY_PATH=", "needs-gpu"),
    ("docs/cuda.md", "cargo xtask cuda-check", "needs-gpu"),
    ("docs/export.md", "pip install", "needs-pip"),
    ("docs/export.md", "fedlayer export runs/my --mlflow", "needs-server"),
    ("docs/processes.md", "docker compose up --build --scale worker=4", "needs-docker"),
    ("docs/processes.md", "fedlayer certs certs --name big.example", "needs-machines"),
    ("docs/reliability.md", "FEDLAYER_MATRIX=", "needs-toolchain"),
    ("docs/reliability.md", "FEDLAYER_CHAOS=", "needs-toolchain"),
    ("fuzz/README.md", "cargo xtask fuzz", "needs-toolchain"),
    ("python/README.md", "pip install", "needs-pip"),
    ("tests/oracle/README.md", "python3 -m venv", "needs-pytorch"),
    ("tests/oracle/README.md", "cd tests/oracle", "needs-pytorch"),
];

/// Languages of blocks that are not commands.
const SHOWN: [&str; 6] = ["text", "toml", "python", "json", "yaml", "rust"];

/// The time limit of a block of commands.
const SECONDS: &str = "240";

#[test]
fn every_command_of_every_page_runs() {
    let mut skipped = Vec::new();
    for file in files("md") {
        let page = shown(&file);
        let blocks = blocks(&page, &text(&file));
        let place = Place::with("");
        unix::fs::symlink(root().join("scenarios"), place.path("scenarios")).unwrap();
        for Block { language, needs, text } in blocks {
            match needs {
                Some(file) if language == "toml" => {
                    std::fs::write(place.path(&file), text).unwrap()
                }
                _ if SHOWN.contains(&language.as_str()) => {}
                Some(needs) => skipped.push((page.clone(), text, needs)),
                None if language == "sh" => run(&page, &place, &text),
                None => panic!("{page}: `{language}` is not `sh` or one of {SHOWN:?}:\n{text}"),
            }
        }
    }
    for (page, text, needs) in &skipped {
        let known = SKIPPED
            .iter()
            .any(|(of, begins, why)| of == page && text.starts_with(begins) && why == needs);
        assert!(known, "{page}: `sh {needs}` is not in SKIPPED:\n{text}");
    }
    assert_eq!(
        skipped.len(),
        SKIPPED.len(),
        "SKIPPED has rows for blocks that are gone: {skipped:#?}"
    );
}

/// A code block of a page.
struct Block {
    language: String,
    needs: Option<String>,
    text: String,
}

/// Runs a block in the page's scratch folder. The program under test is `fedlayer`.
fn run(page: &str, place: &Place, text: &str) {
    let program = Path::new(env!("CARGO_BIN_EXE_fedlayer")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("timeout");
    command.args([SECONDS, "bash", "-euo", "pipefail", "-c", text]);
    place.in_folder(&mut command);
    let done = Done::of(command.env("PATH", path));
    assert_eq!(done.code, Some(0), "{page}:\n{text}\n{}\n{}", done.stdout, done.stderr);
}

/// Returns the code blocks of a page, in order.
fn blocks(page: &str, text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut inside = None;
    for event in Parser::new(text) {
        match event {
            Event::Start(Tag::CodeBlock(kind)) => inside = Some((kind, String::new())),
            Event::Text(piece) => {
                if let Some((_, text)) = &mut inside {
                    text.push_str(&piece);
                }
            }
            Event::End(TagEnd::CodeBlock) => {
                let (kind, text) = inside.take().unwrap();
                let CodeBlockKind::Fenced(info) = kind else {
                    panic!("{page}: an indented code block; fence it and say what it is:\n{text}");
                };
                let mut words = info.split_whitespace().map(str::to_owned);
                let language = words.next().unwrap_or_default();
                blocks.push(Block { language, needs: words.next(), text });
            }
            _ => {}
        }
    }
    blocks
}
