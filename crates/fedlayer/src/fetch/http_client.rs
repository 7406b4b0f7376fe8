//! [`HttpClient`]: fetches a file over HTTP, continues where an earlier attempt ended, and retries
//! a few times.

use std::{
    io::Read,
    path::PathBuf,
    time::{Duration, Instant},
};

use ureq::{
    Agent, Body,
    http::{HeaderMap, Response, StatusCode, header},
};

use super::FetchError;
use crate::{
    download_source::DownloadUrl,
    files::{self, FileError, PartFile},
    screen::{Screen, Transfer},
};

/// The pauses before the retries.
pub(crate) const PAUSES: &[Duration] =
    &[Duration::from_secs(1), Duration::from_secs(3), Duration::from_secs(9)];

/// A connection is cut if it is silent for this time, or delivers less than [`LEAST`] bytes in it.
pub(crate) const SILENCE: Duration = Duration::from_secs(60);

/// The fewest bytes per [`SILENCE`]: a server that sends a byte now and then would never finish.
const LEAST: u64 = 64 << 10;

/// Fetches files over HTTP.
#[derive(Debug)]
pub(crate) struct HttpClient {
    agent: Agent,
    pauses: &'static [Duration],
    silence: Duration,
}

/// The reason that an attempt ended early.
enum AttemptError {
    /// Another attempt may succeed.
    Cut(String),
    /// No attempt would succeed.
    Final(FetchError),
}

impl From<FileError> for AttemptError {
    fn from(error: FileError) -> Self {
        Self::Final(error.into())
    }
}

impl HttpClient {
    /// Makes a client that retries once after each of these pauses, and cuts a connection that is
    /// silent or slow for longer than `silence`.
    pub(crate) fn new(pauses: &'static [Duration], silence: Duration) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_resolve(Some(silence))
            .timeout_connect(Some(silence))
            .timeout_recv_response(Some(silence))
            .timeout_per_read(Some(silence))
            .user_agent(concat!("fedlayer/", env!("CARGO_PKG_VERSION")))
            .build();
        Self { agent: config.into(), pauses, silence }
    }

    /// Fetches until `part` has all `bytes` of the file.
    pub(crate) fn fetch(
        &self,
        url: &DownloadUrl,
        bytes: u64,
        part: &mut PartFile,
        screen: &Screen,
    ) -> Result<(), FetchError> {
        if part.bytes() > bytes {
            part.restart()?;
        }
        let mut transfer = screen.transfer(&url.to_string(), bytes, part.bytes());
        let mut pauses = self.pauses.iter();
        loop {
            let reason = match self.attempt(url, bytes, part, &mut transfer) {
                Ok(()) => return Ok(()),
                Err(AttemptError::Final(error)) => return Err(error),
                Err(AttemptError::Cut(reason)) => reason,
            };
            let Some(pause) = pauses.next() else {
                return Err(FetchError::Cut {
                    url: url.clone(),
                    reason,
                    tries: self.pauses.len() + 1,
                    have: part.bytes(),
                    of: bytes,
                    part: part.path().to_owned(),
                });
            };
            screen.talk(&format!("{reason}; trying again in {} s", pause.as_secs()));
            std::thread::sleep(*pause);
        }
    }

    /// Makes one request: for the rest of the file, or for all of it if the server does not support
    /// ranges.
    fn attempt(
        &self,
        url: &DownloadUrl,
        bytes: u64,
        part: &mut PartFile,
        transfer: &mut Transfer,
    ) -> Result<(), AttemptError> {
        let have = part.bytes();
        if have == bytes {
            return Ok(());
        }
        let mut request =
            self.agent.get(url.with_secrets()).header(header::ACCEPT_ENCODING, "identity");
        if url.is_of_this_machine() {
            request = request.config().proxy(None).build();
        }
        if have > 0 {
            request = request.header(header::RANGE, format!("bytes={have}-"));
            if let Some(version) = known_version(part)? {
                request = request.header(header::IF_RANGE, version);
            }
        }
        let response = request.call().map_err(|error| no_response(url, error))?;
        match response.status() {
            StatusCode::OK => {
                expect_length(url, content_length(response.headers()), bytes)?;
                part.restart()?;
                remember_version(part, response.headers())?;
            }
            StatusCode::PARTIAL_CONTENT => {
                let (start, whole) = content_range(response.headers()).unwrap_or_default();
                expect_length(url, whole, bytes)?;
                if start != have {
                    part.restart()?;
                    return Err(AttemptError::Cut(
                        "the server sent another part than the one asked for".to_owned(),
                    ));
                }
                let (known, found) = (known_version(part)?, version(response.headers()));
                if known.is_some() && found.is_some() && known != found {
                    part.restart()?;
                    return Err(AttemptError::Cut(
                        "the file on the server has changed meanwhile".to_owned(),
                    ));
                }
            }
            StatusCode::RANGE_NOT_SATISFIABLE => {
                part.restart()?;
                return Err(AttemptError::Cut("the server has no such part".to_owned()));
            }
            status => return Err(refused(url, status)),
        }
        receive(url, response, bytes, part, transfer, Pace::new(self.silence))
    }
}

/// Appends the body of a response to the part file.
fn receive(
    url: &DownloadUrl,
    response: Response<Body>,
    bytes: u64,
    part: &mut PartFile,
    transfer: &mut Transfer,
    mut pace: Pace,
) -> Result<(), AttemptError> {
    let mut body = response.into_body().into_reader();
    let mut piece = vec![0; 1 << 16];
    transfer.at(part.bytes());
    loop {
        let count = body
            .read(&mut piece)
            .map_err(|error| AttemptError::Cut(format!("the connection was cut: {error}")))?;
        if count == 0 {
            break;
        }
        if part.bytes() + count as u64 > bytes {
            part.restart()?;
            let found = format!("more than {bytes}");
            return Err(AttemptError::Final(FetchError::Length {
                url: url.clone(),
                found,
                expected: bytes,
            }));
        }
        part.append(&piece[..count])?;
        transfer.at(part.bytes());
        if part.bytes() < bytes {
            pace.check(count)?;
        }
    }
    if part.bytes() < bytes {
        return Err(AttemptError::Cut("the connection ended early".to_owned()));
    }
    Ok(())
}

/// The speed of a body.
struct Pace {
    silence: Duration,
    since: Instant,
    bytes: u64,
}

impl Pace {
    fn new(silence: Duration) -> Self {
        Self { silence, since: Instant::now(), bytes: 0 }
    }

    /// Counts received bytes; an error if there were too few in a time of [`SILENCE`].
    fn check(&mut self, count: usize) -> Result<(), AttemptError> {
        self.bytes += count as u64;
        if self.since.elapsed() < self.silence {
            return Ok(());
        }
        if self.bytes < LEAST {
            let (bytes, seconds) = (self.bytes, self.silence.as_secs_f64());
            return Err(AttemptError::Cut(format!("the server sent {bytes} bytes in {seconds} s")));
        }
        *self = Self::new(self.silence);
        Ok(())
    }
}

/// Interprets a request without a response. Messages of the client that may contain the address,
/// and so its secrets, are replaced.
fn no_response(url: &DownloadUrl, error: ureq::Error) -> AttemptError {
    let status = |status: &str| {
        AttemptError::Final(FetchError::Status { url: url.clone(), status: status.to_owned() })
    };
    match error {
        ureq::Error::TooManyRedirects => status("with too many redirections"),
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => status("nothing: it is not an address"),
        ureq::Error::ConnectProxyFailed(_) | ureq::Error::InvalidProxyUrl => {
            AttemptError::Cut("the proxy of the environment does not answer".to_owned())
        }
        ureq::Error::HostNotFound => AttemptError::Cut("the host is not known".to_owned()),
        ureq::Error::Io(error) => AttemptError::Cut(error.to_string()),
        error => AttemptError::Cut(error.to_string()),
    }
}

/// Interprets a response without the file.
fn refused(url: &DownloadUrl, status: StatusCode) -> AttemptError {
    let again = status.is_server_error()
        || [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS].contains(&status);
    if again {
        return AttemptError::Cut(format!("the server answers {status}"));
    }
    AttemptError::Final(FetchError::Status { url: url.clone(), status: status.to_string() })
}

fn expect_length(url: &DownloadUrl, found: Option<u64>, expected: u64) -> Result<(), AttemptError> {
    match found.filter(|&found| found != expected) {
        None => Ok(()),
        Some(found) => Err(AttemptError::Final(FetchError::Length {
            url: url.clone(),
            found: found.to_string(),
            expected,
        })),
    }
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

/// Parses `bytes 100-199/200`: the start of the range, and the length of the whole file.
fn content_range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let range = headers.get(header::CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?;
    let (part, whole) = range.split_once('/')?;
    let (start, _) = part.split_once('-')?;
    Some((start.trim().parse().ok()?, whole.trim().parse().ok()))
}

/// Returns the path of the version of a part file. If the file on the server changes, the download
/// begins anew.
fn version_file(part: &PartFile) -> PathBuf {
    part.path().with_added_extension("version")
}

fn known_version(part: &PartFile) -> Result<Option<String>, FileError> {
    let version = files::read_text_if_any(&version_file(part))?;
    Ok(Some(version).filter(|version| !version.is_empty()))
}

/// Returns the version of a response for `If-Range`: a strong ETag, or else the time of the last
/// change.
fn version(headers: &HeaderMap) -> Option<String> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let tag = text(header::ETAG).filter(|tag| !tag.starts_with("W/"));
    tag.or_else(|| text(header::LAST_MODIFIED)).map(str::to_owned)
}

fn remember_version(part: &PartFile, headers: &HeaderMap) -> Result<(), FileError> {
    match version(headers) {
        Some(version) => files::write_atomically(&version_file(part), version.as_bytes()),
        None => forget_version(part),
    }
}

/// Removes the file that [`remember_version`] wrote.
pub(super) fn forget_version(part: &PartFile) -> Result<(), FileError> {
    files::remove(&version_file(part))
}
