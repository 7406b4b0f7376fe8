//! [`ToyTrainer`]: quadratic clients with a known optimum, trained in closed form.

use std::sync::Arc;

use rand_distr::{Distribution, StandardNormal};

use crate::{
    data::{Examples, FederatedData, Split},
    model::{Layout, Params, ParamsError, Point},
    plan::Plan,
    seed::Seed,
    spec::{LocalSpec, ModelSpec, Optimizer},
    trainer::{Derivatives, Evaluation, Probe, TrainJob, Trainer, TrainerError, Update},
};

/// Clients with the loss ½ Σ_l c_l ‖θ_l − x_l‖² for an example x. The optimum of a client is the
/// mean m of its examples.
///
/// A step of gradient descent on all examples of a client maps θ_l − m_l to (1 − η·c_l)(θ_l − m_l).
/// A round multiplies the factors of its steps; it has as many steps as an optimizer with the
/// plan's batch size. The loss is a sum over layers. Therefore the full barrier is the sum of the
/// layer-wise barriers under the baselines `base` and `chord`, the interaction of L layers under
/// `mean` is (L − 1)(L̄ − L_i), and every chord barrier is −½α(1−α) Σ c_l ‖Δ_l‖², where Δ is the
/// step at α = 1.
#[derive(Debug)]
pub struct ToyTrainer {
    layout: Arc<Layout>,
    curvature: Vec<f64>,
    local: LocalSpec,
    lr: f64,
    rounds: u32,
    data: Arc<FederatedData>,
}

impl ToyTrainer {
    /// Makes a trainer for a plan with [`ModelSpec::Toy`].
    ///
    /// # Errors
    /// When the plan has another model, or an optimizer other than plain SGD. No setting of a
    /// scenario is ignored silently.
    pub fn new(plan: &Plan, data: Arc<FederatedData>) -> Result<Self, TrainerError> {
        let (ModelSpec::Toy(toy), Optimizer::Sgd(sgd)) = (&plan.model, &plan.local.optimizer)
        else {
            return Err(TrainerError("the toy trainer needs `model.toy` and `sgd`".into()));
        };
        if sgd.momentum != 0.0 || sgd.weight_decay != 0.0 || plan.local.clip.is_some() {
            let text = "the toy trainer takes plain gradient steps; leave out `momentum`, `weight_decay` and `clip`";
            return Err(TrainerError(text.into()));
        }
        Ok(Self {
            layout: plan.layout.clone(),
            curvature: toy.curvature.clone(),
            local: plan.local.clone(),
            lr: sgd.lr,
            rounds: plan.rounds,
            data,
        })
    }

    /// Returns the mean of some examples, and the mean squared distance from it per layer.
    fn moments(&self, examples: &[f32]) -> (Vec<f64>, Vec<f64>) {
        let width = self.layout.value_count();
        let count = (examples.len() / width).max(1) as f64;
        let mut mean = vec![0.0; width];
        for example in examples.chunks_exact(width) {
            for (mean, &x) in mean.iter_mut().zip(example) {
                *mean += f64::from(x) / count;
            }
        }
        let spread = self.layout.layers().iter().map(|layer| {
            let squares = examples.chunks_exact(width).flat_map(|example| {
                example[layer.range.clone()].iter().zip(&mean[layer.range.clone()])
            });
            squares.map(|(&x, mean)| (f64::from(x) - mean).powi(2)).sum::<f64>() / count
        });
        let spread = spread.collect();
        (mean, spread)
    }

    fn train_one(&self, job: &TrainJob) -> Result<Update, ParamsError> {
        let client = self.data.client(job.client);
        let examples = client.train.len();
        let per_epoch = self.local.batches_of(examples as u64);
        let steps = self.local.steps_of(per_epoch);
        let total = steps * u64::from(self.rounds);
        let first = u64::from(job.round - 1) * steps;
        let (mean, spread) = self.moments(&values_of(&client.examples, &client.train));
        let distances: Vec<f64> = self
            .layout
            .layers()
            .iter()
            .map(|layer| {
                let values = job.params.range(&layer.range).iter().zip(&mean[layer.range.clone()]);
                values.map(|(&value, mean)| (f64::from(value) - mean).powi(2)).sum()
            })
            .collect();
        // The factor of each layer that remains of the distance to the mean.
        let mut left = vec![1.0; self.curvature.len()];
        let mut losses = 0.0;
        for step in first..first + steps {
            let lr = self.local.learning_rate(self.lr, step, per_epoch, total);
            for (l, (left, curvature)) in left.iter_mut().zip(&self.curvature).enumerate() {
                losses += 0.5 * curvature * (*left * *left * distances[l] + spread[l]);
                *left *= 1.0 - lr * curvature;
            }
        }
        let mut values = job.params.values().to_vec();
        for (layer, left) in self.layout.layers().iter().zip(&left) {
            for at in layer.range.clone() {
                values[at] = (mean[at] + left * (f64::from(values[at]) - mean[at])) as f32;
            }
        }
        Ok(Update {
            client: job.client,
            params: Arc::new(Params::new(self.layout.clone(), values)?),
            optimizer: None,
            examples: examples as u64,
            steps,
            loss: losses / steps.max(1) as f64,
        })
    }

    /// Returns the examples of a split, one after another.
    fn examples(&self, split: Split) -> Vec<f32> {
        match split {
            Split::Train => match self.data.pool() {
                Some(pool) => values_of(pool, &self.data.union_train()),
                None => Vec::new(),
            },
            Split::ClientTest(client) => {
                let client = self.data.client(client);
                values_of(&client.examples, &client.test)
            }
            Split::Test => self.data.test.all_values(),
            Split::Validation => {
                self.data.validation.as_ref().map_or(Vec::new(), |part| part.all_values())
            }
            Split::ClientValidation(client) => {
                let client = self.data.client(client);
                values_of(&client.examples, &client.validation)
            }
        }
    }

    /// Multiplies each layer of a vector over the parameters by its curvature.
    fn times_curvature(&self, mut vector: Vec<f64>) -> Vec<f64> {
        for (layer, curvature) in self.layout.layers().iter().zip(&self.curvature) {
            vector[layer.range.clone()].iter_mut().for_each(|value| *value *= curvature);
        }
        vector
    }

    /// Returns the loss of one example, ½ Σ_l c_l ‖θ_l − x_l‖².
    fn loss(&self, params: &Params, x: &[f32]) -> f32 {
        let layers = self.layout.layers().iter().zip(&self.curvature);
        let losses = layers.map(|(layer, curvature)| {
            let values = params.range(&layer.range).iter().zip(&x[layer.range.clone()]);
            0.5 * curvature
                * values.map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum::<f64>()
        });
        losses.sum::<f64>() as f32
    }
}

impl Trainer for ToyTrainer {
    fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// Draws every value from the standard normal distribution.
    fn initial(&mut self, seed: Seed) -> Result<Params, TrainerError> {
        let mut generator = seed.generator();
        let values = (0..self.layout.value_count()).map(|_| StandardNormal.sample(&mut generator));
        Params::new(self.layout.clone(), values.collect()).map_err(failed)
    }

    fn train(&mut self, jobs: &[TrainJob]) -> Vec<Result<Update, TrainerError>> {
        jobs.iter().map(|job| self.train_one(job).map_err(failed)).collect()
    }

    fn evaluate(&mut self, probes: &[Probe]) -> Result<Vec<Evaluation>, TrainerError> {
        let evaluate = |probe: &Probe| {
            let params = probe.point.params();
            let values = self.examples(probe.split);
            let examples = values.chunks_exact(self.layout.value_count());
            Evaluation { losses: examples.map(|x| self.loss(&params, x)).collect(), correct: None }
        };
        Ok(probes.iter().map(evaluate).collect())
    }

    /// The Hessian is diagonal and constant: c_l in every direction of layer l.
    fn differentiate(
        &mut self,
        point: &Point,
        split: Split,
        along: &[Vec<f32>],
    ) -> Result<Derivatives, TrainerError> {
        let expected = self.layout.value_count();
        if let Some(other) = along.iter().find(|direction| direction.len() != expected) {
            let found = other.len();
            return Err(TrainerError(format!(
                "found a direction of {found} values; the model has {expected} parameters"
            )));
        }
        let params = point.params();
        let (mean, _) = self.moments(&self.examples(split));
        let evaluations = self.evaluate(&[Probe { point: point.clone(), split }])?;
        let loss = evaluations.first().and_then(Evaluation::loss);
        let slope = |(at, &mean): (usize, &f64)| f64::from(params.values()[at]) - mean;
        let away: Vec<f64> = mean.iter().enumerate().map(slope).collect();
        Ok(Derivatives {
            loss: loss.ok_or_else(|| TrainerError("found no example in the split".into()))?,
            gradient: self.times_curvature(away),
            products: along
                .iter()
                .map(|direction| {
                    self.times_curvature(direction.iter().map(|&v| f64::from(v)).collect())
                })
                .collect(),
        })
    }
}

/// Returns the values of some examples, one after another.
fn values_of(examples: &Examples, indices: &[u32]) -> Vec<f32> {
    let mut values = Vec::with_capacity(indices.len() * examples.features());
    indices.iter().for_each(|&index| examples.read(index as usize, &mut values));
    values
}

fn failed(error: ParamsError) -> TrainerError {
    TrainerError(error.to_string())
}
