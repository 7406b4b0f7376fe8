//! `fedlayer certs`: an authority, certificates for both sides, and a token.

use std::path::{Path, PathBuf};

use fedlayer_runtime::remote::BearerToken;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};

use crate::{
    args::CertsArgs,
    exit::Failure,
    files::{self, SecretError},
    screen::Screen,
    security::{
        ConnectionSide, TOKEN,
        validity::{Validity, minute},
    },
};

/// The names that every coordinator's certificate has.
const NAMES: [&str; 4] = ["localhost", "127.0.0.1", "::1", "coordinator"];

/// The folder of the workers with keys of their own, one folder each.
const WORKERS: &str = "workers";

/// Runs `fedlayer certs`.
pub(crate) fn certs(args: &CertsArgs, screen: &Screen) -> Result<(), Failure> {
    let folder = &args.folder;
    if files::exists(&folder.join(TOKEN)) {
        if args.keep {
            screen.talk(&format!("certificates in {}: kept", folder.display()));
            return Ok(());
        }
        return Err(Failure::Security(format!(
            "`{}` holds certificates already\nhint: choose another folder, or keep them with `--keep`",
            folder.display()
        )));
    }
    let names = NAMES.iter().map(ToString::to_string).chain(args.names.iter().cloned());
    let names: Vec<String> = names.collect();
    let validity = Validity::of_days(args.days);
    let made = certificates(&names, &args.workers, validity).map_err(|error| {
        Failure::Security(format!(
            "no certificate could be made for {}: {error}\nhint: `--name` takes a host's name or an IP address",
            names.join(", ")
        ))
    })?;
    let token = BearerToken::draw().map_err(|error| Failure::Security(error.to_string()))?;
    let absent = files::absent_folders(folder);
    let written = write(folder, &made, &args.workers, token.secret());
    written.map_err(|error| {
        files::remove_empty_folders(&absent);
        Failure::Secret(error)
    })?;
    screen.talk(&format!(
        "certificates and token in {}, for a coordinator called {}",
        folder.display(),
        names.join(", ")
    ));
    for name in &args.workers {
        let folder = worker_folder(name);
        screen.talk(&format!("for worker {name}: {}", args.folder.join(folder).display()));
    }
    screen.talk(&format!("valid until {}", minute(validity.until)));
    Ok(())
}

/// Returns the folder of a worker that has a key of its own.
fn worker_folder(name: &str) -> PathBuf {
    Path::new(WORKERS).join(name)
}

/// A file of the folder: its path, its text, and whether only its owner may read it.
struct CertificateFile {
    path: PathBuf,
    text: String,
    is_secret: bool,
}

impl CertificateFile {
    fn new(path: impl Into<PathBuf>, text: String, is_secret: bool) -> Self {
        Self { path: path.into(), text, is_secret }
    }
}

/// Makes the authority, and certificates for a coordinator of these names and for its workers: one
/// for all workers, or one for each worker with a name. Nothing is written.
fn certificates(
    names: &[String],
    workers: &[String],
    validity: Validity,
) -> Result<Vec<CertificateFile>, rcgen::Error> {
    let authority = Authority::new(validity)?;
    let mut made = vec![authority.file("ca.pem"), authority.key()];
    made.extend(authority.pair(
        ConnectionSide::Coordinator,
        Path::new(""),
        names,
        "fedlayer coordinator",
    )?);
    let worker = |folder: &Path, called: &str| {
        authority.pair(ConnectionSide::Worker, folder, &["worker".to_owned()], called)
    };
    if workers.is_empty() {
        made.extend(worker(Path::new(""), "fedlayer worker")?);
    }
    for name in workers {
        let folder = worker_folder(name);
        made.push(authority.file(folder.join("ca.pem")));
        made.extend(worker(&folder, &format!("fedlayer worker {name}"))?);
    }
    Ok(made)
}

/// Writes all files into the folder, the tokens last: if the folder's own token exists, all files
/// do.
fn write(
    folder: &Path,
    made: &[CertificateFile],
    workers: &[String],
    token: &str,
) -> Result<(), SecretError> {
    files::private_folder(folder)?;
    let own = workers.iter().map(|name| folder.join(worker_folder(name)));
    let own: Vec<PathBuf> = own.collect();
    if !own.is_empty() {
        files::private_folder(&folder.join(WORKERS))?;
    }
    own.iter().try_for_each(|folder| files::private_folder(folder))?;
    for CertificateFile { path, text, is_secret } in made {
        let path = folder.join(path);
        match is_secret {
            true => files::write_secret(&path, text.as_bytes())?,
            false => files::write_atomically(&path, text.as_bytes())?,
        }
    }
    let places = own.iter().map(PathBuf::as_path).chain([folder]);
    places
        .into_iter()
        .try_for_each(|place| files::write_secret(&place.join(TOKEN), token.as_bytes()))
}

/// The authority that signs the certificates of both sides.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    validity: Validity,
}

impl Authority {
    fn new(validity: Validity) -> Result<Self, rcgen::Error> {
        let mut params = params(Vec::new(), "fedlayer authority", validity)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        Ok(Self { issuer, validity })
    }

    /// Returns the file of its certificate, which both sides need.
    fn file(&self, path: impl Into<PathBuf>) -> CertificateFile {
        CertificateFile::new(path, self.issuer.pem(), false)
    }

    fn key(&self) -> CertificateFile {
        CertificateFile::new("ca.key", self.issuer.key().serialize_pem(), true)
    }

    /// Makes a certificate and its key for a side.
    fn pair(
        &self,
        side: ConnectionSide,
        folder: &Path,
        names: &[String],
        called: &str,
    ) -> Result<[CertificateFile; 2], rcgen::Error> {
        let key = KeyPair::generate()?;
        let mut params = params(names.to_owned(), called, self.validity)?;
        params.key_usages.push(KeyUsagePurpose::DigitalSignature);
        params.extended_key_usages.push(match side {
            ConnectionSide::Coordinator => ExtendedKeyUsagePurpose::ServerAuth,
            ConnectionSide::Worker => ExtendedKeyUsagePurpose::ClientAuth,
        });
        let certificate = params.signed_by(&key, &self.issuer)?;
        let file = |ending| folder.join(format!("{}.{ending}", side.name()));
        Ok([
            CertificateFile::new(file("pem"), certificate.pem(), false),
            CertificateFile::new(file("key"), key.serialize_pem(), true),
        ])
    }
}

fn params(
    names: Vec<String>,
    called: &str,
    validity: Validity,
) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, called);
    params.not_before = validity.from;
    params.not_after = validity.until;
    Ok(params)
}

#[cfg(test)]
mod tests {
    use time::{Duration, OffsetDateTime};

    use super::*;
    use crate::security;

    /// Makes a folder of certificates with a period in days from now.
    fn folder(from: i64, until: i64) -> tempfile::TempDir {
        let now = OffsetDateTime::now_utc();
        let validity =
            Validity { from: now + Duration::days(from), until: now + Duration::days(until) };
        let names = ["localhost".to_owned()];
        let place = tempfile::tempdir().unwrap();
        let made = certificates(&names, &[], validity).unwrap();
        write(place.path(), &made, &[], "0123456789abcdef").unwrap();
        place
    }

    #[test]
    fn certificates_that_are_over_or_not_yet_valid_are_named_on_both_sides_with_what_to_do() {
        for (from, until, words, hint) in [
            (-30, -3, "was valid until ", "hint: make new ones in another folder"),
            (3, 30, "is valid from ", "hint: check the clock of this machine"),
        ] {
            let place = folder(from, until);
            for side in [ConnectionSide::Coordinator, ConnectionSide::Worker] {
                let failure = security::tls(place.path(), side).unwrap_err();
                let said = failure.to_string();
                assert_eq!(failure.code(), 12);
                assert!(
                    said.contains(&format!("the certificate `{}", place.path().display())),
                    "{said}"
                );
                assert!(said.contains(words) && said.contains(hint), "{said}");
            }
        }
        let place = folder(-1, 1);
        assert!(security::tls(place.path(), ConnectionSide::Worker).is_ok());
    }

    #[test]
    fn a_certificate_is_valid_from_an_hour_ago() {
        let Validity { from, until } = Validity::of_days(365);
        assert_eq!(until - from, Duration::days(365) + Duration::HOUR);
        assert!(from < OffsetDateTime::now_utc());
    }

    #[test]
    fn every_worker_with_a_name_has_a_key_of_its_own_and_no_other() {
        let place = tempfile::tempdir().unwrap();
        let workers = ["a".to_owned(), "b".to_owned()];
        let made = certificates(&["localhost".to_owned()], &workers, Validity::of_days(1)).unwrap();
        write(place.path(), &made, &workers, "0123456789abcdef").unwrap();
        let keys = workers.map(|name| {
            let folder = place.path().join("workers").join(name);
            let files = ["ca.pem", "token", "worker.key", "worker.pem"];
            assert_eq!(files::names_in(&folder).unwrap(), files);
            assert!(security::tls(&folder, ConnectionSide::Worker).is_ok());
            files::read_text(&folder.join("worker.key")).unwrap()
        });
        assert_ne!(keys[0], keys[1]);
        assert!(!files::exists(&place.path().join("worker.key")));
        assert!(security::tls(place.path(), ConnectionSide::Coordinator).is_ok());
    }
}
