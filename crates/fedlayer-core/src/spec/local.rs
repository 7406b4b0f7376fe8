//! `[local]`: how a client trains.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a client trains in a round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LocalSpec {
    /// Passes over the client's own training examples in a round.
    #[schemars(range(min = 1, max = 10_000))]
    pub epochs: u32,
    /// Examples in a batch; the last batch of an epoch may be smaller.
    #[schemars(range(min = 1, max = 100_000_000))]
    pub batch: u32,
    /// The optimizer.
    pub optimizer: Optimizer,
    /// How the learning rate changes over the steps of the whole run. Averaging does not set it back.
    #[serde(default)]
    pub schedule: Schedule,
    /// What becomes of a client's optimizer state (momentum, moments) between two rounds.
    #[serde(default)]
    pub optimizer_state: OptimizerMemory,
    /// The loss.
    #[serde(default)]
    pub loss: Loss,
    /// The largest ℓ2 norm of the whole gradient of a step; a longer one is scaled down to it.
    #[serde(default)]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub clip: Option<f64>,
}

/// The optimizer, as PyTorch defines it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Optimizer {
    /// Stochastic gradient descent (`torch.optim.SGD`).
    Sgd(Sgd),
    /// Adam (`torch.optim.Adam`; its weight decay is added to the gradient).
    Adam(Adam),
}

impl Optimizer {
    /// How many values it remembers per parameter: momentum; Adam's two moments.
    pub fn slots(&self) -> usize {
        match self {
            Self::Sgd(sgd) if sgd.momentum == 0.0 => 0,
            Self::Sgd(_) => 1,
            Self::Adam(_) => 2,
        }
    }
}

/// Stochastic gradient descent, as `torch.optim.SGD` with dampening 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sgd {
    /// The learning rate.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub lr: f64,
    /// The momentum.
    #[serde(default)]
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub momentum: f64,
    /// Whether the momentum is Nesterov's; it then must be above 0.
    #[serde(default)]
    pub nesterov: bool,
    /// The weight decay, added to the gradient.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub weight_decay: f64,
}

/// Adam, as `torch.optim.Adam`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Adam {
    /// The learning rate.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub lr: f64,
    /// The decay of the first moment.
    #[serde(default = "beta1")]
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub beta1: f64,
    /// The decay of the second moment.
    #[serde(default = "beta2")]
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub beta2: f64,
    /// Added to the denominator.
    #[serde(default = "epsilon")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub epsilon: f64,
    /// The weight decay, added to the gradient.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub weight_decay: f64,
}

fn beta1() -> f64 {
    0.9
}

fn beta2() -> f64 {
    0.999
}

fn epsilon() -> f64 {
    1e-8
}

/// How the learning rate changes. Epochs are local epochs, counted over the whole run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Schedule {
    /// It stays as it is.
    #[default]
    Constant,
    /// It is multiplied by `factor` after every `every` epochs.
    Step {
        /// Epochs between two changes.
        #[schemars(range(min = 1))]
        every: u32,
        /// What it is multiplied by.
        #[schemars(extend("exclusiveMinimum" = 0))]
        factor: f64,
    },
    /// It is multiplied by `factor` at each of these epochs.
    MultiStep {
        /// The epochs of the changes, ascending.
        #[schemars(length(min = 1), inner(range(min = 1)))]
        at: Vec<u32>,
        /// What it is multiplied by.
        #[schemars(extend("exclusiveMinimum" = 0))]
        factor: f64,
    },
    /// After a linear warm-up it falls along half a cosine, to 0 at the last step of the run.
    Cosine {
        /// Steps of the linear warm-up.
        #[serde(default)]
        warmup_steps: u32,
        /// The learning rate at the first step of the warm-up.
        #[serde(default)]
        #[schemars(range(min = 0))]
        warmup_from: f64,
    },
}

impl Schedule {
    /// The learning rate of a step.
    ///
    /// `step` counts from 0 over the whole run, `steps_per_epoch` is the client's own, `total_steps` is what the client
    /// would take if it trained in every round. All are known without state, so that averaging, sitting out a round
    /// and resuming change nothing.
    pub fn learning_rate(
        &self,
        base: f64,
        step: u64,
        steps_per_epoch: u64,
        total_steps: u64,
    ) -> f64 {
        let epoch = step / steps_per_epoch.max(1);
        match self {
            Self::Constant => base,
            Self::Step { every, factor } => {
                base * factor.powi((epoch / u64::from(*every)).min(i32::MAX as u64) as i32)
            }
            Self::MultiStep { at, factor } => {
                let passed = at.iter().filter(|&&change| u64::from(change) <= epoch).count();
                base * factor.powi(passed as i32)
            }
            Self::Cosine { warmup_steps, warmup_from } => {
                let warmup = u64::from(*warmup_steps);
                if step < warmup {
                    return warmup_from + (base - warmup_from) * step as f64 / warmup as f64;
                }
                let rest = total_steps.saturating_sub(warmup).max(1);
                let progress = ((step - warmup) as f64 / rest as f64).min(1.0);
                0.5 * base * (1.0 + (std::f64::consts::PI * progress).cos())
            }
        }
    }
}

/// What becomes of a client's optimizer state between two rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OptimizerMemory {
    /// Every round begins with an empty state.
    #[default]
    Reset,
    /// The client goes on with the state that it had after its last round.
    Keep,
}

/// The loss of an example. The loss of a set of examples is the mean over the examples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// −log softmax(f)\[label\].
    #[default]
    CrossEntropy,
    /// Σ_c (f_c − onehot_c)², summed over the classes without a factor ½.
    Squared,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_take_their_values_at_the_corners() {
        let rate = |schedule: &Schedule, step| schedule.learning_rate(0.1, step, 10, 1000);
        let step = Schedule::Step { every: 2, factor: 0.5 };
        assert_eq!(
            [rate(&step, 0), rate(&step, 19), rate(&step, 20), rate(&step, 40)],
            [0.1, 0.1, 0.05, 0.025]
        );
        let multi = Schedule::MultiStep { at: vec![1, 3], factor: 0.1 };
        assert_eq!(rate(&multi, 9), 0.1);
        assert!((rate(&multi, 10) - 0.01).abs() < 1e-15);
        assert!((rate(&multi, 30) - 0.001).abs() < 1e-15);
        let cosine = Schedule::Cosine { warmup_steps: 100, warmup_from: 1e-4 };
        assert_eq!(rate(&cosine, 0), 1e-4);
        assert!((rate(&cosine, 50) - 0.05005).abs() < 1e-12);
        assert_eq!(rate(&cosine, 100), 0.1);
        assert!((rate(&cosine, 550) - 0.05).abs() < 1e-12);
        assert!(rate(&cosine, 1000).abs() < 1e-12);
    }
}
