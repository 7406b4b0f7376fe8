//! [`Transfer`]: a file on its way, as the user sees it.

use fedlayer_report::quantity;

use super::{Screen, bar::Bar};

/// A file on its way: a bar on a terminal, elsewhere a line for each quarter.
#[derive(Debug)]
pub(crate) struct Transfer {
    bar: Bar,
    screen: Screen,
    name: String,
    bytes: u64,
    /// The last quarter that was shown, 0 to 4.
    quarter: u64,
}

impl Screen {
    /// Shows a download of `bytes` bytes, `done` of which are already on disk.
    pub(crate) fn transfer(&self, name: &str, bytes: u64, done: u64) -> Transfer {
        let bar = self.transfer_bar(name, bytes, done);
        let begun = if done > 0 { ", the rest" } else { "" };
        self.talk(&format!("{name} ({}{begun})", quantity::bytes((bytes - done) as f64)));
        let quarter = quarter(done, bytes);
        Transfer { bar, screen: self.clone(), name: name.to_owned(), bytes, quarter }
    }
}

impl Transfer {
    /// Shows that `done` bytes are on disk.
    pub(crate) fn at(&mut self, done: u64) {
        self.bar.set_position(done);
        let quarter = quarter(done, self.bytes);
        if self.bar.is_hidden() && quarter > self.quarter && quarter < 4 {
            self.screen.talk(&format!("{}: {} %", self.name, 25 * quarter));
        }
        self.quarter = quarter;
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn quarter(done: u64, bytes: u64) -> u64 {
    4 * done / bytes.max(1)
}
