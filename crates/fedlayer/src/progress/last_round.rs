//! [`LastRound`]: the round that was committed last, as progress shows it.

/// The numbers of a committed round.
pub(super) struct LastRound {
    pub(super) plan: usize,
    pub(super) round: u32,
    pub(super) train_loss: f64,
    /// A fraction; `None` if the round was not evaluated.
    pub(super) test_accuracy: Option<f64>,
}

impl LastRound {
    /// Returns the round, its training loss and its test accuracy.
    pub(super) fn numbers(&self) -> String {
        let accuracy = self.test_accuracy;
        let accuracy = accuracy.map_or(String::new(), |a| format!(", test acc {:.1} %", 100.0 * a));
        format!("round {}, train loss {:.4}{accuracy}", self.round, self.train_loss)
    }
}
