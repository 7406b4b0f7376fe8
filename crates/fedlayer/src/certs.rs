//! `fedlayer certs`: an authority, a certificate for each side, and a token.

use std::path::Path;

use fedlayer_runtime::remote::Token;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};

use crate::{
    args::CertsArgs,
    exit::Failure,
    files::{self, FileError},
    screen::Screen,
    security::{Side, TOKEN},
};

/// Names of a coordinator that are always in its certificate.
const NAMES: [&str; 4] = ["localhost", "127.0.0.1", "::1", "coordinator"];

/// `fedlayer certs`.
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
    let made = made(&names).map_err(|error| {
        Failure::Security(format!(
            "no certificate could be made for {}: {error}\nhint: `--name` takes a host's name or an IP address",
            names.join(", ")
        ))
    })?;
    let token = Token::draw().map_err(Failure::Security)?;
    let absent = files::absent_folders(folder);
    let written = write(folder, &made, token.secret());
    written.inspect_err(|_| files::remove_empty_folders(&absent))?;
    screen.talk(&format!(
        "certificates and token in {}, for a coordinator called {}",
        folder.display(),
        names.join(", ")
    ));
    Ok(())
}

/// A file of the folder: its name, its text, and whether only its owner may read it.
struct Made {
    name: String,
    text: String,
    is_secret: bool,
}

impl Made {
    fn new(name: impl Into<String>, text: String, is_secret: bool) -> Self {
        Self { name: name.into(), text, is_secret }
    }
}

/// The authority, and a certificate for each side, for a coordinator of these names. Nothing is written.
fn made(names: &[String]) -> Result<Vec<Made>, rcgen::Error> {
    let authority = authority()?;
    let mut made = vec![
        Made::new("ca.pem", authority.pem(), false),
        Made::new("ca.key", authority.key().serialize_pem(), true),
    ];
    for (side, names, usage) in [
        (Side::Coordinator, names.to_owned(), ExtendedKeyUsagePurpose::ServerAuth),
        (Side::Worker, vec!["worker".to_owned()], ExtendedKeyUsagePurpose::ClientAuth),
    ] {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name.push(DnType::CommonName, format!("fedlayer {}", side.name()));
        params.key_usages.push(KeyUsagePurpose::DigitalSignature);
        params.extended_key_usages.push(usage);
        let certificate = params.signed_by(&key, &authority)?;
        made.push(Made::new(format!("{}.pem", side.name()), certificate.pem(), false));
        made.push(Made::new(format!("{}.key", side.name()), key.serialize_pem(), true));
    }
    Ok(made)
}

/// Writes everything into the folder, the token last: where it is, everything is.
fn write(folder: &Path, made: &[Made], token: &str) -> Result<(), FileError> {
    files::create_folders(folder)?;
    for Made { name, text, is_secret } in made {
        let path = folder.join(name);
        match is_secret {
            true => files::write_secret(&path, text.as_bytes())?,
            false => files::write_atomically(&path, text.as_bytes())?,
        }
    }
    files::write_secret(&folder.join(TOKEN), token.as_bytes())
}

fn authority() -> Result<CertifiedIssuer<'static, KeyPair>, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.distinguished_name.push(DnType::CommonName, "fedlayer authority");
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate()?)
}
