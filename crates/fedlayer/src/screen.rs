//! The one place that prints: data on stdout, talk on stderr, a progress bar that neither runs through.

use std::io::{self, IsTerminal, Write};

use fedlayer_report::quantity;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tracing_subscriber::{
    EnvFilter, fmt::MakeWriter, layer::SubscriberExt, util::SubscriberInitExt,
};

use crate::{
    args::LogForm,
    clean::{Clean, Colours, clean, without_long_lines},
};

/// Where the program speaks.
#[derive(Debug, Clone)]
pub(crate) struct Screen {
    bars: MultiProgress,
    quiet: bool,
    log: LogForm,
    lines: Lines,
}

/// Where lines of talk go.
#[derive(Debug, Clone)]
enum Lines {
    Stderr,
    /// Into a list that a test reads.
    #[cfg(test)]
    Kept(KeptLines),
}

#[cfg(test)]
type KeptLines = std::sync::Arc<std::sync::Mutex<Vec<String>>>;

impl Screen {
    /// Sets the log up, too. `RUST_LOG` says what is in it; warnings, where it is not set.
    pub(crate) fn new(log: LogForm, quiet: bool) -> Self {
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let screen = Self { bars, quiet, log, lines: Lines::Stderr };
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

    /// One that says nothing, and leaves the log alone.
    #[cfg(test)]
    pub(crate) fn silent() -> Self {
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::hidden());
        Self { bars, quiet: true, log: LogForm::Text, lines: Lines::Stderr }
    }

    /// One whose lines are kept, as off a terminal.
    #[cfg(test)]
    pub(crate) fn kept() -> (Self, KeptLines) {
        let lines = KeptLines::default();
        let screen = Self { quiet: false, lines: Lines::Kept(lines.clone()), ..Self::silent() };
        (screen, lines)
    }

    /// Whether stderr shows colours: on a terminal, unless `NO_COLOR` is set.
    pub(crate) fn is_coloured(&self) -> bool {
        stderr_is_coloured()
    }

    /// Data, on stdout. A reader that went away is no error.
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

    /// Talk, on stderr.
    pub(crate) fn talk(&self, text: &str) {
        if !self.quiet {
            self.say("INFO", text);
        }
    }

    /// Talk about progress, on stderr; `fields` say the same to programs that read the log.
    pub(crate) fn talk_of(&self, text: &str, fields: serde_json::Value) {
        match (self.quiet, self.log) {
            (true, _) => {}
            (false, LogForm::Text) => self.line(&without_long_lines(text)),
            (false, LogForm::Json) => self.record("INFO", &without_long_lines(text), fields),
        }
    }

    /// What went wrong, on stderr.
    pub(crate) fn error(&self, text: &str) {
        self.say("ERROR", text);
    }

    /// In the log's form, but past its filter: what the program says to its user is no matter of `RUST_LOG`.
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
        match &self.lines {
            Lines::Stderr => self.bars.suspend(|| raw_error(&text)),
            #[cfg(test)]
            Lines::Kept(lines) => {
                let mut lines = lines.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                lines.push(text.as_str().to_owned());
            }
        }
    }

    /// Whether colours in a text for stderr are the program's own.
    fn colours(&self) -> Colours {
        if self.is_coloured() { Colours::Kept } else { Colours::Escaped }
    }

    /// A bar of so many steps, of which some are done; hidden where nobody would see it move: off a terminal, in a log of JSON, when quiet.
    pub(crate) fn bar(&self, steps: u64, done: u64) -> Bar {
        let is_shown = !self.quiet && self.log == LogForm::Text;
        let bar = if is_shown { ProgressBar::new(steps) } else { ProgressBar::hidden() };
        let bar = self.bars.add(bar);
        bar.set_style(line_style());
        bar.set_position(done);
        Bar(bar)
    }
}

/// A progress bar. The words beside it are cleaned as all text is.
#[derive(Debug, Clone)]
pub(crate) struct Bar(ProgressBar);

impl Bar {
    /// Whether nobody sees it.
    pub(crate) fn is_hidden(&self) -> bool {
        self.0.is_hidden()
    }

    /// Some more steps are done.
    pub(crate) fn inc(&self, steps: u64) {
        self.0.inc(steps);
    }

    /// There are this many steps in all.
    pub(crate) fn set_length(&self, steps: u64) {
        self.0.set_length(steps);
    }

    /// So many steps are done.
    pub(crate) fn set_position(&self, steps: u64) {
        self.0.set_position(steps);
    }

    /// The words beside the bar.
    pub(crate) fn set_message(&self, text: &str) {
        self.0.set_message(clean(text, Colours::Escaped).as_str().to_owned());
    }

    /// Takes the bar away.
    pub(crate) fn finish_and_clear(&self) {
        self.0.finish_and_clear();
    }
}

/// One line: what does not fit on the terminal is cut off at its end, so that nothing wraps.
pub(crate) fn line_style() -> ProgressStyle {
    let style = ProgressStyle::with_template("{bar:10} {elapsed} {wide_msg}");
    style.unwrap_or_else(|_| ProgressStyle::default_bar())
}

impl Screen {
    /// The way of a file of so many bytes, of which some are there.
    pub(crate) fn transfer(&self, name: &str, bytes: u64, there: u64) -> Transfer {
        let bar = if self.quiet { ProgressBar::hidden() } else { ProgressBar::new(bytes) };
        let bar = self.bars.add(bar);
        let style = ProgressStyle::with_template(
            "{bar:24} {decimal_bytes}/{decimal_total_bytes} · {msg} · {decimal_bytes_per_sec} · {eta} left",
        );
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_position(there);
        bar.reset_eta();
        let bar = Bar(bar);
        bar.set_message(name);
        let begun = if there > 0 { ", the rest" } else { "" };
        self.talk(&format!("{name} ({}{begun})", quantity::bytes((bytes - there) as f64)));
        let quarters = quarters(there, bytes);
        Transfer { bar, screen: self.clone(), name: name.to_owned(), bytes, quarters }
    }
}

/// A file on its way: a bar on a terminal, elsewhere a line for each quarter.
#[derive(Debug)]
pub(crate) struct Transfer {
    bar: Bar,
    screen: Screen,
    name: String,
    bytes: u64,
    /// Quarters that were said.
    quarters: u64,
}

impl Transfer {
    /// So many bytes are there.
    pub(crate) fn at(&mut self, there: u64) {
        self.bar.set_position(there);
        let quarters = quarters(there, self.bytes);
        if self.bar.is_hidden() && quarters > self.quarters && quarters < 4 {
            self.screen.talk(&format!("{}: {} %", self.name, 25 * quarters));
        }
        self.quarters = quarters;
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn quarters(there: u64, bytes: u64) -> u64 {
    4 * there / bytes.max(1)
}

/// Whether stderr shows colours: on a terminal, unless `NO_COLOR` is set.
pub(crate) fn stderr_is_coloured() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty())
}

/// A line on stderr. Nobody is told that stderr is closed.
pub(crate) fn raw_error(text: &Clean<'_>) {
    let _closed = writeln!(io::stderr().lock(), "{}", text.as_str().trim_end());
}

/// The log's way to stderr, above the progress bar.
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
