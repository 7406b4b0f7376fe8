//! [`BearerToken`], [`Tls`] and [`Security`]: who may talk to whom.

use std::fmt;

use subtle::ConstantTimeEq;
use tonic::transport::{Certificate, ClientTlsConfig, Identity, Server, ServerTlsConfig};

use super::{limits::ADMISSION, serve::words};

/// A secret that both sides know. It is compared in constant time and never shown.
#[derive(Clone)]
pub struct BearerToken(String);

impl BearerToken {
    /// Takes a secret, without the blanks around it and without the mark that some editors put before UTF-8. Returns nothing where it is shorter than 16
    /// characters or cannot be part of a header.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim_start_matches('\u{feff}').trim();
        let fits = text.len() >= 16 && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self(text.to_owned()))
    }

    /// A fresh one, from the system's random numbers: 256 bits in hexadecimal.
    ///
    /// # Errors
    /// When the system gives none.
    pub fn draw() -> Result<Self, String> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|error| error.to_string())?;
        Ok(Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    /// The secret itself, to be written into a file.
    pub fn secret(&self) -> &str {
        &self.0
    }

    /// The value of the `authorization` header.
    pub(crate) fn header(&self) -> String {
        format!("Bearer {}", self.0)
    }

    /// Whether an `authorization` header carries it. The time does not depend on where the two differ, nor on their lengths: both are hashed.
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

/// What mutual TLS needs, each in PEM form.
#[derive(Clone)]
pub struct Tls {
    /// The authority that signed both sides' certificates.
    pub authority: String,
    /// One's own certificate.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls(…)")
    }
}

impl Tls {
    /// Checks that the certificates and the key are such and belong together.
    ///
    /// # Errors
    /// Says what is wrong with them.
    pub fn check(&self) -> Result<(), String> {
        let server = Server::builder().tls_config(self.server());
        server.map(drop).map_err(|error| words(&error))
    }

    pub(crate) fn server(&self) -> ServerTlsConfig {
        ServerTlsConfig::new()
            .identity(Identity::from_pem(&self.certificate, &self.key))
            .client_ca_root(Certificate::from_pem(&self.authority))
            .timeout(ADMISSION)
    }

    pub(crate) fn client(&self) -> ClientTlsConfig {
        ClientTlsConfig::new()
            .identity(Identity::from_pem(&self.certificate, &self.key))
            .ca_certificate(Certificate::from_pem(&self.authority))
            .timeout(ADMISSION)
    }
}

/// How a connection is secured.
#[derive(Debug, Clone, Default)]
pub struct Security {
    /// Mutual TLS, where it is used.
    pub tls: Option<Tls>,
    /// The token, where one is asked for.
    pub token: Option<BearerToken>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_whole_or_not_at_all_and_never_shown() {
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
