//! [`Shutdown`]: how the caller ends runs early. What a shutdown is (a signal, a test's word) is the caller's.

use tokio::sync::watch;

/// Knows whether the run is to end. Clones share the word.
#[derive(Debug, Clone)]
pub struct Shutdown(watch::Receiver<bool>);

/// Gives the word. Dropping it does not.
#[derive(Debug)]
pub struct Stopper(watch::Sender<bool>);

/// A word that is not given yet.
pub fn shutdown() -> (Stopper, Shutdown) {
    let (sender, receiver) = watch::channel(false);
    (Stopper(sender), Shutdown(receiver))
}

impl Stopper {
    /// Every run that holds a [`Shutdown`] of this stopper abandons its round and returns.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Shutdown {
    /// Whether the word is given.
    pub fn is_given(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until the word is given; for ever if it never is.
    pub async fn wait(&mut self) {
        if self.0.wait_for(|stopped| *stopped).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
