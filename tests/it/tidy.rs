//! What the house looks like, held by tests: who depends on whom, where versions stand, how long a file may be, how
//! a scenario begins. Each failure names the file, what was found and what to do.
#![allow(
    clippy::disallowed_methods,
    reason = "tests read the repository itself; `text` and `entries` put the path into the panic"
)]

use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

/// The libraries around the core.
const STAR: [&str; 6] = [
    "fedlayer-analysis",
    "fedlayer-scenario",
    "fedlayer-data",
    "fedlayer-torch",
    "fedlayer-runtime",
    "fedlayer-report",
];

/// Dependencies that few packages may name: which, and who.
const RESERVED: [(&str, &[&str]); 6] = [
    ("tch", &["fedlayer-torch"]),
    ("torch-sys", &["fedlayer-torch"]),
    ("tokio", &["fedlayer-runtime", "fedlayer"]),
    ("tonic", &["fedlayer-runtime"]),
    ("bincode", &["fedlayer-runtime"]),
    ("ureq", &["fedlayer"]),
];

/// The one exception: `bench/` compares with a loop of plain tch.
const BENCHED: (&str, &str, &str) = ("fedlayer", "dev-dependencies", "tch");

/// Text that no Rust file may hold, written in two halves so that this file does not hold it either.
const UNFINISHED: [&str; 3] =
    [concat!("todo", "!("), concat!("unimplemented", "!("), concat!("#[ign", "ore")];

/// Text that no test may hold: a test waits for what it waits for.
const SLEEPS: [&str; 2] = [concat!("thread::", "sleep"), concat!("time::", "sleep")];

const MAX_LINES: usize = 500;

/// Folders that hold nothing of ours; those that begin with a dot are left out as well.
const NOT_OURS: [&str; 2] = ["target", "runs"];

#[test]
fn libraries_depend_on_the_core_alone() {
    let mut wrong = Vec::new();
    for package in packages() {
        let allowed: &[&str] = match package.name() {
            "fedlayer-core" => &[],
            name if STAR.contains(&name) => &["fedlayer-core"],
            _ => continue,
        };
        for (kind, name, _) in package.dependencies() {
            if name.starts_with("fedlayer")
                && kind != "dev-dependencies"
                && !allowed.contains(&name.as_str())
            {
                wrong.push(format!(
                    "{}: [{kind}] names `{name}`; a library knows fedlayer-core alone, and the core none: pass what it needs as an argument, or move it to the core",
                    package.file()
                ));
            }
        }
    }
    none(wrong);
}

#[test]
fn xtask_has_no_dependencies() {
    let wrong = packages().into_iter().filter(|package| package.name() == "xtask").flat_map(|package| {
        let file = package.file();
        let names = package.dependencies().into_iter();
        names.map(move |(kind, name, _)| {
            format!("{file}: [{kind}] names `{name}`; xtask builds in seconds because it uses std alone: do without")
        })
    });
    none(wrong.collect());
}

#[test]
fn heavy_dependencies_stay_in_their_crate() {
    let mut wrong = Vec::new();
    for package in packages() {
        for (kind, name, _) in package.dependencies() {
            let reserved = RESERVED.iter().find(|(reserved, _)| *reserved == name);
            if let Some((_, allowed)) = reserved
                && !allowed.contains(&package.name())
                && (package.name(), kind, name.as_str()) != BENCHED
            {
                wrong.push(format!(
                    "{}: [{kind}] names `{name}`; only {} may: go through its public face",
                    package.file(),
                    allowed.join(" and ")
                ));
            }
        }
    }
    none(wrong);
}

#[test]
fn versions_stand_in_the_root_alone() {
    let mut wrong = Vec::new();
    for package in packages() {
        for (kind, name, value) in package.dependencies() {
            if !inherited(Some(&value))
                || ["version", "path", "git"].iter().any(|key| value.get(key).is_some())
            {
                wrong.push(format!(
                    "{}: [{kind}] says `{name} = {value}`; write `{name}.workspace = true`, and its version in the root's [workspace.dependencies]",
                    package.file()
                ));
            }
        }
        for key in ["version", "edition", "rust-version", "license", "publish"] {
            if !inherited(package.manifest.get("package").and_then(|table| table.get(key))) {
                wrong.push(format!(
                    "{}: [package] has its own `{key}` or none; write `{key}.workspace = true`",
                    package.file()
                ));
            }
        }
        if !inherited(package.manifest.get("lints")) {
            wrong.push(format!(
                "{}: [lints] is not the root's; write `workspace = true` there",
                package.file()
            ));
        }
    }
    none(wrong);
}

#[test]
fn a_folder_is_named_after_its_package() {
    let wrong = packages().into_iter().filter_map(|package| {
        let folder = package.folder.file_name()?.to_str()?;
        let name = package.name();
        (folder != name).then(|| {
            format!(
                "{}: the package is `{name}`, its folder `{folder}`; rename one after the other",
                package.file()
            )
        })
    });
    none(wrong.collect());
}

#[test]
fn every_library_begins_with_a_tour() {
    let libraries = packages()
        .into_iter()
        .map(|package| package.folder.join("src/lib.rs"))
        .filter(|file| file.exists());
    let wrong = libraries.filter(|file| !text(file).starts_with("//! ")).map(|file| {
        format!("{}: does not begin with `//! `; open it with a sentence on each module, in reading order", shown(&file))
    });
    none(wrong.collect());
}

#[test]
fn files_are_short() {
    let wrong = files("rs").into_iter().filter_map(|file| {
        let lines = text(&file).lines().count();
        (lines > MAX_LINES).then(|| {
            format!("{}: {lines} lines, at most {MAX_LINES} are allowed; give its second idea a file of its own", shown(&file))
        })
    });
    none(wrong.collect());
}

#[test]
fn nothing_is_left_unfinished() {
    none(holding(&UNFINISHED, text, "finish it, or take it out"));
}

#[test]
fn tests_do_not_sleep() {
    none(holding(
        &SLEEPS,
        test_text,
        "wait for the event itself, or pause tokio's clock and advance it",
    ));
}

#[test]
fn a_scenario_begins_with_its_question() {
    let mut wrong = Vec::new();
    for file in files("toml").into_iter().filter(|file| file.starts_with(root().join("scenarios")))
    {
        let text = text(&file);
        let head: Vec<&str> = text.lines().take_while(|line| line.starts_with('#')).collect();
        let head = head.join("\n");
        let command = format!("fedlayer run {}", shown(&file));
        if !head.contains('?') {
            wrong.push(format!(
                "{}: no `?` in its first comment; begin with the question that it asks",
                shown(&file)
            ));
        }
        if !head.contains(&command) {
            wrong.push(format!("{}: no `{command}` in its first comment; write the command that answers the question", shown(&file)));
        }
    }
    none(wrong);
}

/// A member of the workspace.
struct Package {
    folder: PathBuf,
    manifest: Table,
}

impl Package {
    fn name(&self) -> &str {
        self.manifest["package"]["name"].as_str().unwrap_or_default()
    }

    fn file(&self) -> String {
        shown(&self.folder.join("Cargo.toml"))
    }

    /// Section, name and value of each dependency; those of single targets are in the section of their kind.
    fn dependencies(&self) -> Vec<(&'static str, String, Value)> {
        let targets = self.manifest.get("target").and_then(Value::as_table);
        let targets =
            targets.into_iter().flat_map(|table| table.values()).filter_map(Value::as_table);
        let tables: Vec<&Table> = [&self.manifest].into_iter().chain(targets).collect();
        let mut found = Vec::new();
        for kind in ["dependencies", "build-dependencies", "dev-dependencies"] {
            for section in tables.iter().filter_map(|table| table.get(kind)?.as_table()) {
                found.extend(
                    section.iter().map(|(name, value)| (kind, name.clone(), value.clone())),
                );
            }
        }
        found
    }
}

fn packages() -> Vec<Package> {
    let folders = entries(&root().join("crates"))
        .into_iter()
        .filter(|folder| folder.join("Cargo.toml").exists());
    let packages = folders.map(|folder| {
        let file = folder.join("Cargo.toml");
        let manifest =
            text(&file).parse().unwrap_or_else(|error| panic!("{}: {error}", shown(&file)));
        Package { folder, manifest }
    });
    packages.collect()
}

/// Whether a manifest's value is `{ workspace = true, … }`.
fn inherited(value: Option<&Value>) -> bool {
    value.and_then(|value| value.get("workspace")).and_then(Value::as_bool) == Some(true)
}

/// A complaint for each Rust file in whose `part` one of the `words` stands.
fn holding(words: &[&str], part: fn(&Path) -> String, advice: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for file in files("rs") {
        for (number, line) in part(&file).lines().enumerate() {
            for word in words.iter().filter(|word| line.contains(**word)) {
                wrong.push(format!("{}:{}: holds `{word}`; {advice}", shown(&file), number + 1));
            }
        }
    }
    wrong
}

/// What of a Rust file is test: all of it below a folder `tests` or in `tests.rs`, else what follows its first
/// test module (above it empty lines, so that line numbers stay).
fn test_text(file: &Path) -> String {
    let text = text(file);
    let path = shown(file);
    if path.starts_with("tests/") || path.contains("/tests/") || path.ends_with("/tests.rs") {
        return text;
    }
    match text.find("#[cfg(test)]\nmod ") {
        Some(start) => "\n".repeat(text[..start].lines().count()) + &text[start..],
        None => String::new(),
    }
}

/// All files of the repository with this extension, in order.
fn files(extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for path in entries(&folder) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir()
                && !path.is_symlink()
                && !name.starts_with('.')
                && !NOT_OURS.contains(&name.as_str())
            {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let read = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    read.filter_map(|entry| Some(entry.ok()?.path())).collect()
}

fn text(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// A path as one would type it in the root.
fn shown(file: &Path) -> String {
    file.strip_prefix(root()).unwrap_or(file).display().to_string()
}

fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap_or(package).to_path_buf()
}

/// Fails with every complaint, if there is one.
fn none(wrong: Vec<String>) {
    assert!(wrong.is_empty(), "\n\n{}\n", wrong.join("\n\n"));
}
