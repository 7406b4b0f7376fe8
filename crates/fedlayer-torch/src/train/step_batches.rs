//! [`StepBatches`]: the batches of several steps of a stack, gathered at once.

use tch::{Kind, TchError, Tensor};

use crate::{engine::Engine, examples::DeviceExamples};

use super::task::LocalTask;

/// The size of the gathered examples in bytes at which no further step is added.
const BYTES: usize = 16 << 20;

/// The batches and coefficients of some consecutive steps: step after step, and within a step
/// client after client.
///
/// A batch that is smaller than the largest one of its step is padded with the client's own last
/// example at weight 0. Padding therefore changes nothing, and shows no client another's examples.
#[derive(Debug)]
pub(crate) struct StepBatches {
    pub(crate) spans: Vec<StepSpan>,
    examples: DeviceExamples,
    /// See [`Criterion::target_terms`](crate::loss::Criterion::target_terms). `(N, C)` or `(N, 1)`
    target_terms: Tensor,
    /// One-hot rows. `(N, C)`
    targets: Tensor,
    /// See [`Criterion::residual`](crate::loss::Criterion::residual). `(N, C)`
    residual: Tensor,
    coefficients: Tensor,
    /// The number of coefficients of a client in a step.
    coefficient_count: usize,
}

/// The examples of all clients of a stack.
#[derive(Debug)]
pub(crate) struct StackExamples {
    examples: DeviceExamples,
    /// The row of each client's first example.
    offsets: Vec<i64>,
}

impl StackExamples {
    /// The pool; or, if each client draws its own examples, those of all clients of the stack.
    pub(crate) fn new(engine: &Engine, tasks: &[LocalTask<'_>]) -> Result<Self, TchError> {
        if let Some(pool) = &engine.pool {
            return Ok(Self { examples: pool.share(), offsets: vec![0; tasks.len()] });
        }
        let own = tasks.iter().map(|task| DeviceExamples::new(&task.examples, engine.device));
        let own: Vec<DeviceExamples> = own.collect::<Result<_, _>>()?;
        let mut next = 0;
        let offsets = own.iter().map(|examples| {
            let offset = next;
            next += examples.len() as i64;
            offset
        });
        Ok(Self { offsets: offsets.collect(), examples: DeviceExamples::concatenated(&own)? })
    }
}

/// The rows and coefficients of one step of a stack.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StepSpan {
    /// The number of clients that make this step, K: the first of the stack.
    pub(crate) active: usize,
    /// The size of their largest batch, B.
    batch: usize,
    /// The first row.
    row: usize,
    /// The first coefficient.
    coefficient: usize,
}

/// The tensors of one step, as views.
#[derive(Debug)]
pub(crate) struct StepView {
    /// `(K, B, F)`
    pub(crate) inputs: Tensor,
    /// `(K, B, C)` or `(K, B, 1)`
    pub(crate) target_terms: Tensor,
    /// `(K, B, C)`
    pub(crate) targets: Tensor,
    /// Memory for the residual. `(K, B, C)`
    pub(crate) residual: Tensor,
    /// Each `(K, 1)`
    pub(crate) coefficients: Vec<Tensor>,
}

impl StepBatches {
    /// Gathers the steps from `first` on, as many as fit into the memory limit. `tasks` are sorted
    /// by their number of steps in descending order.
    pub(crate) fn gather(
        engine: &Engine,
        stack: &StackExamples,
        tasks: &[LocalTask<'_>],
        first: usize,
    ) -> Result<Self, TchError> {
        let limit = BYTES / (4 * (engine.facts.features() + 3 * engine.facts.classes));
        let last = tasks.first().map_or(0, |task| task.batches.steps());
        let (mut spans, mut rows, mut weights, mut coefficients) = (vec![], vec![], vec![], vec![]);
        for step in first..last {
            if rows.len() > limit {
                break;
            }
            let active = tasks.partition_point(|task| task.batches.steps() > step);
            let active = &tasks[..active];
            let sizes = active.iter().map(|task| task.batches.of(step).len());
            let batch = sizes.max().unwrap_or(0);
            spans.push(StepSpan {
                active: active.len(),
                batch,
                row: rows.len(),
                coefficient: coefficients.len(),
            });
            for (task, offset) in active.iter().zip(&stack.offsets) {
                let own = task.batches.of(step);
                let padding = std::iter::repeat_n(&own[own.len() - 1], batch - own.len());
                rows.extend(own.iter().chain(padding).map(|&row| offset + i64::from(row)));
                weights.extend(std::iter::repeat_n(1.0 / own.len() as f32, own.len()));
                weights.resize(rows.len(), 0.0);
                let position = task.position(step);
                coefficients.extend(engine.stepper.coefficients(&engine.local, position));
            }
        }
        let examples = stack.examples.select(&rows)?;
        let targets = engine.criterion.targets(&examples.labels)?; // (N, C)
        let weights = engine.rows(&weights, 1)?; // (N, 1)
        Ok(Self {
            spans,
            target_terms: engine.criterion.target_terms(&targets, &weights)?,
            residual: targets.f_empty_like()?, // (N, C)
            targets,
            examples,
            coefficients: engine.rows(&coefficients, 1)?,
            coefficient_count: engine.stepper.coefficient_count(),
        })
    }

    /// Returns the tensors of a step, as views.
    pub(crate) fn view(&self, span: StepSpan) -> Result<StepView, TchError> {
        let (clients, batch) = (span.active as i64, span.batch as i64);
        let view = |tensor: &Tensor| {
            let columns = tensor.size()[1];
            let strides = [batch * columns, columns, 1];
            tensor.f_as_strided([clients, batch, columns], strides, span.row as i64 * columns) // (K, B, columns)
        };
        let count = self.coefficient_count as i64;
        let coefficient = |index| {
            let start = span.coefficient as i64 + index;
            self.coefficients.f_as_strided([clients, 1], [count, 1], start) // (K, 1)
        };
        Ok(StepView {
            inputs: view(&self.examples.inputs)?,
            target_terms: view(&self.target_terms)?,
            targets: view(&self.targets)?,
            residual: view(&self.residual)?,
            coefficients: (0..count).map(coefficient).collect::<Result<_, _>>()?,
        })
    }

    /// Adds the losses of the steps to each client's sum, in the order of the steps. Call it after
    /// all residuals have been computed.
    pub(crate) fn add_losses(
        &self,
        engine: &Engine,
        tasks: &[LocalTask<'_>],
        first: usize,
        sums: &mut [f64],
    ) -> Result<(), TchError> {
        let losses = engine.criterion.losses(&self.residual, &self.examples.labels)?; // (N)
        let losses: Vec<f32> = losses.f_to_kind(Kind::Float)?.try_into()?;
        for (index, span) in self.spans.iter().enumerate() {
            let clients = losses[span.row..].chunks(span.batch);
            for ((sum, task), losses) in sums.iter_mut().zip(&tasks[..span.active]).zip(clients) {
                let size = task.batches.of(first + index).len();
                *sum += losses[..size].iter().map(|&loss| f64::from(loss)).sum::<f64>();
            }
        }
        Ok(())
    }
}
