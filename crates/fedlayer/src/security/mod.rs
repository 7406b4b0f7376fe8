//! Access control: TLS and the token from the command line and the folder of certificates, and the
//! connections that are refused without them.

pub(crate) mod validity;

use std::{
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

use fedlayer_runtime::remote::{BearerToken, Security, Tls};

use time::OffsetDateTime;

use crate::{address::Address, args::SecurityArgs, exit::Failure, files, screen::Screen};

/// The name of the token's file in a folder of certificates.
pub(crate) const TOKEN: &str = "token";

/// The side of a connection that a process is on; its certificate's file is named after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConnectionSide {
    Coordinator,
    Worker,
}

impl ConnectionSide {
    /// Returns the name of its certificate's file, without the ending.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Coordinator => "coordinator",
            Self::Worker => "worker",
        }
    }
}

/// Reads the certificates in a folder that `fedlayer certs` made.
///
/// # Errors
/// When one of them cannot be read, is not a certificate, does not match its key, or is not valid
/// now.
pub(crate) fn tls(folder: &Path, side: ConnectionSide) -> Result<Tls, Failure> {
    let wrong = |words: String| {
        Failure::Security(format!("{words}\nhint: `fedlayer certs FOLDER` makes certificates"))
    };
    let read =
        |name: String| files::read_text(&folder.join(name)).map_err(|error| wrong(error.bare()));
    let own = format!("{}.pem", side.name());
    let tls = Tls {
        authority: read(AUTHORITY.to_owned())?,
        certificate: read(own.clone())?,
        key: read(key_file(side))?,
    };
    tls.check().map_err(|error| {
        wrong(format!("the certificates in `{}` cannot be used: {error}", folder.display()))
    })?;
    let now = OffsetDateTime::now_utc();
    for (pem, name) in [(&tls.certificate, &*own), (&tls.authority, AUTHORITY)] {
        if let Some(fault) = validity::fault(pem, &folder.join(name), now) {
            return Err(Failure::Security(fault));
        }
    }
    Ok(tls)
}

/// The authority's certificate in a folder of certificates.
const AUTHORITY: &str = "ca.pem";

fn key_file(side: ConnectionSide) -> String {
    format!("{}.key", side.name())
}

/// Warns of every secret that others may read: all in the folder of certificates, and the file of
/// the token.
fn warn_of_exposed(args: &SecurityArgs, screen: &Screen) {
    let keys = [key_file(ConnectionSide::Coordinator), key_file(ConnectionSide::Worker)];
    let names = ["ca.key", TOKEN].into_iter().chain(keys.iter().map(String::as_str));
    let in_folder = |folder: &PathBuf| names.map(|name| folder.join(name)).collect::<Vec<_>>();
    let secrets = args.certs.as_ref().map(in_folder).unwrap_or_default();
    for secret in secrets.iter().chain(&args.token_file) {
        if let Some(warning) = files::exposure(secret) {
            screen.talk(&warning);
        }
    }
}

/// Reads TLS and token as the command line names them. Warns of secrets that others may read.
pub(crate) fn read(
    args: &SecurityArgs,
    side: ConnectionSide,
    screen: &Screen,
) -> Result<Security, Failure> {
    let tls = args.certs.as_deref().map(|folder| tls(folder, side)).transpose()?;
    warn_of_exposed(args, screen);
    let in_certs = args.certs.as_ref().map(|folder| folder.join(TOKEN));
    let secret = |file: &Path| {
        files::read_text(file).map_err(|error| {
            let hint = "`fedlayer certs FOLDER` makes a token";
            Failure::Security(format!("{}\nhint: {hint}", error.bare()))
        })
    };
    let (text, place) = match (&args.token_file, std::env::var("FEDLAYER_TOKEN"), in_certs) {
        (Some(file), _, _) => (Some(secret(file)?), file.display().to_string()),
        (None, Ok(token), _) => (Some(token), "the environment's `FEDLAYER_TOKEN`".to_owned()),
        (None, Err(_), Some(file)) => {
            let there = files::exists(&file).then(|| secret(&file)).transpose()?;
            (there, file.display().to_string())
        }
        (None, Err(_), None) => (None, String::new()),
    };
    let token = match text {
        None => None,
        Some(text) => Some(BearerToken::new(&text).ok_or_else(|| {
            Failure::Security(format!(
                "{place} holds no token: at least 16 printable characters without blanks are needed\nhint: `fedlayer certs FOLDER` makes one"
            ))
        })?),
    };
    Ok(Security { tls, token })
}

/// Returns the address that a coordinator may listen on. An address that other machines can reach
/// needs TLS and a token, or `--insecure`, which returns a warning.
pub(crate) fn allowed(
    listen: &Address,
    security: &Security,
    insecure: bool,
) -> Result<(SocketAddr, Option<String>), Failure> {
    let address = listen.resolve().map_err(|error| {
        Failure::Address(format!(
            "`{listen}` cannot be listened on: {error}\nhint: name an address of this machine, for instance 127.0.0.1:7878"
        ))
    })?;
    let lacking = match (&security.tls, &security.token) {
        (Some(_), Some(_)) => return Ok((address, None)),
        (None, Some(_)) => "no TLS",
        (Some(_), None) => "no token",
        (None, None) => "neither TLS nor a token",
    };
    match (is_loopback(address.ip()), insecure) {
        (true, _) => Ok((address, None)),
        (false, true) => Ok((
            address,
            Some(format!(
                "warning: {address} has {lacking}: whoever reaches it can read the models and change the records"
            )),
        )),
        (false, false) => Err(Failure::Security(format!(
            "other machines reach {address}, and there is {lacking}\nhint: `fedlayer certs certs`, then `--certs certs` here and for the workers; or listen on 127.0.0.1; or take the risk with `--insecure`"
        ))),
    }
}

fn is_loopback(address: IpAddr) -> bool {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(v6.is_loopback(), |v4| v4.is_loopback()),
        IpAddr::V4(v4) => v4.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_does_without_tls_and_token() {
        let bare = Security::default();
        let token = Security { token: BearerToken::new("0123456789abcdef"), ..Security::default() };
        for listen in ["127.0.0.1:0", "[::1]:0", "127.9.9.9:1", "[::ffff:127.0.0.1]:0"] {
            let listen = Address::to_listen(listen).unwrap();
            assert!(allowed(&listen, &bare, false).unwrap().1.is_none(), "{listen}");
        }
        for listen in ["0.0.0.0:0", "[::]:0", "10.0.0.1:7878"] {
            let listen = &Address::to_listen(listen).unwrap();
            for security in [&bare, &token] {
                assert!(matches!(allowed(listen, security, false), Err(Failure::Security(_))));
                assert!(allowed(listen, security, true).unwrap().1.is_some());
            }
        }
        let nowhere = Address::to_listen("nowhere.invalid:0").unwrap();
        assert!(matches!(allowed(&nowhere, &bare, false), Err(Failure::Address(_))));
    }
}
