//! Signals: [`end`] and [`end_again`] are the user's word that the program should end, [`EndAtOnce`] has it end without further ado; a file that may not grow any
//! more is an error and no end.

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

/// Waits for ctrl-c, SIGTERM or SIGHUP (the terminal was closed). Under `nohup` SIGHUP is ignored, as it was meant.
pub(crate) async fn end() {
    let hang_up = if ignores_hang_up() { None } else { signal(SignalKind::hangup()).ok() };
    tokio::select! {
        () = end_again() => {}
        () = received(hang_up) => {}
    }
}

/// Waits for ctrl-c or SIGTERM: after [`end`] one of them is impatience. A terminal that is closed may send SIGHUP more than once.
pub(crate) async fn end_again() {
    // Without a handler the system's own way applies: the program ends.
    let interrupt = signal(SignalKind::interrupt()).ok();
    let terminate = signal(SignalKind::terminate()).ok();
    tokio::select! {
        () = received(interrupt) => {}
        () = received(terminate) => {}
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

/// Has a write past the limit of a file's length (`ulimit -f`) fail as any other write may, where the system would end the program.
pub(crate) fn survive_file_limits() {
    // A handler that does nothing but be there; where there can be none, the program ends as it would have without it.
    let _as_before = signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)));
}

/// Whether whoever started the program has SIGHUP ignored. Where the system does not say, it is not.
fn ignores_hang_up() -> bool {
    let status = files::text_of_system(Path::new("/proc/self/status")).unwrap_or_default();
    is_ignored(&status, SignalKind::hangup().as_raw_value())
}

/// Whether a signal is in the mask of ignored ones in the text of `/proc/self/status`.
fn is_ignored(status: &str, signal: i32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

/// For as long as it lives, ctrl-c (or SIGTERM, or SIGHUP) ends the program at once, whatever its threads are at: a
/// TorchScript module may be in a loop without an end.
#[derive(Debug)]
#[must_use]
pub(crate) struct EndAtOnce(
    #[allow(dead_code, reason = "dropping it is its word")] oneshot::Sender<()>,
);

/// Says `words` and ends the program with the code of an interruption when its user says so.
pub(crate) fn end_at_once(screen: &Screen, words: String) -> EndAtOnce {
    let screen = screen.clone();
    let (alive, over) = oneshot::channel::<()>();
    // Without the thread the program would end without these words.
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

/// [`end_at_once`] while a scenario is read and tried, before its first round.
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
