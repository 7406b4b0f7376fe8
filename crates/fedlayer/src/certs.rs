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
    files,
    screen::Screen,
    security::{Side, TOKEN},
};

/// Names of a coordinator that are always in its certificate.
const NAMES: [&str; 4] = ["localhost", "127.0.0.1", "::1", "coordinator"];

/// `fedlayer certs`.
pub(crate) fn certs(args: &CertsArgs, screen: &Screen) -> Result<(), Failure> {
    let folder = &args.folder;
    // The token is written last: where it is, everything is.
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
    files::create_folders(folder)?;
    let fault =
        |error: rcgen::Error| Failure::Security(format!("no certificate could be made: {error}"));
    let names = NAMES.iter().map(ToString::to_string).chain(args.names.iter().cloned());
    let names: Vec<String> = names.collect();
    let authority = authority().map_err(fault)?;
    write(folder, "ca.pem", &authority.pem())?;
    write_secret(folder, "ca.key", &authority.key().serialize_pem())?;
    for (side, names, usage) in [
        (Side::Coordinator, names.clone(), ExtendedKeyUsagePurpose::ServerAuth),
        (Side::Worker, vec!["worker".to_owned()], ExtendedKeyUsagePurpose::ClientAuth),
    ] {
        let key = KeyPair::generate().map_err(fault)?;
        let mut params = CertificateParams::new(names).map_err(fault)?;
        params.distinguished_name.push(DnType::CommonName, format!("fedlayer {}", side.name()));
        params.key_usages.push(KeyUsagePurpose::DigitalSignature);
        params.extended_key_usages.push(usage);
        let certificate = params.signed_by(&key, &authority).map_err(fault)?;
        write(folder, &format!("{}.pem", side.name()), &certificate.pem())?;
        write_secret(folder, &format!("{}.key", side.name()), &key.serialize_pem())?;
    }
    let token = Token::draw().map_err(Failure::Security)?;
    write_secret(folder, TOKEN, token.secret())?;
    screen.talk(&format!(
        "certificates and token in {}, for a coordinator called {}",
        folder.display(),
        names.join(", ")
    ));
    Ok(())
}

fn authority() -> Result<CertifiedIssuer<'static, KeyPair>, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.distinguished_name.push(DnType::CommonName, "fedlayer authority");
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate()?)
}

fn write(folder: &Path, name: &str, text: &str) -> Result<(), Failure> {
    Ok(files::write_atomically(&folder.join(name), text.as_bytes())?)
}

/// Only its owner can read it.
fn write_secret(folder: &Path, name: &str, text: &str) -> Result<(), Failure> {
    Ok(files::write_secret(&folder.join(name), text.as_bytes())?)
}
