//! Random changes of files of values, modules and archives, and of addresses: the result is an
//! error or the value, never a panic.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use fedlayer_data::Unpack;
use flate2::{Compression, write::GzEncoder};

use super::hammer;
use crate::{
    address::Address,
    fetch::unpack::unpack,
    folders::{Folders, locator::Locator},
    values::{FileKind, ValuesSource},
};

fn fixture(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/oracle/fixtures");
    fs::read(PathBuf::from(folder).join(name)).unwrap()
}

/// Any bytes have a kind with advice.
fn is_of_a_kind(bytes: &[u8]) {
    let kind = FileKind::of(bytes);
    assert!(!kind.to_string().is_empty());
    let _python = kind.to_safetensors("file");
    let _python = kind.no_module("file");
}

#[test]
fn a_hostile_module_is_refused_or_read() {
    let good = ["net.pt", "statless.pt"].map(|name| (name, fixture(name)));
    hammer(&good, |name, bytes| {
        is_of_a_kind(bytes);
        if let Ok(module) = fedlayer_torch::Module::read(name, bytes) {
            let _words = module.notes();
        }
    });
}

#[test]
fn a_hostile_archive_writes_its_members_or_nothing() {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::none()));
    for (name, bytes) in [("set/a.bin", &b"first"[..]), ("set/b.bin", b"second"), ("set/c", b"")] {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        archive.append_data(&mut header, name, bytes).unwrap();
    }
    let good = archive.into_inner().unwrap().finish().unwrap();
    let place = tempfile::tempdir().unwrap();
    let (file, into) = (place.path().join("set.tar.gz"), place.path().join("into"));
    fs::create_dir(&into).unwrap();
    let how = Unpack::TarGz(&[("set/a.bin", "a.bin"), ("set/b.bin", "b.bin")]);
    hammer(&[((), good)], |(), bytes| {
        fs::write(&file, bytes).unwrap();
        let unpacked = unpack(how, "set.tar.gz", &file, &into);
        let mut names: Vec<_> = names_in(&into);
        names.sort_unstable();
        match unpacked {
            Ok(()) => assert_eq!(names, ["a.bin", "b.bin"]),
            Err(_) => assert!(names.is_empty(), "{names:?}"),
        }
        names.iter().for_each(|name| fs::remove_file(into.join(name)).unwrap());
        assert_eq!(names_in(place.path()).len(), 2, "nothing is written elsewhere");
    });
}

fn names_in(folder: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string();
    fs::read_dir(folder).unwrap().map(|entry| name(entry).unwrap()).collect()
}

#[test]
fn a_hostile_address_is_refused_or_read_as_it_is_written() {
    let good = ["127.0.0.1:7878", "big.example:7878", "[fe80::1]:80", "run:head:1:last:2"];
    let good = good.map(|text| ((), text.as_bytes().to_vec()));
    let locator = Locator::new(Folders::new(None), BTreeMap::new());
    hammer(&good, |(), bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        if let Ok(address) = Address::to_connect(text) {
            let again = Address::to_connect(&address.to_string());
            assert_eq!(again.unwrap(), address);
        }
        // There is no run here, so no address has a model.
        if !Path::new(text).exists() {
            assert!(ValuesSource::find(text, &locator).is_err());
        }
    });
}
