//! [`Screen`]: the only output of the program. Data goes to stdout, talk to stderr; neither runs
//! through a progress bar.
//!
//! * `clean`: text without characters that a terminal obeys.
//! * `bar`: progress bars; `transfer`: the progress of a download.

mod bar;
mod clean;
mod transfer;

use std::io::{self, IsTerminal, Write};

use clap::ValueEnum;
use indicatif::{MultiProgress, ProgressDrawTarget};
use tracing_subscriber::{
    EnvFilter, fmt::MakeWriter, layer::SubscriberExt, util::SubscriberInitExt,
};

#[cfg(test)]
pub(crate) use self::bar::line_style;
pub(crate) use self::{
    bar::Bar,
    clean::{Clean, Colours, clean, without_long_lines},
    transfer::Transfer,
};

/// The form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogForm {
    /// Lines for people.
    Text,
    /// One JSON object per line.
    Json,
}

/// The output of the program. Clones write to the same terminal.
#[derive(Debug, Clone)]
pub(crate) struct Screen {
    bars: MultiProgress,
    quiet: bool,
    log: LogForm,
    sink: LineSink,
}

/// The destination of talk.
#[derive(Debug, Clone)]
enum LineSink {
    Stderr,
    /// A list that a test reads.
    #[cfg(test)]
    Kept(KeptLines),
}

#[cfg(test)]
type KeptLines = std::sync::Arc<std::sync::Mutex<Vec<String>>>;

impl Screen {
    /// Makes the screen, and sets the log up. `RUST_LOG` selects its records; warnings by default.
    pub(crate) fn new(log: LogForm, quiet: bool) -> Self {
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let screen = Self { bars, quiet, log, sink: LineSink::Stderr };
        let default = if quiet { "error" } else { "warn" };
        let wanted = std::env::var("RUST_LOG").unwrap_or_default();
        let filter = if wanted.is_empty() { default } else { &wanted };
        let filter = EnvFilter::try_new(filter).unwrap_or_else(|error| {
            screen.talk(&format!("warning: `RUST_LOG={wanted}` is not understood: {error}"));
            EnvFilter::new(default)
        });
        let lines = tracing_subscriber::fmt::layer().with_writer(screen.clone());
        let registry = tracing_subscriber::registry().with(filter);
        match log {
            LogForm::Json => registry.with(lines.json()).init(),
            LogForm::Text => {
                registry.with(lines.with_ansi(screen.is_coloured()).with_target(false)).init();
            }
        }
        screen
    }

    /// Makes a screen that shows nothing, without a log.
    #[cfg(test)]
    pub(crate) fn silent() -> Self {
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::hidden());
        Self { bars, quiet: true, log: LogForm::Text, sink: LineSink::Stderr }
    }

    /// Makes a screen that keeps its lines, as one off a terminal writes them.
    #[cfg(test)]
    pub(crate) fn kept() -> (Self, KeptLines) {
        let lines = KeptLines::default();
        let screen = Self { quiet: false, sink: LineSink::Kept(lines.clone()), ..Self::silent() };
        (screen, lines)
    }

    /// Returns whether stderr shows colours: on a terminal, unless `NO_COLOR` is set.
    pub(crate) fn is_coloured(&self) -> bool {
        stderr_is_coloured()
    }

    /// Writes data to stdout. A reader that closed the pipe is no error.
    pub(crate) fn data(&self, text: &str) -> io::Result<()> {
        let text = clean(text, Colours::Escaped);
        let written = self.bars.suspend(|| {
            let mut stdout = io::stdout().lock();
            stdout.write_all(text.as_str().as_bytes()).and_then(|()| stdout.flush())
        });
        written.or_else(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Ok(()),
            _ => Err(error),
        })
    }

    /// Writes a message to stderr, unless the program is quiet.
    pub(crate) fn talk(&self, text: &str) {
        if !self.quiet {
            self.say("INFO", text);
        }
    }

    /// Writes progress to stderr; `fields` hold the same for programs that read the JSON log.
    pub(crate) fn talk_of(&self, text: &str, fields: serde_json::Value) {
        match (self.quiet, self.log) {
            (true, _) => {}
            (false, LogForm::Text) => self.line(&without_long_lines(text)),
            (false, LogForm::Json) => self.record("INFO", &without_long_lines(text), fields),
        }
    }

    /// Writes an error to stderr.
    pub(crate) fn error(&self, text: &str) {
        self.say("ERROR", text);
    }

    /// Writes a message in the form of the log, whatever `RUST_LOG` filters.
    fn say(&self, level: &str, text: &str) {
        let text = without_long_lines(text.trim_end());
        match self.log {
            LogForm::Text => self.line(&text),
            LogForm::Json => self.record(level, &text, serde_json::json!({})),
        }
    }

    fn record(&self, level: &str, text: &str, mut fields: serde_json::Value) {
        fields["message"] = text.into();
        self.line(&serde_json::json!({ "level": level, "fields": fields }).to_string());
    }

    fn line(&self, text: &str) {
        let text = clean(text, self.colours());
        match &self.sink {
            LineSink::Stderr => self.bars.suspend(|| raw_error(&text)),
            #[cfg(test)]
            LineSink::Kept(lines) => {
                let mut lines = lines.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                lines.push(text.as_str().to_owned());
            }
        }
    }

    /// Returns how colours in a text for stderr are treated.
    fn colours(&self) -> Colours {
        if self.is_coloured() { Colours::Kept } else { Colours::Escaped }
    }
}

/// Returns whether stderr shows colours: on a terminal, unless `NO_COLOR` is set.
pub(crate) fn stderr_is_coloured() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty())
}

/// Writes a line to stderr, if it is open.
pub(crate) fn raw_error(text: &Clean<'_>) {
    let _closed = writeln!(io::stderr().lock(), "{}", text.as_str().trim_end());
}

/// Writes records of the log to stderr, above the progress bars.
impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let text = clean(&text, self.colours());
        self.bars.suspend(|| io::stderr().lock().write_all(text.as_str().as_bytes()))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl MakeWriter<'_> for Screen {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
