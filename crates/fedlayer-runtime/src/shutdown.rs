//! [`Shutdown`]: lets the caller stop runs early. Signals are the caller's business.

use tokio::sync::watch;

/// Tells a run whether to stop. Clones share the state.
#[derive(Debug, Clone)]
pub struct Shutdown(watch::Receiver<bool>);

/// Stops runs. Dropping it does not stop them.
#[derive(Debug)]
pub struct Stopper(watch::Sender<bool>);

/// Returns a stopper and the shutdown that it controls.
pub fn shutdown() -> (Stopper, Shutdown) {
    let (sender, receiver) = watch::channel(false);
    (Stopper(sender), Shutdown(receiver))
}

impl Stopper {
    /// Makes every run that holds this stopper's [`Shutdown`] abandon its round and return.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Shutdown {
    /// Returns whether the run must stop.
    pub fn is_given(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until the run must stop, which may be never.
    pub async fn wait(&mut self) {
        if self.0.wait_for(|stopped| *stopped).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
