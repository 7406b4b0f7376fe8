//! Fetching from servers, well-behaved and otherwise.

#![allow(clippy::disallowed_methods, reason = "tests look at files as users do")]

mod hostile;

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    thread::JoinHandle,
    time::Duration,
};

use fedlayer_core::Seed;
use fedlayer_data::{Download, KnownSet, Unpack};
use flate2::{Compression, write::GzEncoder};
use rand::RngExt;
use tempfile::TempDir;

use super::{FetchError, FetchJob, http_client::HttpClient, verify::hash_of};
use crate::{download_source::DownloadSource, screen::Screen};

/// A server that answers each request with the next of its answers, and records the requests.
struct Server {
    address: String,
    thread: JoinHandle<Vec<String>>,
}

impl Server {
    fn new(answers: Vec<Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let thread = std::thread::spawn(move || {
            let mut requests = Vec::new();
            let mut answers = answers.into_iter();
            loop {
                let (mut stream, _) = listener.accept().unwrap();
                let head = head(&mut stream);
                if head.is_empty() {
                    return requests;
                }
                requests.push(head.to_lowercase());
                let answer = answers.next().unwrap_or_else(|| status("418 Nobody expected that"));
                stream.write_all(&answer).unwrap();
            }
        });
        Self { address, thread }
    }

    fn source(&self) -> DownloadSource {
        format!("http://{}/sets", self.address).parse().unwrap()
    }

    /// Returns all requests. A connection without a request ends the server.
    fn requests(self) -> Vec<String> {
        drop(TcpStream::connect(&self.address).unwrap());
        self.thread.join().unwrap()
    }
}

fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

fn answer(head: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 {head}\r\nConnection: close\r\n\r\n").as_bytes(), body].concat()
}

fn status(status: &str) -> Vec<u8> {
    answer(&format!("{status}\r\nContent-Length: 0"), b"")
}

/// Answers with the whole file, cut off after `sent` bytes.
fn whole(body: &[u8], sent: usize) -> Vec<u8> {
    answer(&format!("200 OK\r\nETag: \"one\"\r\nContent-Length: {}", body.len()), &body[..sent])
}

/// Answers with the file from `start` on.
fn rest(body: &[u8], start: usize) -> Vec<u8> {
    let (last, len) = (body.len() - 1, body.len() - start);
    let range = format!("Content-Range: bytes {start}-{last}/{}", body.len());
    answer(&format!("206 Partial Content\r\n{range}\r\nContent-Length: {len}"), &body[start..])
}

const BODY: &[u8] = b"To be, or not to be, that is the question";

/// A set of one file, and a folder into which it is fetched.
struct SetFolder {
    folder: TempDir,
    set: &'static KnownSet,
}

impl SetFolder {
    fn new(file: &'static str, published: &[u8], unpack: Unpack) -> Self {
        let download = Download {
            file,
            url: "http://127.0.0.1:9/nowhere",
            bytes: published.len() as u64,
            sha256: hash_of(published).leak(),
            unpack,
        };
        let set = KnownSet {
            name: "sonnets",
            about: "",
            licence: "",
            cite: "",
            home: "",
            files: &[],
            downloads: Vec::leak(vec![download]),
        };
        Self { folder: tempfile::tempdir().unwrap(), set: Box::leak(Box::new(set)) }
    }

    fn text() -> Self {
        Self::new("text.txt", BODY, Unpack::AsItIs)
    }

    /// Fetches, with a retry after each pause.
    fn fetch(&self, source: DownloadSource, pauses: &'static [Duration]) -> Result<(), FetchError> {
        self.fetch_with(source, HttpClient::new(pauses, Duration::from_secs(60)))
    }

    fn fetch_with(&self, source: DownloadSource, client: HttpClient) -> Result<(), FetchError> {
        let (set, into) = (self.set, self.path("sonnets"));
        FetchJob { set, source, into, client, screen: Screen::silent() }.perform()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), bytes).unwrap();
    }

    /// Returns all files in the set's folder; an empty folder is removed.
    fn files(&self) -> Vec<(String, Vec<u8>)> {
        let read = |entry: std::io::Result<fs::DirEntry>| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, fs::read(path).unwrap())
        };
        let Ok(entries) = fs::read_dir(self.path("sonnets")) else { return Vec::new() };
        let mut files: Vec<_> = entries.map(read).collect();
        files.sort();
        files
    }

    /// Fails unless the folder has the file and nothing else.
    fn has_the_text_alone(&self) {
        assert_eq!(self.files(), [("text.txt".to_owned(), BODY.to_vec())]);
    }
}

const AT_ONCE: &[Duration] = &[Duration::ZERO; 2];

#[test]
fn a_file_that_comes_whole_gets_its_name_and_is_not_fetched_again() {
    let place = SetFolder::text();
    let server = Server::new(vec![whole(BODY, BODY.len())]);
    place.fetch(server.source(), &[]).unwrap();
    place.fetch(server.source(), &[]).unwrap();
    place.has_the_text_alone();
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    assert!(requests[0].starts_with("get /sets/text.txt http/1.1"), "{}", requests[0]);
    assert!(!requests[0].contains("range:"), "{}", requests[0]);
}

#[test]
fn a_cut_download_goes_on_where_it_stopped() {
    let place = SetFolder::text();
    let server = Server::new(vec![whole(BODY, 10), rest(BODY, 10)]);
    let error = place.fetch(server.source(), &[]).unwrap_err();
    let FetchError::Cut { have: 10, tries: 1, .. } = &error else { panic!("{error}") };
    let words = error.to_string();
    assert!(words.contains("10 B of 41 B are in") && words.contains("text.txt.part"), "{words}");
    assert!(words.contains("the same command goes on"), "{words}");
    assert!(!place.path("sonnets/text.txt").exists());
    place.fetch(server.source(), &[]).unwrap();
    place.has_the_text_alone();
    let requests = server.requests();
    assert!(requests[1].contains("range: bytes=10-"), "{}", requests[1]);
    assert!(requests[1].contains("if-range: \"one\""), "{}", requests[1]);
}

#[test]
fn a_cut_connection_is_tried_again() {
    let place = SetFolder::text();
    let server = Server::new(vec![whole(BODY, 10), whole(BODY, 0), rest(BODY, 10)]);
    // The second answer announces the whole file and sends nothing: the earlier bytes are dropped.
    let error = place.fetch(server.source(), AT_ONCE).unwrap_err();
    assert!(matches!(error, FetchError::Cut { have: 0, tries: 3, .. }), "{error}");
    let server = Server::new(vec![whole(BODY, 10), rest(&BODY[..20], 10), rest(BODY, 20)]);
    let error = place.fetch(server.source(), AT_ONCE).unwrap_err();
    assert!(matches!(error, FetchError::Length { .. }), "a part of another file: {error}");
    let cut = rest(BODY, 10)[..rest(BODY, 10).len() - 5].to_vec();
    let server = Server::new(vec![cut, rest(BODY, BODY.len() - 5)]);
    place.fetch(server.source(), AT_ONCE).unwrap();
    place.has_the_text_alone();
}

#[test]
fn a_server_that_gives_no_parts_starts_anew() {
    let place = SetFolder::text();
    place.put("sonnets/text.txt.part", b"To be, or");
    let server = Server::new(vec![whole(BODY, BODY.len())]);
    place.fetch(server.source(), &[]).unwrap();
    place.has_the_text_alone();
    assert!(server.requests()[0].contains("range: bytes=9-"));
}

#[test]
fn a_part_that_was_not_asked_for_is_not_used() {
    let place = SetFolder::text();
    place.put("sonnets/text.txt.part", b"To be, or");
    let server = Server::new(vec![rest(BODY, 4), whole(BODY, BODY.len())]);
    place.fetch(server.source(), AT_ONCE).unwrap();
    place.has_the_text_alone();
    assert!(!server.requests()[1].contains("range:"));
}

#[test]
fn a_part_of_another_file_is_found_by_the_hash_and_given_up() {
    let place = SetFolder::text();
    place.put("sonnets/text.txt.part", b"To bee");
    let server = Server::new(vec![rest(BODY, 6), whole(BODY, BODY.len())]);
    let error = place.fetch(server.source(), &[]).unwrap_err();
    assert!(matches!(error, FetchError::Hash { .. }), "{error}");
    assert_eq!(place.files(), []);
    place.fetch(server.source(), &[]).unwrap();
    place.has_the_text_alone();
}

#[test]
fn a_download_with_other_contents_is_deleted_and_both_hashes_are_named() {
    let place = SetFolder::text();
    let other = BODY.to_ascii_uppercase();
    let server = Server::new(vec![whole(&other, other.len())]);
    let words = place.fetch(server.source(), AT_ONCE).unwrap_err().to_string();
    for part in [&hash_of(BODY), &hash_of(&other), "hint: try again", "nothing of it was kept"] {
        assert!(words.contains(part), "`{part}` is not in:\n{words}");
    }
    assert_eq!(place.files(), []);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_download_of_another_length_is_deleted() {
    let longer = [BODY, b"!"].concat();
    // One server announces the length, the other does not.
    for answered in [whole(&longer, longer.len()), answer("200 OK", &longer)] {
        let place = SetFolder::text();
        let server = Server::new(vec![answered]);
        let error = place.fetch(server.source(), AT_ONCE).unwrap_err();
        assert!(matches!(error, FetchError::Length { expected: 41, .. }), "{error}");
        assert!(!place.path("sonnets/text.txt").exists());
        assert_eq!(server.requests().len(), 1);
        let server = Server::new(vec![whole(BODY, BODY.len())]);
        place.fetch(server.source(), &[]).unwrap();
        place.has_the_text_alone();
    }
}

#[test]
fn an_absent_file_is_not_asked_for_twice() {
    let place = SetFolder::text();
    let server = Server::new(vec![status("404 Not Found")]);
    let words = place.fetch(server.source(), AT_ONCE).unwrap_err().to_string();
    assert!(words.contains("/sets/text.txt` answers 404 Not Found"), "{words}");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_server_that_is_down_for_a_moment_is_asked_again() {
    let place = SetFolder::text();
    let answers = ["500 Internal Server Error", "503 Service Unavailable"].map(status);
    let server = Server::new([answers.to_vec(), vec![whole(BODY, BODY.len())]].concat());
    place.fetch(server.source(), AT_ONCE).unwrap();
    place.has_the_text_alone();
}

#[test]
fn an_address_without_a_server_is_named_without_its_secrets() {
    let place = SetFolder::text();
    // The port is free again: nobody listens there.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let source = format!("http://me:secret@{address}/sets?token=secret").parse().unwrap();
    let words = place.fetch(source, AT_ONCE).unwrap_err().to_string();
    assert!(words.contains("tried 3 times; 0 B of 41 B"), "{words}");
    assert!(!words.contains("secret"), "{words}");
}

#[test]
fn an_existing_file_with_other_contents_is_not_changed() {
    let place = SetFolder::text();
    place.put("sonnets/text.txt", b"my own");
    let server = Server::new(vec![]);
    let error = place.fetch(server.source(), &[]).unwrap_err();
    assert!(matches!(error, FetchError::Other { .. }), "{error}");
    assert_eq!(place.files(), [("text.txt".to_owned(), b"my own".to_vec())]);
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn two_processes_do_not_write_one_file() {
    let place = SetFolder::text();
    place.put("sonnets/text.txt.part", b"");
    let other = fs::File::options().append(true).open(place.path("sonnets/text.txt.part")).unwrap();
    other.lock().unwrap();
    let error = place.fetch(Server::new(vec![]).source(), &[]).unwrap_err();
    assert!(matches!(error, FetchError::Busy(_)), "{error}");
}

/// Returns a gzipped tar of these members, whatever their paths.
fn tar_gz(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, bytes) in members {
        let mut header = tar::Header::new_gnu();
        // The name is written into the field: the library refuses malicious paths.
        header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        tar.append(&header, *bytes).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

const MEMBERS: Unpack = Unpack::TarGz(&[("all/one.txt", "first"), ("all/two.txt", "second")]);

fn fetch_archive(archive: &[u8]) -> (SetFolder, Result<(), FetchError>) {
    let place = SetFolder::new("all.tar.gz", archive, MEMBERS);
    let server = Server::new(vec![whole(archive, archive.len())]);
    let fetched = place.fetch(server.source(), &[]);
    (place, fetched)
}

#[test]
fn the_files_of_an_archive_are_unpacked_and_the_archive_goes() {
    let members: [(&str, &[u8]); 3] =
        [("all/readme", b"-"), ("all/one.txt", BODY), ("all/two.txt", b"2")];
    let (place, fetched) = fetch_archive(&tar_gz(&members));
    fetched.unwrap();
    let expected = [("first".to_owned(), BODY.to_vec()), ("second".to_owned(), b"2".to_vec())];
    assert_eq!(place.files(), expected);
    // The set's own address does not answer: nothing is fetched again.
    place.fetch(DownloadSource::Home, &[]).unwrap();
}

#[test]
fn an_archive_that_leads_out_of_its_folder_is_refused() {
    for path in ["../escaped", "all/../../escaped", "/tmp/escaped"] {
        let members: [(&str, &[u8]); 3] =
            [("all/one.txt", b"1"), (path, b"!"), ("all/two.txt", b"2")];
        let (place, fetched) = fetch_archive(&tar_gz(&members));
        let words = fetched.unwrap_err().to_string();
        assert!(words.contains("leads out of its folder"), "{path}: {words}");
        assert!(!place.path("escaped").exists());
        assert_eq!(place.files(), []);
    }
}

#[test]
fn an_archive_without_a_file_is_refused_whole() {
    let (place, fetched) = fetch_archive(&tar_gz(&[("all/one.txt", b"1")]));
    let words = fetched.unwrap_err().to_string();
    assert!(words.contains("there is no `all/two.txt` in it"), "{words}");
    assert_eq!(place.files(), []);
}

#[test]
fn an_archive_that_breaks_off_in_a_file_leaves_nothing_of_it() {
    // These bytes do not compress, so half of the archive ends in the middle of them.
    let mut bytes = [0; 10_000];
    Seed::new(1).generator().fill(&mut bytes[..]);
    let whole = tar_gz(&[("all/one.txt", b"1"), ("all/two.txt", &bytes)]);
    let (place, fetched) = fetch_archive(&whole[..whole.len() / 2]);
    let words = fetched.unwrap_err().to_string();
    assert!(words.contains("`all.tar.gz` cannot be unpacked"), "{words}");
    assert_eq!(place.files(), []);
}

#[test]
fn what_is_no_archive_is_refused() {
    let (place, fetched) = fetch_archive(b"<html>please log in</html>");
    let words = fetched.unwrap_err().to_string();
    assert!(words.contains("`all.tar.gz` cannot be unpacked"), "{words}");
    assert_eq!(place.files(), []);
}

#[test]
fn a_folder_gives_the_published_file_or_the_files_in_it() {
    let place = SetFolder::text();
    place.put("mine/text.txt", BODY);
    place.fetch(DownloadSource::Folder(place.path("mine")), &[]).unwrap();
    place.has_the_text_alone();

    let place = SetFolder::text();
    place.put("mine/sonnets/text.txt", b"another");
    let error = place.fetch(DownloadSource::Folder(place.path("mine")), &[]).unwrap_err();
    assert!(matches!(error, FetchError::Hash { .. }), "{error}");
    assert_eq!(place.files(), []);

    let place = SetFolder::new("all.tar.gz", b"an archive", MEMBERS);
    place.put("mine/another", b"");
    let error = place.fetch(DownloadSource::Folder(place.path("mine")), &[]).unwrap_err();
    assert!(matches!(error, FetchError::Absent { file: "all.tar.gz", .. }), "{error}");
    place.put("mine/first", b"1");
    let error = place.fetch(DownloadSource::Folder(place.path("mine")), &[]).unwrap_err();
    let FetchError::Incomplete { missing, .. } = &error else { panic!("{error}") };
    assert_eq!(missing, &["second"]);
    place.put("mine/second.gz", b"2");
    place.fetch(DownloadSource::Folder(place.path("mine")), &[]).unwrap();
    let expected = [("first".to_owned(), b"1".to_vec()), ("second.gz".to_owned(), b"2".to_vec())];
    assert_eq!(place.files(), expected);
}
