//! [`Validity`]: from when until when certificates are valid, and whether one in a file still is.

use std::path::Path;

use time::{Duration, OffsetDateTime};
use x509_parser::pem::Pem;

/// From when until when a certificate is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Validity {
    pub(crate) from: OffsetDateTime,
    pub(crate) until: OffsetDateTime,
}

impl Validity {
    /// For so many days from now on. It begins an hour ago, so that a machine whose clock is a little behind accepts it too.
    pub(crate) fn of_days(days: u32) -> Self {
        let now = OffsetDateTime::now_utc();
        Self { from: now - Duration::HOUR, until: now + Duration::days(days.into()) }
    }

    /// That of a certificate in PEM form; nothing where it is none.
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

/// Says why a certificate in PEM form is not valid at a time; `file` is where it is from. A text that is no certificate is left to whoever uses it.
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
            "the certificate `{file}` is valid from {} on, and it is {now_words} now\nhint: see that the clock of this machine is right",
            minute(from)
        )
    })
}

/// A time to the minute.
pub(crate) fn minute(time: OffsetDateTime) -> String {
    format!("{} {:02}:{:02} UTC", time.date(), time.hour(), time.minute())
}
