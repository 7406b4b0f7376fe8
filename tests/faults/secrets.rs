//! Secrets.
//!
//! * Neither the token nor a key is in the run folder or in the logs of both sides, even at trace
//!   level.
//! * Files or links in the folder before the secrets are made: the secrets are new files for their
//!   owner only.
//! * A folder that others may write in gets no secrets.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::Path,
};

use crate::{
    cluster::{Cluster, CoordinatorSetting},
    support::{DIGITS, Place},
};

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

/// Returns the bytes of all files below a folder.
fn everything(folder: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        all.extend(if path.is_dir() { everything(&path) } else { fs::read(&path).unwrap() });
    }
    all
}

#[test]
fn neither_the_token_nor_a_key_is_in_a_log_or_a_run_folder() {
    let place = Place::with(DIGITS);
    place.fedlayer("certs certs").ok();
    let certs = place.path("certs");
    let arguments = format!("--certs {}", certs.display());
    let setting = CoordinatorSetting { traces: true, ..CoordinatorSetting::default() };
    let mut cluster = Cluster::start_in(setting, DIGITS, &arguments);
    let port = cluster.port;
    let _worker = cluster.worker_at(port, &format!("--slots 2 {arguments}"));
    cluster.finish_like_one_process();
    let said = cluster.said() + &cluster.worker_said(1);
    assert!(said.contains("TRACE"), "the logs hold every detail");
    let found = everything(&cluster.place.path(""));
    let text = |name: &str| fs::read_to_string(certs.join(name)).unwrap();
    let mut secrets = vec![text("token")];
    for key in ["ca.key", "coordinator.key", "worker.key"] {
        let text = text(key);
        secrets.extend(text.lines().filter(|line| !line.starts_with('-')).map(str::to_owned));
    }
    for secret in secrets {
        // A part of a secret must not be there either.
        let part = &secret.as_bytes()[..secret.len().min(24)];
        let is_there = found.windows(part.len()).any(|bytes| bytes == part);
        assert!(!is_there, "`{}…` is found", &secret[..4]);
    }
}

#[test]
fn certs_go_neither_into_files_that_were_there_nor_through_links() {
    let place = Place::with(DIGITS);
    let certs = place.path("certs");
    fs::create_dir(&certs).unwrap();
    fs::set_permissions(&certs, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(certs.join("token.tmp"), "").unwrap();
    fs::set_permissions(certs.join("token.tmp"), fs::Permissions::from_mode(0o666)).unwrap();
    fs::write(place.path("elsewhere"), "as it was").unwrap();
    symlink(place.path("elsewhere"), certs.join("ca.key.tmp")).unwrap();
    symlink(place.path("elsewhere"), certs.join("worker.key")).unwrap();
    symlink(place.path("elsewhere"), certs.join("ca.pem.tmp")).unwrap();
    let done = place.fedlayer("certs certs");
    assert_eq!(fs::read_to_string(place.path("elsewhere")).unwrap(), "as it was");
    assert_eq!(done.code, Some(6), "{}", done.stderr);
    // The second attempt removes the link and leaves its target as it was.
    place.fedlayer("certs certs").ok();
    assert_eq!(fs::read_to_string(place.path("elsewhere")).unwrap(), "as it was");
    for secret in ["token", "ca.key", "coordinator.key", "worker.key"] {
        assert_eq!(mode(&certs.join(secret)), 0o600, "{secret}");
    }
}

#[test]
fn a_folder_that_others_may_write_in_gets_no_secrets() {
    let place = Place::with(DIGITS);
    fs::create_dir(place.path("open")).unwrap();
    fs::set_permissions(place.path("open"), fs::Permissions::from_mode(0o777)).unwrap();
    let done = place.fedlayer("certs open");
    assert_eq!(done.code, Some(12), "{}", done.stderr);
    assert!(done.stderr.contains("its mode is 0777"), "{}", done.stderr);
    assert!(done.stderr.contains("hint: `chmod go-w open`"), "{}", done.stderr);
    assert_eq!(fs::read_dir(place.path("open")).unwrap().count(), 0);
    place.fedlayer("certs fresh").ok();
    assert_eq!(mode(&place.path("fresh")), 0o700);
}

#[test]
fn secrets_that_others_may_read_are_warned_of_by_both_sides() {
    let place = Place::with(DIGITS);
    place.fedlayer("certs certs --worker a").ok();
    let readable = fs::Permissions::from_mode(0o644);
    for key in ["coordinator.key", "workers/a/worker.key"] {
        fs::set_permissions(place.path("certs").join(key), readable.clone()).unwrap();
    }
    let port = "--listen 127.0.0.1:0 --out /sys/run";
    let coordinator = place.fedlayer(&format!("coordinator scenario.toml --certs certs {port}"));
    let worker = place
        .fedlayer("worker --connect 127.0.0.1:1 --certs certs/workers/a --patience 0.01 --slots 1");
    for (side, file) in [(coordinator, "coordinator.key"), (worker, "worker.key")] {
        let said = side.stderr;
        assert!(said.contains("warning: others than its owner may use the secret in"), "{said}");
        assert!(said.contains(&format!("{file}`: its mode is 0644")), "{said}");
    }
}
