//! Signals of the user: [`end`] and [`end_again`] wait for them; [`EndAtOnce`] ends the program at
//! the first one. Reaching the limit of a file's length becomes an error.

use std::{
    path::Path,
    sync::{Arc, atomic::AtomicBool},
};

use signal_hook::consts::SIGXFSZ;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::oneshot,
};

use crate::{files, screen::Screen};

/// Waits for ctrl-c, SIGTERM or SIGHUP (the terminal was closed). Under `nohup` SIGHUP stays
/// ignored. Signals count from this call on, which must be made in a runtime.
pub(crate) fn end() -> impl Future<Output = ()> + Send {
    let hang_up = if ignores_hang_up() { None } else { signal(SignalKind::hangup()).ok() };
    let end = end_again();
    async {
        tokio::select! {
            () = end => {}
            () = received(hang_up) => {}
        }
    }
}

/// Waits for ctrl-c or SIGTERM, the second signals after [`end`]. SIGHUP is not among them: a
/// terminal that is closed may send it more than once.
pub(crate) fn end_again() -> impl Future<Output = ()> + Send {
    // Without a handler, the system ends the program.
    let interrupt = signal(SignalKind::interrupt()).ok();
    let terminate = signal(SignalKind::terminate()).ok();
    async {
        tokio::select! {
            () = received(interrupt) => {}
            () = received(terminate) => {}
        }
    }
}

async fn received(signal: Option<Signal>) {
    match signal {
        Some(mut signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// Turns a write past the limit of a file's length (`ulimit -f`) into an ordinary error. Without
/// this, the system would end the program.
pub(crate) fn survive_file_limits() {
    // The handler only needs to exist. If it cannot, the system ends the program as before.
    let _as_before = signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)));
}

/// Returns whether SIGHUP was set to be ignored when the program was started; no, if the system
/// does not tell.
fn ignores_hang_up() -> bool {
    let status = files::text_of_system(Path::new("/proc/self/status")).unwrap_or_default();
    is_ignored(&status, SignalKind::hangup().as_raw_value())
}

/// Returns whether a signal is in the mask of ignored signals in the text of `/proc/self/status`.
fn is_ignored(status: &str, signal: i32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

/// While it lives, ctrl-c (or SIGTERM, or SIGHUP) ends the program at once, even if a thread is in
/// an endless loop of a TorchScript module.
#[derive(Debug)]
#[must_use]
pub(crate) struct EndAtOnce(
    #[allow(dead_code, reason = "dropping it is its word")] oneshot::Sender<()>,
);

/// Prints `words` at the user's signal, and ends the program with the exit code of an interruption.
pub(crate) fn end_at_once(screen: &Screen, words: String) -> EndAtOnce {
    let screen = screen.clone();
    let (alive, over) = oneshot::channel::<()>();
    // If there is no thread for it, the program ends without these words.
    let _watch = std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let Ok(runtime) = runtime else { return };
        runtime.block_on(async {
            tokio::select! {
                () = end() => {
                    screen.error(&words);
                    signal_hook::low_level::exit(130);
                }
                _ = over => {}
            }
        });
    });
    EndAtOnce(alive)
}

/// Does the same while a scenario is read and tried, before its first round.
pub(crate) fn while_preparing(screen: &Screen) -> EndAtOnce {
    end_at_once(screen, "interrupted before the first round".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nohup_is_seen_in_the_mask_of_ignored_signals() {
        let status = |mask| format!("SigBlk:\t0000000000000001\nSigIgn:\t{mask}\nSigCgt:\t0\n");
        assert!(is_ignored(&status("0000000000000001"), 1));
        assert!(is_ignored(&status("0000000000001001"), 1));
        assert!(!is_ignored(&status("0000000000001000"), 1));
        assert!(is_ignored(&status("0000000000004000"), 15));
        assert!(!is_ignored("", 1));
    }
}
