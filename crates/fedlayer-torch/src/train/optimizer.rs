//! [`Stepper`]: SGD and Adam as PyTorch defines them, for a stack of clients at once.

use fedlayer_core::{
    model::Layout,
    spec::{LocalSpec, Optimizer},
};
use tch::{TchError, Tensor};

/// The optimizer of a plan. Parameters, gradients and optimizer state are `(K, P)`, so that one
/// operation updates all clients and layers.
#[derive(Debug)]
pub(crate) struct Stepper {
    optimizer: Optimizer,
    clip: Option<f64>,
    decay: WeightDecay,
}

/// The share of the parameters that weight decay adds to the gradient.
#[derive(Debug)]
enum WeightDecay {
    /// No weight decay.
    None,
    /// The same share of all parameters.
    All(f64),
    /// A share per parameter, 0 for a running statistic. `(1, P)`
    Each(Tensor),
}

/// The position of one training step of a client, for learning-rate schedules and Adam.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StepPosition {
    /// The index of the step, counted from 0 over the whole run.
    pub(crate) global_step: u64,
    /// The steps of an epoch of the client.
    pub(crate) per_epoch: u64,
    /// The steps of the client if it takes part in all rounds of the run.
    pub(crate) total_steps: u64,
    /// The steps in the optimizer's state, this one included: t in Adam's bias correction.
    pub(crate) optimizer_steps: u64,
}

impl Stepper {
    pub(crate) fn new(
        local: &LocalSpec,
        layout: &Layout,
        device: tch::Device,
    ) -> Result<Self, TchError> {
        let share = match &local.optimizer {
            Optimizer::Sgd(sgd) => sgd.weight_decay,
            Optimizer::Adam(adam) => adam.weight_decay,
        };
        let decay = if share == 0.0 {
            WeightDecay::None
        } else if layout.statistics().next().is_none() {
            WeightDecay::All(share)
        } else {
            let mut shares = vec![share as f32; layout.value_count()];
            layout.statistics().for_each(|tensor| shares[tensor.range.clone()].fill(0.0));
            WeightDecay::Each(Tensor::f_from_slice(&shares)?.f_unsqueeze(0)?.f_to_device(device)?)
        };
        Ok(Self { optimizer: local.optimizer.clone(), clip: local.clip, decay })
    }

    /// The number of state values per parameter: 0 for SGD, 1 with momentum, 2 for Adam.
    pub(crate) fn slots(&self) -> usize {
        self.optimizer.slots()
    }

    /// Returns the coefficients of a step, which differ between clients: −η, and for Adam
    /// −η/(1 − β₁ᵗ) and 1/√(1 − β₂ᵗ) with the client's own number of steps t.
    pub(crate) fn coefficients(&self, local: &LocalSpec, position: StepPosition) -> Vec<f32> {
        let rate = |lr| {
            let StepPosition { global_step, per_epoch, total_steps, .. } = position;
            local.learning_rate(lr, global_step, per_epoch, total_steps)
        };
        match &self.optimizer {
            Optimizer::Sgd(sgd) => vec![-rate(sgd.lr) as f32],
            Optimizer::Adam(adam) => {
                let steps = position.optimizer_steps as f64;
                let first = 1.0 - adam.beta1.powf(steps);
                let second = 1.0 - adam.beta2.powf(steps);
                vec![(-rate(adam.lr) / first) as f32, (1.0 / second.sqrt()) as f32]
            }
        }
    }

    /// The number of [`coefficients`](Self::coefficients) of a client.
    pub(crate) fn coefficient_count(&self) -> usize {
        match &self.optimizer {
            Optimizer::Sgd(_) => 1,
            Optimizer::Adam(_) => 2,
        }
    }

    /// Updates `params` and `slots` by the gradients, each `(K, P)`. Overwrites the gradients. The
    /// `coefficients` are `(K, 1)` each.
    ///
    /// A momentum buffer that begins at 0 gives PyTorch's first step: 0·μ + g is g.
    pub(crate) fn step(
        &self,
        params: &mut Tensor,
        gradients: &mut Tensor,
        slots: &mut [Tensor],
        coefficients: &[Tensor],
    ) -> Result<(), TchError> {
        self.clip(gradients)?;
        match &self.decay {
            WeightDecay::None => {}
            WeightDecay::All(share) => drop(gradients.f_add_(&params.f_mul_scalar(*share)?)?), // (K, P)
            WeightDecay::Each(shares) => drop(gradients.f_addcmul_(params, shares)?), // (K, P)
        }
        let rate = &coefficients[0]; // (K, 1)
        match (&self.optimizer, slots) {
            (Optimizer::Sgd(_), []) => drop(params.f_addcmul_(gradients, rate)?),
            (Optimizer::Sgd(sgd), [buffer, ..]) => {
                let _ = buffer.f_mul_scalar_(sgd.momentum)?;
                let _ = buffer.f_add_(gradients)?; // (K, P)
                if sgd.nesterov {
                    let _ = gradients.f_add_(&buffer.f_mul_scalar(sgd.momentum)?)?; // (K, P)
                    let _ = params.f_addcmul_(gradients, rate)?;
                } else {
                    let _ = params.f_addcmul_(buffer, rate)?;
                }
            }
            (Optimizer::Adam(adam), [first, second]) => {
                let _ = first.f_lerp_(gradients, 1.0 - adam.beta1)?; // (K, P)
                let _ = second.f_mul_scalar_(adam.beta2)?;
                let scaled = gradients.f_mul_scalar(1.0 - adam.beta2)?;
                let _ = second.f_addcmul_(&scaled, gradients)?; // (K, P)
                let mut root = second.f_sqrt()?.f_mul_(&coefficients[1])?; // (K, P)
                let root = root.f_add_scalar_(adam.epsilon)?;
                let _ = params.f_addcdiv_(&first.f_mul(rate)?, &root)?;
            }
            (Optimizer::Adam(_), _) => unreachable!("`slots` says that Adam has two"),
        }
        Ok(())
    }

    /// Scales each client's whole gradient by min(1, max/(‖g‖₂ + 1e-6)), as
    /// `torch.nn.utils.clip_grad_norm_` does.
    fn clip(&self, gradients: &mut Tensor) -> Result<(), TchError> {
        let Some(largest) = self.clip else { return Ok(()) };
        let norm = gradients.f_norm_scalaropt_dim(2.0, 1, true)?; // (K, 1)
        let mut factor = norm.f_add_scalar(1e-6)?.f_reciprocal()?.f_mul_scalar(largest)?; // (K, 1)
        let _ = gradients.f_mul_(&factor.f_clamp_max_(1.0)?)?;
        Ok(())
    }
}
