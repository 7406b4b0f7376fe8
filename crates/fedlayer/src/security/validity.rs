//! [`Validity`]: the period in which a certificate is valid.

use std::path::Path;

use time::{Duration, OffsetDateTime};
use x509_parser::pem::Pem;

/// The period in which a certificate is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Validity {
    pub(crate) from: OffsetDateTime,
    pub(crate) until: OffsetDateTime,
}

impl Validity {
    /// Returns a period of `days` days. It begins an hour ago, for machines with a clock that is a
    /// little behind.
    pub(crate) fn of_days(days: u32) -> Self {
        let now = OffsetDateTime::now_utc();
        Self { from: now - Duration::HOUR, until: now + Duration::days(days.into()) }
    }

    /// Reads the period of a certificate in PEM form; `None` if the text is not a certificate.
    fn read(pem: &str) -> Option<Self> {
        let pem = Pem::iter_from_buffer(pem.as_bytes()).next()?.ok()?;
        let certificate = pem.parse_x509().ok()?;
        let validity = certificate.validity();
        Some(Self {
            from: validity.not_before.to_datetime(),
            until: validity.not_after.to_datetime(),
        })
    }
}

/// Explains why a certificate in PEM form from `file` is not valid at a time. A text that is not a
/// certificate is left to its reader.
pub(crate) fn fault(pem: &str, file: &Path, now: OffsetDateTime) -> Option<String> {
    let Validity { from, until } = Validity::read(pem)?;
    let (file, now_words) = (file.display(), minute(now));
    if now > until {
        return Some(format!(
            "the certificate `{file}` was valid until {}, and it is {now_words} now\nhint: make new ones in another folder with `fedlayer certs FOLDER --days DAYS`, and give them to the coordinator and all workers",
            minute(until)
        ));
    }
    (now < from).then(|| {
        format!(
            "the certificate `{file}` is valid from {} on, and it is {now_words} now\nhint: check the clock of this machine",
            minute(from)
        )
    })
}

/// Formats a time to the minute.
pub(crate) fn minute(time: OffsetDateTime) -> String {
    format!("{} {:02}:{:02} UTC", time.date(), time.hour(), time.minute())
}
