//! Malicious servers and folders: each ends within the documented time with an error that describes
//! it, and nothing wrong is kept.

use std::{os::unix::fs::symlink, path::Path, time::Instant};

use super::*;

/// The time after which a silent or slow connection is cut in these tests.
const SILENCE: Duration = Duration::from_millis(300);

/// The documented time for all attempts of a test, also on a busy machine.
const DOCUMENTED: Duration = Duration::from_secs(60);

/// Starts a server that sends `begin` at once and then a byte of `rest` now and then.
fn trickling(begin: Vec<u8>, rest: &'static [u8]) -> DownloadSource {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            head(&mut stream);
            let _gone = stream.write_all(&begin);
            for byte in rest {
                std::thread::park_timeout(SILENCE / 4);
                if stream.write_all(&[*byte]).is_err() {
                    break;
                }
            }
        }
    });
    format!("http://{address}").parse().unwrap()
}

fn cut_in_time(place: &SetFolder, source: DownloadSource) -> FetchError {
    let began = Instant::now();
    let error = place.fetch_with(source, HttpClient::new(AT_ONCE, SILENCE)).unwrap_err();
    assert!(began.elapsed() < DOCUMENTED, "{:?}", began.elapsed());
    assert!(matches!(error, FetchError::Cut { tries: 3, .. }), "{error}");
    assert!(!place.path("sonnets/text.txt").exists());
    error
}

#[test]
fn a_server_that_sends_a_byte_now_and_then_is_cut() {
    let place = SetFolder::text();
    let words = cut_in_time(&place, trickling(whole(BODY, 0), BODY)).to_string();
    assert!(words.contains("the server sent "), "{words}");
    assert!(words.contains(" bytes in 0.3 s"), "{words}");
}

#[test]
fn a_server_that_never_comes_to_its_body_is_cut() {
    let place = SetFolder::text();
    cut_in_time(&place, trickling(b"HTTP/1.1 200 OK\r\nX: ".to_vec(), &[b'x'; 100]));
    assert_eq!(place.files(), []);
}

#[test]
fn a_server_that_sends_less_than_it_says_each_time_keeps_only_what_is_right() {
    let place = SetFolder::text();
    let short = |start: usize, sent: usize| {
        let whole = rest(BODY, start);
        whole[..whole.len() - (BODY.len() - start - sent)].to_vec()
    };
    let server = Server::new(vec![whole(BODY, 10), short(10, 5), short(15, 0)]);
    let error = place.fetch(server.source(), AT_ONCE).unwrap_err();
    assert!(matches!(error, FetchError::Cut { have: 15, of: 41, .. }), "{error}");
    assert_eq!(fs::read(place.path("sonnets/text.txt.part")).unwrap(), &BODY[..15]);
    let server = Server::new(vec![rest(BODY, 15)]);
    place.fetch(server.source(), &[]).unwrap();
    place.has_the_text_alone();
}

/// Answers with the file from `start` on, with a tag of its own.
fn tagged(tag: &str, body: &[u8], start: usize) -> Vec<u8> {
    let answer = rest(body, start);
    let (line, rest) = answer.split_at(answer.iter().position(|&byte| byte == b'\n').unwrap() + 1);
    [line, format!("ETag: \"{tag}\"\r\n").as_bytes(), rest].concat()
}

#[test]
fn parts_of_two_versions_are_never_put_together() {
    let place = SetFolder::text();
    let other = BODY.to_ascii_uppercase();
    // The first ten bytes are of version one; the server sends the rest of version two, whatever
    // `If-Range` says.
    let server = Server::new(vec![whole(BODY, 10), tagged("two", &other, 10), whole(BODY, 41)]);
    place.fetch(server.source(), AT_ONCE).unwrap();
    place.has_the_text_alone();
    assert!(!server.requests()[2].contains("range:"), "the third begins anew");

    // A server that changes its tag every time also ends in an error.
    let place = SetFolder::text();
    let answers = vec![whole(BODY, 10), tagged("two", &other, 10), whole(&other, 20)];
    let error = place.fetch(Server::new(answers).source(), AT_ONCE).unwrap_err();
    assert!(matches!(error, FetchError::Cut { tries: 3, .. }), "{error}");
    assert!(!place.path("sonnets/text.txt").exists());
}

#[test]
fn nothing_is_written_through_a_link_that_is_called_like_a_part() {
    type Plant = fn(&Path, &Path);
    let plant: [(&str, Plant); 2] = [
        ("a symbolic link", |to, part| symlink(to, part).unwrap()),
        ("a second name", |to, part| fs::hard_link(to, part).unwrap()),
    ];
    for (what, plant) in plant {
        let place = SetFolder::text();
        place.put("mine", b"as it was");
        fs::create_dir(place.path("sonnets")).unwrap();
        plant(&place.path("mine"), &place.path("sonnets/text.txt.part"));
        let server = Server::new(vec![whole(BODY, BODY.len())]);
        let error = place.fetch(server.source(), AT_ONCE).unwrap_err();
        assert_eq!(fs::read(place.path("mine")).unwrap(), b"as it was", "{what}");
        assert!(matches!(error, FetchError::File(_)) && error.is_local(), "{what}: {error}");
        let words = error.to_string();
        assert!(words.contains("text.txt.part`: a link, a pipe or a device has"), "{words}");
        assert!(words.contains("hint: see what it is and remove it"), "{words}");
        assert_eq!(server.requests().len(), 0, "{what}");
    }
}

#[test]
fn the_version_of_a_part_goes_through_no_link() {
    let place = SetFolder::text();
    place.put("mine", b"as it was");
    fs::create_dir(place.path("sonnets")).unwrap();
    symlink(place.path("mine"), place.path("sonnets/text.txt.part.version.tmp")).unwrap();
    let server = Server::new(vec![whole(BODY, 10)]);
    place.fetch(server.source(), &[]).unwrap_err();
    assert_eq!(fs::read(place.path("mine")).unwrap(), b"as it was");
}

#[test]
fn a_pipe_that_is_called_like_a_part_is_not_waited_for() {
    let place = SetFolder::text();
    fs::create_dir(place.path("sonnets")).unwrap();
    let pipe = place.path("sonnets/text.txt.part");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let error = place.fetch(Server::new(vec![]).source(), &[]).unwrap_err();
    assert!(matches!(error, FetchError::File(_)), "{error}");
}
