//! [`DownloadSource`]: the source from which a data set's files are fetched.

use std::{fmt, path::PathBuf, str::FromStr};

use fedlayer_data::Download;
use ureq::http::{self, Uri, uri::Scheme};

/// The source from which a data set's files are fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DownloadSource {
    /// The published address of each file.
    Home,
    /// Another address; each file's name is appended to it.
    Mirror(DownloadUrl),
    /// A folder of this machine.
    Folder(PathBuf),
}

/// An address of http or https. Messages show it without the secrets that it may contain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DownloadUrl(Box<Uri>);

impl DownloadSource {
    /// Returns the address of a download.
    ///
    /// # Errors
    /// When it is invalid.
    pub(crate) fn url(&self, download: &Download) -> Result<DownloadUrl, http::Error> {
        match self {
            Self::Mirror(mirror) => mirror.join(download.file),
            Self::Home | Self::Folder(_) => Ok(DownloadUrl::from(download.url.parse::<Uri>()?)),
        }
    }
}

impl FromStr for DownloadSource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once("://") {
            Some(("http" | "https", _)) => match text.parse::<Uri>() {
                Ok(uri) => Ok(Self::Mirror(uri.into())),
                Err(error) => Err(format!("it is not an address: {error}")),
            },
            Some((scheme, _)) => {
                Err(format!("`{scheme}` is not understood; use http, https or a folder"))
            }
            None if text.is_empty() => Err("an address or a folder is needed".to_owned()),
            None => Ok(Self::Folder(text.into())),
        }
    }
}

/// Boxes the address, which keeps every error that carries it small.
impl From<Uri> for DownloadUrl {
    fn from(uri: Uri) -> Self {
        Self(Box::new(uri))
    }
}

impl DownloadUrl {
    /// Returns the whole address with its secrets: for requests only.
    pub(crate) fn with_secrets(&self) -> &Uri {
        &self.0
    }

    /// Tells whether the server runs on this machine. Such a server is reached without a proxy.
    pub(crate) fn is_of_this_machine(&self) -> bool {
        self.0.host().is_some_and(|host| ["127.0.0.1", "localhost", "[::1]"].contains(&host))
    }

    /// Appends a path, before the query.
    pub(crate) fn join(&self, file: &str) -> Result<Self, http::Error> {
        let folder = self.0.path().trim_end_matches('/');
        let query = self.0.query().map_or(String::new(), |query| format!("?{query}"));
        let mut parts = self.with_secrets().clone().into_parts();
        parts.path_and_query = Some(format!("{folder}/{file}{query}").parse()?);
        Ok(Uri::from_parts(parts)?.into())
    }
}

/// Shows the address without user, password and query.
impl fmt::Display for DownloadUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.0.scheme().unwrap_or(&Scheme::HTTP);
        let authority = self.0.authority().map_or("", |authority| authority.as_str());
        let host = authority.rsplit('@').next().unwrap_or(authority);
        write!(f, "{scheme}://{host}{}", self.0.path())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_an_address_are_not_shown() {
        let url = DownloadUrl::from(Uri::from_static(
            "https://me:word@mirror.example/sets/x.gz?token=abc",
        ));
        assert_eq!(url.to_string(), "https://mirror.example/sets/x.gz");
    }

    #[test]
    fn a_server_of_this_machine_is_known_by_its_host() {
        let is = |url: &str| DownloadUrl::from(url.parse::<Uri>().unwrap()).is_of_this_machine();
        assert!(
            is("http://127.0.0.1:80/x") && is("http://me:word@localhost") && is("http://[::1]/")
        );
        assert!(!is("https://localhost.example/x") && !is("https://mirror.example/localhost"));
    }

    #[test]
    fn only_http_and_folders_are_sources() {
        assert!(matches!("http://a/b".parse(), Ok(DownloadSource::Mirror(_))));
        assert_eq!("../data".parse(), Ok(DownloadSource::Folder("../data".into())));
        assert!("ftp://a/b".parse::<DownloadSource>().is_err());
        assert!("file:///etc/passwd".parse::<DownloadSource>().is_err());
    }

    #[test]
    fn a_file_is_appended_to_the_path_of_a_mirror_before_its_query() {
        let joined = |mirror: &str| {
            let mirror = DownloadUrl::from(mirror.parse::<Uri>().unwrap());
            mirror.join("x.gz").unwrap().with_secrets().to_string()
        };
        assert_eq!(joined("http://a/b/"), "http://a/b/x.gz");
        assert_eq!(joined("http://a"), "http://a/x.gz");
        assert_eq!(
            joined("https://me:word@a:8/b?token=abc"),
            "https://me:word@a:8/b/x.gz?token=abc"
        );
    }

    #[test]
    fn what_is_no_address_is_refused_on_the_command_line() {
        for text in ["http://", "http://a b/c", "http://a:b:c/"] {
            let refused = text.parse::<DownloadSource>().unwrap_err();
            assert!(refused.starts_with("it is not an address: "), "{text}: {refused}");
        }
    }
}
