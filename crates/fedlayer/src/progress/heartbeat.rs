//! [`Heartbeat`]: something that is done again and again while something else is under way; [`Ticker`]: which of the beats say something.

use std::{
    sync::mpsc::{RecvTimeoutError, Sender, channel},
    thread,
    time::Duration,
};

/// Does something again and again until it is dropped.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    _alive: Option<Sender<()>>,
}

impl Heartbeat {
    /// The time from one beat to the next of whatever is shown to people.
    pub(crate) const EVERY: Duration = Duration::from_secs(1);

    /// Starts it, with this time between two beats. Where the system gives no thread there is no beat, and nothing else changes.
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

/// Says when a line of progress is due where nobody watches a bar. It reads no clock: every time is given, counted from the start.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Ticker {
    /// When the last line was written.
    last: Duration,
}

impl Ticker {
    /// Between two lines; with a beat a second there is one at least every 30 seconds.
    pub(crate) const EVERY: Duration = Duration::from_secs(25);

    /// Whether a line is due now. It counts as written then.
    pub(crate) fn due(&mut self, now: Duration) -> bool {
        let is_due = now.saturating_sub(self.last) >= Self::EVERY;
        if is_due {
            self.last = now;
        }
        is_due
    }

    /// A line was written now, whatever for.
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
        let heart = Heartbeat::start(Duration::from_millis(1), move || {
            let _heard = beat.send(());
        });
        assert!((0..3).all(|_| beats.recv().is_ok()));
        drop(heart);
        // Its end of the channel goes with it.
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
