//! [`Bar`]: a progress bar with text behind it.

use indicatif::{ProgressBar, ProgressStyle};

use super::{
    LogForm, Screen,
    clean::{Colours, clean},
};

/// A progress bar. The text behind it is cleaned as all text is.
#[derive(Debug, Clone)]
pub(crate) struct Bar(ProgressBar);

impl Screen {
    /// Shows a bar of `steps` steps, `done` of which are behind. It is hidden off a terminal, in a
    /// JSON log, and when the program is quiet.
    pub(crate) fn bar(&self, steps: u64, done: u64) -> Bar {
        let is_shown = !self.quiet && self.log == LogForm::Text;
        let bar = if is_shown { ProgressBar::new(steps) } else { ProgressBar::hidden() };
        let bar = self.bars.add(bar);
        bar.set_style(line_style());
        bar.set_position(done);
        Bar(bar)
    }

    /// Shows a bar of `bytes` bytes, `done` of which are behind, with the speed and the time left.
    pub(super) fn transfer_bar(&self, name: &str, bytes: u64, done: u64) -> Bar {
        let bar = if self.quiet { ProgressBar::hidden() } else { ProgressBar::new(bytes) };
        let bar = self.bars.add(bar);
        let style = ProgressStyle::with_template(
            "{bar:24} {decimal_bytes}/{decimal_total_bytes} · {msg} · {decimal_bytes_per_sec} · {eta} left",
        );
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_position(done);
        bar.reset_eta();
        let bar = Bar(bar);
        bar.set_message(name);
        bar
    }
}

impl Bar {
    /// Returns whether the bar is not shown.
    pub(crate) fn is_hidden(&self) -> bool {
        self.0.is_hidden()
    }

    /// Moves on by `steps` steps.
    pub(crate) fn inc(&self, steps: u64) {
        self.0.inc(steps);
    }

    /// Sets the number of all steps.
    pub(crate) fn set_length(&self, steps: u64) {
        self.0.set_length(steps);
    }

    /// Sets the number of steps that are done.
    pub(crate) fn set_position(&self, steps: u64) {
        self.0.set_position(steps);
    }

    /// Sets the text behind the bar.
    pub(crate) fn set_message(&self, text: &str) {
        self.0.set_message(clean(text, Colours::Escaped).as_str().to_owned());
    }

    /// Removes the bar.
    pub(crate) fn finish_and_clear(&self) {
        self.0.finish_and_clear();
    }
}

/// Returns the style of a bar on one line; text that does not fit on the terminal is cut off.
pub(crate) fn line_style() -> ProgressStyle {
    let style = ProgressStyle::with_template("{bar:10} {elapsed} {wide_msg}");
    style.unwrap_or_else(|_| ProgressStyle::default_bar())
}
