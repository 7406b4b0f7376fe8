//! [`end`]: the user's word that the program should end; [`AtOnce`]: it does so without further ado.

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};

use crate::screen::Screen;

/// Waits for ctrl-c or SIGTERM.
pub(crate) async fn end() {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        // Without a handler the system's own way applies: the program ends.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

/// For as long as it lives, ctrl-c (or SIGTERM) ends the program at once, whatever its threads are at: a
/// TorchScript module may be in a loop without an end.
#[derive(Debug)]
#[must_use]
pub(crate) struct AtOnce(
    #[allow(dead_code, reason = "dropping it is its word")] oneshot::Sender<()>,
);

/// Says `words` and ends the program with the code of an interruption when its user says so.
pub(crate) fn end_at_once(screen: &Screen, words: String) -> AtOnce {
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
    AtOnce(alive)
}

/// [`end_at_once`] while a scenario is read and tried, before its first round.
pub(crate) fn while_preparing(screen: &Screen) -> AtOnce {
    end_at_once(screen, "interrupted before the first round".to_owned())
}
