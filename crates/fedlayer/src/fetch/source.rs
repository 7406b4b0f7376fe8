//! [`Source`]: where a data set's files are fetched from.

use std::{convert::Infallible, fmt, path::PathBuf, str::FromStr};

use fedlayer_data::Download;

/// Where a data set's files are fetched from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// The address that the catalogue has for each file.
    Home,
    /// Another address, to which each file's name is appended.
    Mirror(Url),
    /// A folder of this machine.
    Folder(PathBuf),
}

/// An address of http or https. It is shown without what may be secret in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Url(String);

impl Source {
    /// The address of a download.
    pub(crate) fn url(&self, download: &Download) -> Url {
        match self {
            Self::Mirror(Url(base)) => {
                let (base, query) =
                    base.split_once('?').map_or((&**base, None), |(b, q)| (b, Some(q)));
                let query = query.map_or(String::new(), |query| format!("?{query}"));
                Url(format!("{}/{}{query}", base.trim_end_matches('/'), download.file))
            }
            Self::Home | Self::Folder(_) => Url(download.url.to_owned()),
        }
    }
}

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once("://") {
            Some(("http" | "https", _)) => Ok(Self::Mirror(Url(text.to_owned()))),
            Some((scheme, _)) => {
                Err(format!("`{scheme}` is not understood; use http, https or a folder"))
            }
            None if text.is_empty() => Err("an address or a folder is needed".to_owned()),
            None => Ok(Self::Folder(text.into())),
        }
    }
}

impl Url {
    /// As it is, secrets included: for the request alone.
    pub(crate) fn secret(&self) -> &str {
        &self.0
    }

    /// Whether it is a server of this machine, which no proxy stands in front of.
    pub(crate) fn is_of_this_machine(&self) -> bool {
        let shown = self.to_string();
        let host = shown.split("://").nth(1).unwrap_or_default();
        ["127.0.0.1", "localhost", "[::1]"].iter().any(|name| {
            host.strip_prefix(name)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
        })
    }
}

impl FromStr for Url {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

/// Without user, password and query.
impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.split(['?', '#']).next().unwrap_or_default();
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let (host, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
        let host = host.rsplit('@').next().unwrap_or(host);
        write!(f, "{scheme}://{host}{path}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_an_address_are_not_shown() {
        let url = Url("https://me:word@mirror.example/sets/x.gz?token=abc".to_owned());
        assert_eq!(url.to_string(), "https://mirror.example/sets/x.gz");
    }

    #[test]
    fn a_server_of_this_machine_is_known_by_its_host() {
        let is = |url: &str| Url(url.to_owned()).is_of_this_machine();
        assert!(
            is("http://127.0.0.1:80/x") && is("http://me:word@localhost") && is("http://[::1]/")
        );
        assert!(!is("https://localhost.example/x") && !is("https://mirror.example/localhost"));
    }

    #[test]
    fn only_http_and_folders_are_sources() {
        assert!(matches!("http://a/b".parse(), Ok(Source::Mirror(_))));
        assert_eq!("../data".parse(), Ok(Source::Folder("../data".into())));
        assert!("ftp://a/b".parse::<Source>().is_err());
        assert!("file:///etc/passwd".parse::<Source>().is_err());
    }
}
