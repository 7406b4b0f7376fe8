//! Times two pieces of code alternately, so that other load on the machine affects both.

use std::time::{Duration, Instant};

/// The median times of two pieces of code, and the median ratio of neighbouring runs.
pub(crate) struct Ratio {
    /// The median time of the first piece.
    pub(crate) first: Duration,
    /// The median time of the second piece.
    pub(crate) second: Duration,
    /// The median of first ÷ second over pairs of neighbouring runs.
    pub(crate) ratio: f64,
}

/// Runs both pieces alternately, `turns` times each, after one warm-up of each.
pub(crate) fn compare(turns: usize, mut first: impl FnMut(), mut second: impl FnMut()) -> Ratio {
    first();
    second();
    let mut pairs: Vec<(Duration, Duration)> =
        (0..turns).map(|_| (time(&mut first), time(&mut second))).collect();
    let ratio = |pair: &(Duration, Duration)| pair.0.as_secs_f64() / pair.1.as_secs_f64();
    pairs.sort_by(|a, b| ratio(a).total_cmp(&ratio(b)));
    let median = ratio(&pairs[turns / 2]);
    let middle = |mut times: Vec<Duration>| {
        times.sort_unstable();
        times[times.len() / 2]
    };
    Ratio {
        first: middle(pairs.iter().map(|pair| pair.0).collect()),
        second: middle(pairs.iter().map(|pair| pair.1).collect()),
        ratio: median,
    }
}

fn time(work: &mut impl FnMut()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}
