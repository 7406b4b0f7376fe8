//! The catalogue is consistent, and agrees with the files that are available.

use std::collections::BTreeSet;

use fedlayer_data::{FileRole, Unpack, catalogue};

#[test]
fn every_set_can_be_fetched_whole() {
    let mut names = BTreeSet::new();
    for set in catalogue() {
        assert!(names.insert(set.name), "{} twice", set.name);
        let words = [set.about, set.licence, set.cite];
        assert!(words.iter().all(|words| !words.is_empty()), "{}", set.name);
        assert!(set.home.starts_with("http"), "{}", set.name);
        assert!(set.files.iter().any(|file| file.role == FileRole::Train), "{}", set.name);
        let mut fetched = BTreeSet::new();
        for download in set.downloads {
            let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
            assert!(download.sha256.len() == 64 && download.sha256.bytes().all(hex));
            assert!(download.bytes > 0 && download.url.starts_with("http"), "{}", download.url);
            match download.unpack {
                Unpack::AsItIs => {
                    assert!(download.url.ends_with(download.file), "{}", download.url);
                    fetched.insert(download.file.strip_suffix(".gz").unwrap_or(download.file));
                }
                Unpack::TarGz(members) => fetched.extend(members.iter().map(|&(_, name)| name)),
            }
        }
        let needed: BTreeSet<&str> = set.files.iter().map(|file| file.name).collect();
        assert_eq!(fetched, needed, "{}", set.name);
    }
    assert_eq!(names.len(), 6);
}
