//! [`BearerToken`] and [`Tls`]: how both sides prove that they belong to a run.

use std::fmt;

use subtle::ConstantTimeEq;
use thiserror::Error;
use tonic::transport::{Certificate, ClientTlsConfig, Identity, Server, ServerTlsConfig};

use super::{error_chain::error_chain, protocol::limits::AUTHENTICATION_TIMEOUT};

/// A secret that both sides know. It is compared in constant time and never shown.
#[derive(Clone)]
pub struct BearerToken(String);

impl BearerToken {
    /// Makes a token of a text, without surrounding white space and without a byte order mark.
    ///
    /// Returns `None` if fewer than 16 characters remain, or one that cannot be in a header.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim_start_matches('\u{feff}').trim();
        let fits = text.len() >= 16 && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self(text.to_owned()))
    }

    /// Draws a token of 256 bits, in hexadecimal, from the system's random numbers.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn draw() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    /// Returns the secret itself, to be written into a file.
    pub fn secret(&self) -> &str {
        &self.0
    }

    /// Returns the value of the `authorization` header.
    pub(crate) fn header(&self) -> String {
        format!("Bearer {}", self.0)
    }

    /// Returns whether an `authorization` header carries the token.
    ///
    /// Hashes are compared, so the time depends neither on the first difference nor on the lengths.
    pub(crate) fn is_in(&self, header: &[u8]) -> bool {
        let (found, expected) = (blake3::hash(header), blake3::hash(self.header().as_bytes()));
        found.as_bytes().ct_eq(expected.as_bytes()).into()
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// The certificates and the key for mutual TLS, in PEM format.
#[derive(Clone)]
pub struct Tls {
    /// The certificate of the authority that signed both sides' certificates.
    pub authority: String,
    /// The certificate of this side.
    pub certificate: String,
    /// The private key of this side.
    pub key: String,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls(…)")
    }
}

/// Certificates that cannot be used.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct TlsError(String);

impl Tls {
    /// Checks that the certificates and the key can be read and belong together.
    ///
    /// # Errors
    /// When they cannot be used.
    pub fn check(&self) -> Result<(), TlsError> {
        let server = Server::builder().tls_config(self.server());
        server.map(drop).map_err(|error| TlsError(error_chain(&error)))
    }

    /// Returns the configuration of a coordinator, which requires a certificate of every worker.
    pub(crate) fn server(&self) -> ServerTlsConfig {
        ServerTlsConfig::new()
            .identity(Identity::from_pem(&self.certificate, &self.key))
            .client_ca_root(Certificate::from_pem(&self.authority))
            .timeout(AUTHENTICATION_TIMEOUT)
    }

    /// Returns the configuration of a worker.
    pub(crate) fn client(&self) -> ClientTlsConfig {
        ClientTlsConfig::new()
            .identity(Identity::from_pem(&self.certificate, &self.key))
            .ca_certificate(Certificate::from_pem(&self.authority))
            .timeout(AUTHENTICATION_TIMEOUT)
    }
}

/// How connections are secured.
#[derive(Debug, Clone, Default)]
pub struct Security {
    /// Mutual TLS, if it is used.
    pub tls: Option<Tls>,
    /// The token, if one is required.
    pub token: Option<BearerToken>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_compared_as_a_whole_and_never_shown() {
        let token = BearerToken::new(" 0123456789abcdef\n").unwrap();
        assert!(token.is_in(b"Bearer 0123456789abcdef"));
        for wrong in [
            "",
            "Bearer ",
            "Bearer 0123456789abcde",
            "Bearer 0123456789abcdef0",
            "0123456789abcdef",
        ] {
            assert!(!token.is_in(wrong.as_bytes()), "{wrong}");
        }
        assert_eq!(format!("{token:?}"), "Token(…)");
        for marked in ["\u{feff}0123456789abcdef\r\n", "\u{feff} 0123456789abcdef"] {
            assert_eq!(BearerToken::new(marked).unwrap().secret(), "0123456789abcdef");
        }
        assert!(BearerToken::new("too short").is_none());
        assert!(BearerToken::new("with a blank inside it").is_none());
        assert_ne!(BearerToken::draw().unwrap().secret(), BearerToken::draw().unwrap().secret());
    }
}
