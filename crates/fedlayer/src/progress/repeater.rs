//! [`Repeater`]: a call that repeats while other work goes on; [`Ticker`]: which of the calls
//! write a line.

use std::{
    sync::mpsc::{RecvTimeoutError, Sender, channel},
    thread,
    time::Duration,
};

/// Repeats a call until it is dropped.
#[derive(Debug)]
pub(crate) struct Repeater {
    _alive: Option<Sender<()>>,
}

impl Repeater {
    /// The time between two beats of a display.
    pub(crate) const EVERY: Duration = Duration::from_secs(1);

    /// Calls `beat` after every period `every`. If the system gives no thread, there are no beats,
    /// and nothing else changes.
    pub(crate) fn start(every: Duration, mut beat: impl FnMut() + Send + 'static) -> Self {
        let (alive, ended) = channel();
        let beating = move || {
            while ended.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                beat();
            }
        };
        let started = thread::Builder::new().name("progress".to_owned()).spawn(beating);
        Self { _alive: started.is_ok().then_some(alive) }
    }
}

/// Decides when a line of progress is due off a terminal. It reads no clock: every time is an
/// argument, counted from the start.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Ticker {
    /// The time of the last line.
    last: Duration,
}

impl Ticker {
    /// The least time between two lines. With a beat a second, there is a line at least every 30
    /// seconds.
    pub(crate) const EVERY: Duration = Duration::from_secs(25);

    /// Returns whether a line is due now; if so, it counts as written.
    pub(crate) fn due(&mut self, now: Duration) -> bool {
        let is_due = now.saturating_sub(self.last) >= Self::EVERY;
        if is_due {
            self.last = now;
        }
        is_due
    }

    /// Notes that a line was written now.
    pub(crate) fn wrote(&mut self, now: Duration) {
        self.last = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_beats_until_it_is_dropped() {
        let (beat, beats) = channel();
        let repeater = Repeater::start(Duration::from_millis(1), move || {
            let _heard = beat.send(());
        });
        assert!((0..3).all(|_| beats.recv().is_ok()));
        drop(repeater);
        // The sender is dropped together with the repeater.
        assert_eq!(beats.iter().find(|()| false), None);
    }

    #[test]
    fn a_line_is_due_at_least_every_thirty_seconds_and_no_sooner_than_wanted() {
        let mut ticker = Ticker::default();
        let due: Vec<u64> =
            (0..=120).filter(|&second| ticker.due(Duration::from_secs(second))).collect();
        assert_eq!(due, [25, 50, 75, 100]);
    }

    #[test]
    fn another_line_puts_the_next_one_off() {
        let mut ticker = Ticker::default();
        ticker.wrote(Duration::from_secs(20));
        assert!(!ticker.due(Duration::from_secs(44)));
        assert!(ticker.due(Duration::from_secs(45)));
    }
}
