//! `[local]`: the local training of a client.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The local training of a client in a round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LocalSpec {
    /// The number of passes over the client's own training examples in a round. Either `epochs` or
    /// `steps` is given.
    #[serde(default)]
    #[schemars(range(min = 1, max = 10_000))]
    pub epochs: Option<u32>,
    /// The number of optimizer steps in a round, whatever the number of the client's examples. Its
    /// batches continue from epoch to epoch.
    #[serde(default)]
    #[schemars(range(min = 1, max = 10_000_000))]
    pub steps: Option<u32>,
    /// The number of examples in a batch; the last batch of an epoch may be smaller.
    #[schemars(range(min = 1, max = 100_000_000))]
    pub batch: u32,
    /// The handling of the last batch of an epoch, if it is smaller than `batch`.
    #[serde(default, skip_serializing_if = "LastBatch::is_kept")]
    pub last_batch: LastBatch,
    /// The optimizer.
    pub optimizer: Optimizer,
    /// The change of the learning rate over the steps of the whole run. Averaging does not reset
    /// it.
    #[serde(default)]
    pub schedule: Schedule,
    /// A linear warm-up before the schedule.
    #[serde(default)]
    pub warmup: Option<Warmup>,
    /// The handling of a client's optimizer state (momentum, moments) between two rounds.
    #[serde(default)]
    pub optimizer_state: OptimizerMemory,
    /// The loss.
    #[serde(default)]
    pub loss: Loss,
    /// The largest ℓ2 norm of the gradient of a step. A longer gradient is scaled down to it.
    #[serde(default)]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub clip: Option<f64>,
    /// The floating-point format of networks in training.
    #[serde(default)]
    pub precision: Precision,
}

/// The handling of the last batch of an epoch, if it is smaller than `batch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LastBatch {
    /// It is a step like any other.
    #[default]
    Keep,
    /// It is left out, with other examples in every epoch, as in PyTorch's
    /// `DataLoader(drop_last=True)`. A client with fewer examples than `batch` keeps its only
    /// batch, because it would have no step otherwise.
    Drop,
}

impl LastBatch {
    fn is_kept(&self) -> bool {
        *self == Self::Keep
    }
}

/// A warm-up: the learning rate rises linearly from `from`; then the schedule begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Warmup {
    /// The length in optimizer steps. Either `steps` or `epochs` is given.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub steps: Option<u32>,
    /// The length in local epochs.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub epochs: Option<u32>,
    /// The learning rate at the first step.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub from: f64,
}

impl Warmup {
    /// Returns the length in steps, for a client with this number of steps per epoch.
    pub fn length(&self, steps_per_epoch: u64) -> u64 {
        let epochs = u64::from(self.epochs.unwrap_or(0)) * steps_per_epoch;
        self.steps.map_or(epochs, u64::from)
    }
}

/// The floating-point format of networks in training. Parameters, optimizers, losses and
/// evaluations are always f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// 32-bit floating point.
    #[default]
    F32,
    /// bfloat16 for convolutions, linear layers and attention, and f32 for all other operations.
    Bf16,
}

impl LocalSpec {
    /// Makes local training with epochs and the defaults of all other keys.
    pub fn new(epochs: u32, batch: u32, optimizer: Optimizer) -> Self {
        Self {
            epochs: Some(epochs),
            steps: None,
            batch,
            last_batch: LastBatch::default(),
            optimizer,
            schedule: Schedule::default(),
            warmup: None,
            optimizer_state: OptimizerMemory::default(),
            loss: Loss::default(),
            clip: None,
            precision: Precision::default(),
        }
    }

    /// Returns the number of batches of an epoch, for a client with this number of training
    /// examples.
    pub fn batches_of(&self, examples: u64) -> u64 {
        let batch = self.batch.into();
        match self.last_batch {
            LastBatch::Keep => examples.div_ceil(batch),
            LastBatch::Drop if examples < batch => examples.min(1),
            LastBatch::Drop => examples / batch,
        }
    }

    /// Returns the size of the smallest batch of a round, for a client with this number of training
    /// examples; 0 for a client without examples.
    pub fn smallest_batch(&self, examples: u64) -> u64 {
        let (batch, per_epoch) = (u64::from(self.batch), self.batches_of(examples));
        // Only the last batch of an epoch may be smaller.
        let reaches_last = self.steps_of(per_epoch) >= per_epoch;
        let left = examples.saturating_sub(per_epoch.saturating_sub(1) * batch).min(batch);
        if reaches_last { left } else { batch }
    }

    /// Returns the number of optimizer steps of a round, for a client with this number of steps per
    /// epoch.
    pub fn steps_of(&self, steps_per_epoch: u64) -> u64 {
        match self.steps {
            Some(steps) if steps_per_epoch > 0 => steps.into(),
            Some(_) => 0,
            None => u64::from(self.epochs.unwrap_or(1)) * steps_per_epoch,
        }
    }

    /// Computes the learning rate of a step, where `base` is the optimizer's learning rate.
    ///
    /// `step` counts from 0 over the whole run. `steps_per_epoch` is the client's own, and
    /// `total_steps` is the number of steps of a client that trains in every round. All of them are
    /// known without state, so averaging, missing a round and resuming do not change the learning
    /// rate.
    pub fn learning_rate(
        &self,
        base: f64,
        step: u64,
        steps_per_epoch: u64,
        total_steps: u64,
    ) -> f64 {
        let warmup = self.warmup.as_ref().map_or(0, |warmup| warmup.length(steps_per_epoch));
        if step < warmup {
            let from = self.warmup.as_ref().map_or(0.0, |warmup| warmup.from);
            return from + (base - from) * step as f64 / warmup as f64;
        }
        let rest = total_steps.saturating_sub(warmup);
        self.schedule.learning_rate(base, step - warmup, steps_per_epoch, rest)
    }
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
    /// Returns the number of values that it keeps per parameter: one for momentum, two for Adam's
    /// moments.
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
    /// If true, the momentum is Nesterov's; it must then be above 0.
    #[serde(default)]
    pub nesterov: bool,
    /// The weight decay, added to the gradient.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub weight_decay: f64,
}

impl Sgd {
    /// Makes plain gradient descent.
    pub fn new(lr: f64) -> Self {
        Self { lr, momentum: 0.0, nesterov: false, weight_decay: 0.0 }
    }
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

/// The change of the learning rate. Epochs are local epochs, counted over the whole run from the
/// end of the warm-up.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Schedule {
    /// The learning rate is constant.
    #[default]
    Constant,
    /// The learning rate is multiplied by `factor` after every `every` epochs.
    Step {
        /// The number of epochs between two changes.
        #[schemars(range(min = 1))]
        every: u32,
        /// The factor.
        #[schemars(extend("exclusiveMinimum" = 0))]
        factor: f64,
    },
    /// The learning rate is multiplied by `factor` at each of these epochs.
    MultiStep {
        /// The epochs of the changes, in ascending order.
        #[schemars(length(min = 1), inner(range(min = 1)))]
        at: Vec<u32>,
        /// The factor.
        #[schemars(extend("exclusiveMinimum" = 0))]
        factor: f64,
    },
    /// The learning rate falls along half a cosine that reaches 0 after the last step of the run.
    /// The last of T steps has ½·lr·(1 + cos(π(T − 1)/T)), which is above 0, as in PyTorch's
    /// `CosineAnnealingLR` with `T_max = T`.
    Cosine,
}

impl Schedule {
    /// Computes the learning rate of the `step`-th of `total_steps` steps after the warm-up.
    fn learning_rate(&self, base: f64, step: u64, steps_per_epoch: u64, total_steps: u64) -> f64 {
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
            Self::Cosine => {
                let progress = (step as f64 / total_steps.max(1) as f64).min(1.0);
                0.5 * base * (1.0 + (std::f64::consts::PI * progress).cos())
            }
        }
    }
}

/// The handling of a client's optimizer state between two rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OptimizerMemory {
    /// Every round begins with an empty state.
    #[default]
    Reset,
    /// The client continues with the state of its last round.
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
    fn an_epoch_with_its_last_batch_and_without_it() {
        let local = |batch, steps, last_batch| LocalSpec {
            epochs: if steps > 0 { None } else { Some(2) },
            steps: (steps > 0).then_some(steps),
            last_batch,
            ..LocalSpec::new(1, batch, Optimizer::Sgd(Sgd::new(0.1)))
        };
        // Batch, steps (0: two epochs), examples; then the batches of an epoch and the smallest
        // batch of a round.
        let cases = [
            (LastBatch::Keep, 19, 0, 115, (7, 1)),
            (LastBatch::Drop, 19, 0, 115, (6, 19)),
            (LastBatch::Keep, 19, 6, 115, (7, 19)),
            (LastBatch::Keep, 19, 7, 115, (7, 1)),
            (LastBatch::Keep, 19, 0, 114, (6, 19)),
            (LastBatch::Keep, 8, 0, 5, (1, 5)),
            (LastBatch::Drop, 8, 0, 5, (1, 5)),
            (LastBatch::Drop, 8, 0, 8, (1, 8)),
            (LastBatch::Drop, 8, 0, 1, (1, 1)),
            (LastBatch::Keep, 1, 0, 5, (5, 1)),
            (LastBatch::Drop, 8, 0, 0, (0, 0)),
            (LastBatch::Keep, 8, 3, 0, (0, 0)),
        ];
        for (last_batch, batch, steps, examples, expected) in cases {
            let local = local(batch, steps, last_batch);
            let found = (local.batches_of(examples), local.smallest_batch(examples));
            assert_eq!(found, expected, "{last_batch:?} {batch} {steps} {examples}");
        }
    }

    #[test]
    fn schedules_take_their_values_at_the_corners() {
        let local = |schedule: &Schedule, warmup: Option<Warmup>| LocalSpec {
            schedule: schedule.clone(),
            warmup,
            ..LocalSpec::new(1, 1, Optimizer::Sgd(Sgd::new(0.1)))
        };
        let rate =
            |schedule: &Schedule, step| local(schedule, None).learning_rate(0.1, step, 10, 1000);
        let step = Schedule::Step { every: 2, factor: 0.5 };
        assert_eq!(
            [rate(&step, 0), rate(&step, 19), rate(&step, 20), rate(&step, 40)],
            [0.1, 0.1, 0.05, 0.025]
        );
        let multi = Schedule::MultiStep { at: vec![1, 3], factor: 0.1 };
        assert_eq!(rate(&multi, 9), 0.1);
        assert!((rate(&multi, 10) - 0.01).abs() < 1e-15);
        assert!((rate(&multi, 30) - 0.001).abs() < 1e-15);
        assert_eq!(rate(&Schedule::Cosine, 0), 0.1);
        assert!((rate(&Schedule::Cosine, 500) - 0.05).abs() < 1e-12);
        // The last of 1000 steps of PyTorch's `CosineAnnealingLR(optimizer, T_max=1000)`.
        assert!((rate(&Schedule::Cosine, 999) - 2.467_399_070_893_439e-7).abs() < 1e-15);
        let steps = Warmup { steps: Some(100), epochs: None, from: 1e-4 };
        let epochs = Warmup { steps: None, epochs: Some(10), from: 1e-4 };
        for warmup in [steps, epochs] {
            let cosine = local(&Schedule::Cosine, Some(warmup.clone()));
            let rate = |step| cosine.learning_rate(0.1, step, 10, 1000);
            assert_eq!(rate(0), 1e-4);
            assert!((rate(50) - 0.05005).abs() < 1e-12);
            assert_eq!(rate(100), 0.1);
            assert!((rate(550) - 0.05).abs() < 1e-12);
            assert!(rate(1000).abs() < 1e-12);
            let step = local(&Schedule::Step { every: 2, factor: 0.5 }, Some(warmup));
            assert_eq!(step.learning_rate(0.1, 119, 10, 1000), 0.1);
            assert_eq!(step.learning_rate(0.1, 120, 10, 1000), 0.05);
        }
    }
}
