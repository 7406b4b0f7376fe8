//! [`end`]: the user's word that the program should end.

use tokio::signal::unix::{SignalKind, signal};

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
