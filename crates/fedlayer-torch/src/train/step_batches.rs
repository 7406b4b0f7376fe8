//! [`Feed`]: the examples of several steps of a stack, gathered at once, and what each step takes of them.

use tch::{Kind, TchError, Tensor};

use crate::{
    Device,
    engine::{Engine, Stacked, Table},
    stack::Member,
};

/// Once a feed holds this many bytes of examples, it takes no further step.
const BYTES: usize = 16 << 20;

/// The examples and coefficients of some consecutive steps, step after step, within a step client after client.
///
/// Clients whose batch is smaller than the largest of the step are padded with their own last example at share 0, so that a padded row
/// never is anybody else's and counts for nothing.
#[derive(Debug)]
pub(crate) struct Feed {
    pub(crate) steps: Vec<Step>,
    table: Table,
    /// See [`Criterion::pulls`](crate::loss::Criterion::pulls). `(N, C)` or `(N, 1)`
    pulls: Tensor,
    /// One-hot rows. `(N, C)`
    targets: Tensor,
    /// See [`Criterion::residual`](crate::loss::Criterion::residual). `(N, C)`
    residual: Tensor,
    coefficients: Tensor,
    /// How many coefficients a client has in a step.
    width: usize,
}

/// The examples of all members of a stack.
#[derive(Debug)]
pub(crate) struct Source {
    table: Table,
    /// Per member: where its examples begin.
    offsets: Vec<i64>,
}

impl Source {
    /// The pool, or the members' own examples one below the other where clients are drawn.
    pub(crate) fn of(
        stacked: &Stacked,
        members: &[Member<'_>],
        device: Device,
    ) -> Result<Self, TchError> {
        if let Some(pool) = &stacked.pool {
            return Ok(Self { table: pool.share(), offsets: vec![0; members.len()] });
        }
        let own = members.iter().map(|member| Table::new(&member.examples, device));
        let own: Vec<Table> = own.collect::<Result<_, _>>()?;
        let mut next = 0;
        let offsets = own.iter().map(|table| {
            let offset = next;
            next += table.len() as i64;
            offset
        });
        Ok(Self { offsets: offsets.collect(), table: Table::joined(&own)? })
    }
}

/// One step of a stack: K clients, of which each sees B examples at most.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    /// The clients that take part, K: the first of the stack.
    pub(crate) active: usize,
    /// The largest of their batches, B.
    batch: usize,
    /// The first row of the step.
    row: usize,
    /// Its first coefficient.
    coefficient: usize,
}

/// What one step sees.
#[derive(Debug)]
pub(crate) struct Sight {
    /// `(K, B, F)`
    pub(crate) inputs: Tensor,
    /// `(K, B, C)` or `(K, B, 1)`
    pub(crate) pulls: Tensor,
    /// `(K, B, C)`
    pub(crate) targets: Tensor,
    /// Where the residual goes. `(K, B, C)`
    pub(crate) residual: Tensor,
    /// Each `(K, 1)`
    pub(crate) coefficients: Vec<Tensor>,
}

impl Feed {
    /// Gathers the steps from `first` on, as many as fit and as the stack takes. `members` have their steps in descending order.
    pub(crate) fn gather(
        engine: &Engine,
        source: &Source,
        members: &[Member<'_>],
        first: usize,
    ) -> Result<Self, TchError> {
        let limit = BYTES / (4 * (engine.facts.features() + 3 * engine.facts.classes));
        let last = members.first().map_or(0, |member| member.batches.steps());
        let (mut steps, mut rows, mut shares, mut coefficients) = (vec![], vec![], vec![], vec![]);
        for step in first..last {
            if rows.len() > limit {
                break;
            }
            let active = members.partition_point(|member| member.batches.steps() > step);
            let active = &members[..active];
            let sizes = active.iter().map(|member| member.batches.of(step).len());
            let batch = sizes.max().unwrap_or(0);
            steps.push(Step {
                active: active.len(),
                batch,
                row: rows.len(),
                coefficient: coefficients.len(),
            });
            for (member, offset) in active.iter().zip(&source.offsets) {
                let seen = member.batches.of(step);
                let padding = std::iter::repeat_n(&seen[seen.len() - 1], batch - seen.len());
                rows.extend(seen.iter().chain(padding).map(|&row| offset + i64::from(row)));
                shares.extend(std::iter::repeat_n(1.0 / seen.len() as f32, seen.len()));
                shares.resize(rows.len(), 0.0);
                let moment = member.moment(step);
                coefficients.extend(engine.stepper.coefficients(&engine.local, moment));
            }
        }
        let table = source.table.select(&rows)?;
        let targets = engine.criterion.targets(&table.labels)?; // (N, C)
        Ok(Self {
            steps,
            pulls: engine.criterion.pulls(&targets, &engine.rows(&shares, 1)?)?,
            residual: targets.f_empty_like()?, // (N, C)
            targets,
            table,
            coefficients: engine.rows(&coefficients, 1)?,
            width: engine.stepper.width(),
        })
    }

    /// What `step` sees, as views.
    pub(crate) fn sight(&self, step: Step) -> Result<Sight, TchError> {
        let (clients, batch) = (step.active as i64, step.batch as i64);
        let view = |tensor: &Tensor| {
            let columns = tensor.size()[1];
            let strides = [batch * columns, columns, 1];
            tensor.f_as_strided([clients, batch, columns], strides, step.row as i64 * columns) // (K, B, columns)
        };
        let width = self.width as i64;
        let coefficient = |index| {
            let start = step.coefficient as i64 + index;
            self.coefficients.f_as_strided([clients, 1], [width, 1], start) // (K, 1)
        };
        Ok(Sight {
            inputs: view(&self.table.inputs)?,
            pulls: view(&self.pulls)?,
            targets: view(&self.targets)?,
            residual: view(&self.residual)?,
            coefficients: (0..width).map(coefficient).collect::<Result<_, _>>()?,
        })
    }

    /// Adds to each client's sum the losses that its steps saw, once all residuals are there. Sums run in step order.
    pub(crate) fn add_losses(
        &self,
        engine: &Engine,
        members: &[Member<'_>],
        first: usize,
        sums: &mut [f64],
    ) -> Result<(), TchError> {
        let losses = engine.criterion.losses(&self.residual, &self.table.labels)?; // (N)
        let losses: Vec<f32> = losses.f_to_kind(Kind::Float)?.try_into()?;
        for (at, step) in self.steps.iter().enumerate() {
            let clients = losses[step.row..].chunks(step.batch);
            for ((sum, member), losses) in sums.iter_mut().zip(&members[..step.active]).zip(clients)
            {
                let seen = member.batches.of(first + at).len();
                *sum += losses[..seen].iter().map(|&loss| f64::from(loss)).sum::<f64>();
            }
        }
        Ok(())
    }
}
