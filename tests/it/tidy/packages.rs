//! Which package may depend on which, and how a package says so.

use std::path::PathBuf;

use toml::{Table, Value};

use super::repository::{entries, none, root, shown, text};

/// The libraries around the core.
const STAR: [&str; 7] = [
    "fedlayer-analysis",
    "fedlayer-data",
    "fedlayer-export",
    "fedlayer-report",
    "fedlayer-runtime",
    "fedlayer-scenario",
    "fedlayer-torch",
];

/// Dependencies that few packages may name: which, and who.
const RESERVED: [(&str, &[&str]); 8] = [
    ("tch", &["fedlayer-torch"]),
    ("torch-sys", &["fedlayer-torch"]),
    ("parquet", &["fedlayer-export"]),
    ("prost", &["fedlayer-export"]),
    ("tokio", &["fedlayer-runtime", "fedlayer"]),
    ("tonic", &["fedlayer-runtime"]),
    ("bincode", &["fedlayer-runtime"]),
    ("ureq", &["fedlayer"]),
];

/// The one exception: `bench/` compares with a loop of plain tch.
const BENCHED: (&str, &str, &str) = ("fedlayer", "dev-dependencies", "tch");

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
fn every_library_of_the_star_is_a_package() {
    let packages = packages();
    let is_missing = |name: &&str| packages.iter().all(|package| package.name() != *name);
    none(Vec::from_iter(STAR.into_iter().filter(is_missing).map(|name| {
        format!("crates/{name}: there is no such package; add it, or take it out of `STAR`")
    })));
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
fn versions_are_in_the_root_alone() {
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

    /// Returns section, name and value of each dependency; those of single targets are in the
    /// section of their kind.
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

/// Returns whether a manifest's value is `{ workspace = true, … }`.
fn inherited(value: Option<&Value>) -> bool {
    value.and_then(|value| value.get("workspace")).and_then(Value::as_bool) == Some(true)
}
