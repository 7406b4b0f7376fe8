//! [`Stepper`]: SGD and Adam as PyTorch defines them, for a stack of clients at once.

use fedlayer_core::{
    Layout,
    spec::{LocalSpec, Optimizer},
};
use tch::{TchError, Tensor};

/// One optimizer step for a stack: parameters, gradients and memory are `(K, P)`, so that each operation serves all clients and layers.
#[derive(Debug)]
pub(crate) struct Stepper {
    optimizer: Optimizer,
    clip: Option<f64>,
    decay: Decay,
}

/// What weight decay adds to the gradient: so much of the parameters.
#[derive(Debug)]
enum Decay {
    /// Nothing.
    None,
    /// The same share of all.
    All(f64),
    /// A share of each, 0 of a running statistic. `(1, P)`
    Each(Tensor),
}

/// What the coefficients of one client's step depend on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// The step that the learning-rate schedule is at, counted from 0 over the whole run.
    pub(crate) global_step: u64,
    /// The client's steps per epoch.
    pub(crate) per_epoch: u64,
    /// The steps that the client would take over the whole run.
    pub(crate) total: u64,
    /// The steps that its optimizer remembers, this one included.
    pub(crate) remembered: u64,
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
            Decay::None
        } else if layout.statistics().next().is_none() {
            Decay::All(share)
        } else {
            let mut shares = vec![share as f32; layout.value_count()];
            layout.statistics().for_each(|tensor| shares[tensor.range.clone()].fill(0.0));
            Decay::Each(Tensor::f_from_slice(&shares)?.f_unsqueeze(0)?.f_to_device(device)?)
        };
        Ok(Self { optimizer: local.optimizer.clone(), clip: local.clip, decay })
    }

    /// How many values of memory the optimizer keeps per parameter.
    pub(crate) fn slots(&self) -> usize {
        self.optimizer.slots()
    }

    /// What differs between clients in a step: −η, or for Adam −η/(1 − β₁ᵗ) and 1/√(1 − β₂ᵗ), t being the client's own steps.
    pub(crate) fn coefficients(&self, local: &LocalSpec, moment: Moment) -> Vec<f32> {
        let rate = |lr| {
            let Moment { global_step, per_epoch, total, .. } = moment;
            local.learning_rate(lr, global_step, per_epoch, total)
        };
        match &self.optimizer {
            Optimizer::Sgd(sgd) => vec![-rate(sgd.lr) as f32],
            Optimizer::Adam(adam) => {
                let steps = moment.remembered as f64;
                let first = 1.0 - adam.beta1.powf(steps);
                let second = 1.0 - adam.beta2.powf(steps);
                vec![(-rate(adam.lr) / first) as f32, (1.0 / second.sqrt()) as f32]
            }
        }
    }

    /// How many [`coefficients`](Self::coefficients) a client has.
    pub(crate) fn width(&self) -> usize {
        match &self.optimizer {
            Optimizer::Sgd(_) => 1,
            Optimizer::Adam(_) => 2,
        }
    }

    /// Changes `params` and `slots` by the gradients, each `(K, P)`; the gradients are used up. `coefficients` are `(K, 1)` each.
    ///
    /// Memory that begins at 0 makes PyTorch's first step: 0·μ + g is g.
    pub(crate) fn step(
        &self,
        params: &mut Tensor,
        gradients: &mut Tensor,
        slots: &mut [Tensor],
        coefficients: &[Tensor],
    ) -> Result<(), TchError> {
        self.clip(gradients)?;
        match &self.decay {
            Decay::None => {}
            Decay::All(share) => drop(gradients.f_add_(&params.f_mul_scalar(*share)?)?), // (K, P)
            Decay::Each(shares) => drop(gradients.f_addcmul_(params, shares)?),          // (K, P)
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

    /// Scales each client's whole gradient by min(1, max/(‖g‖₂ + 1e-6)), as `torch.nn.utils.clip_grad_norm_` does.
    fn clip(&self, gradients: &mut Tensor) -> Result<(), TchError> {
        let Some(largest) = self.clip else { return Ok(()) };
        let norm = gradients.f_norm_scalaropt_dim(2.0, 1, true)?; // (K, 1)
        let mut factor = norm.f_add_scalar(1e-6)?.f_reciprocal()?.f_mul_scalar(largest)?; // (K, 1)
        let _ = gradients.f_mul_(&factor.f_clamp_max_(1.0)?)?;
        Ok(())
    }
}
