//! [`Engine`]: everything of a plan that training and evaluation share, on one device.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use fedlayer_core::{
    Architecture, DataFacts, Examples, FederatedData, Layout, Plan, Role, TensorSpec,
    spec::{Augment, LocalSpec, ModelSpec, OptimizerMemory, Precision, Statistics},
};
use tch::{TchError, Tensor};

use crate::{
    Device, Module, TorchError,
    graph::{Graph, Mode},
    loss::Criterion,
    network::Network,
    optimizer::Stepper,
    script::Script,
};

/// A plan's network, loss, optimizer and examples.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) device: Device,
    pub(crate) body: Body,
    /// The number of parameters P.
    pub(crate) parameters: usize,
    pub(crate) layout: Arc<Layout>,
    /// What the data look like.
    pub(crate) facts: DataFacts,
    pub(crate) local: LocalSpec,
    pub(crate) stepper: Stepper,
    pub(crate) criterion: Criterion,
    pub(crate) data: Arc<FederatedData>,
}

/// How a plan's network is computed.
#[derive(Debug)]
pub(crate) enum Body {
    /// All clients of a call at once.
    Stacked(Stacked),
    /// One client after the other.
    Alone(Alone),
}

/// A network of which several are computed at once.
#[derive(Debug)]
pub(crate) struct Stacked {
    pub(crate) network: Network,
    /// The examples that are shared out among the clients; none where clients are drawn.
    pub(crate) pool: Option<Table>,
}

/// A network that is computed alone.
#[derive(Debug)]
pub(crate) struct Alone {
    pub(crate) forward: Forward,
    tensors: Vec<TensorSpec>,
    pub(crate) augment: Augment,
    pub(crate) statistics: Statistics,
}

/// How a network that is computed alone comes to its logits.
#[derive(Debug)]
pub(crate) enum Forward {
    Graph(Graph),
    Script(Script),
}

/// Labelled examples on a device, one label each.
#[derive(Debug)]
pub(crate) struct Table {
    /// `(N, F)`
    pub(crate) inputs: Tensor,
    /// `(N)`
    pub(crate) labels: Tensor,
}

impl Engine {
    /// `module` is the TorchScript module, where the plan's model is one.
    pub(crate) fn new(
        plan: &Plan,
        data: Arc<FederatedData>,
        device: Device,
        module: Option<&Module>,
    ) -> Result<Self, TorchError> {
        let facts = data.facts();
        let body = Body::new(plan, &data, device, module)?;
        let stacked = matches!(body, Body::Stacked(_));
        Ok(Self {
            device,
            body,
            parameters: plan.layout.value_count(),
            layout: plan.layout.clone(),
            local: plan.local.clone(),
            stepper: Stepper::new(&plan.local, &plan.layout, device.into())?,
            criterion: Criterion::new(plan.local.loss, stacked, facts.classes, device.into())?,
            facts,
            data,
        })
    }

    /// Values as rows of a tensor `(K, columns)`.
    pub(crate) fn rows(&self, values: &[f32], columns: usize) -> Result<Tensor, TchError> {
        let flat = Tensor::f_from_slice(values)?.f_view([-1, columns as i64])?; // (K, columns)
        match self.device {
            Device::Cpu => Ok(flat),
            device => flat.f_to_device(device.into()),
        }
    }

    /// Drops nothing any more, so that a fixture can be met.
    #[cfg(test)]
    pub(crate) fn without_dropout(&mut self) {
        if let Body::Alone(Alone { forward: Forward::Graph(graph), .. }) = &mut self.body {
            graph.without_dropout();
        }
    }

    /// Whether a client's optimizer goes on where it stopped.
    pub(crate) fn keeps_memory(&self) -> bool {
        self.local.optimizer_state == OptimizerMemory::Keep
    }
}

impl Body {
    fn new(
        plan: &Plan,
        data: &FederatedData,
        device: Device,
        module: Option<&Module>,
    ) -> Result<Self, TorchError> {
        let facts = data.facts();
        if let ModelSpec::Torchscript(file) = &plan.model {
            let module = module.ok_or_else(|| TorchError::NoModule { file: file.clone() })?;
            let script = Script::open(module, &plan.layout, &facts, device)?;
            return Ok(Self::alone(plan, Forward::Script(script)));
        }
        let expected =
            plan.model.layout(&facts).map_err(|error| TorchError::Torch(error.to_string()))?;
        check_layout(&plan.layout, &expected)?;
        let plain =
            plan.local.precision == Precision::F32 && plan.data.augment == Augment::default();
        match Network::new(&plan.model, &plan.layout) {
            Some(network) if plain => {
                let pool = data.pool().map(|pool| Table::shared(pool, device)).transpose()?;
                Ok(Self::Stacked(Stacked { network, pool }))
            }
            _ => Self::graph(plan, &facts, device),
        }
    }

    /// The plan's network as a list of operations, computed alone.
    pub(crate) fn graph(
        plan: &Plan,
        facts: &DataFacts,
        device: Device,
    ) -> Result<Self, TorchError> {
        let architecture = Architecture::new(&plan.model, facts)
            .map_err(|error| TorchError::Model { reason: error.to_string() })?;
        Ok(Self::alone(plan, Forward::Graph(Graph::new(architecture, device))))
    }

    fn alone(plan: &Plan, forward: Forward) -> Self {
        Self::Alone(Alone {
            forward,
            tensors: plan.layout.tensors().cloned().collect(),
            augment: plan.data.augment,
            statistics: plan.strategy.statistics,
        })
    }
}

impl Alone {
    /// The tensors of the layout as views of `flat`, `(1, P)`.
    pub(crate) fn views(&self, flat: &Tensor) -> Result<Vec<Tensor>, TchError> {
        let view = |tensor: &TensorSpec| {
            let shape: Vec<i64> = tensor.shape.iter().map(|&length| length as i64).collect();
            let row = flat.f_view(-1)?;
            row.f_narrow(0, tensor.range.start as i64, tensor.range.len() as i64)?
                .f_view(shape.as_slice())
        };
        self.tensors.iter().map(view).collect()
    }

    /// [`views`](Self::views) that collect gradients where they are trained. They share the memory of `flat`, but for running statistics, which
    /// a forward pass changes in place: autograd would take that for a change of the weights beside them. [`keep`](Self::keep) brings them back.
    pub(crate) fn leaves(&self, flat: &Tensor) -> Result<Vec<Tensor>, TchError> {
        if let Forward::Script(script) = &self.forward {
            return script.lay(&self.views(flat)?);
        }
        let leaf = |(view, tensor): (Tensor, &TensorSpec)| match tensor.role {
            Role::Trained => view.f_detach()?.f_set_requires_grad(true),
            Role::Statistic => view.f_detach_copy(),
        };
        self.views(flat)?.into_iter().zip(&self.tensors).map(leaf).collect()
    }

    /// Brings the running statistics of [`leaves`](Self::leaves) back into `flat`.
    pub(crate) fn keep(&self, leaves: &[Tensor], flat: &Tensor) -> Result<(), TchError> {
        for ((leaf, mut view), tensor) in leaves.iter().zip(self.views(flat)?).zip(&self.tensors) {
            if tensor.role == Role::Statistic {
                view.f_copy_(leaf)?;
            }
        }
        Ok(())
    }

    /// Those of the layout's tensors that are trained.
    pub(crate) fn trained(&self, views: &[Tensor]) -> Vec<Tensor> {
        let tensors = views.iter().zip(&self.tensors);
        tensors.filter(|(_, t)| t.role == Role::Trained).map(|(v, _)| v.shallow_clone()).collect()
    }

    /// The layout's tensors.
    pub(crate) fn tensors(&self) -> &[TensorSpec] {
        &self.tensors
    }

    /// The network as a list of operations; nothing for a module.
    pub(crate) fn architecture(&self) -> Option<&Architecture> {
        match &self.forward {
            Forward::Graph(graph) => Some(graph.architecture()),
            Forward::Script(_) => None,
        }
    }

    /// The module, where the network is one.
    pub(crate) fn script(&self) -> Option<&Script> {
        match &self.forward {
            Forward::Graph(_) => None,
            Forward::Script(script) => Some(script),
        }
    }

    /// The values that a module was saved with; nothing for a network whose values are drawn.
    pub(crate) fn saved(&self) -> Option<&[f32]> {
        self.script().map(Script::values)
    }

    /// The logits of a batch, a row for each label: `(B·targets, C)`.
    pub(crate) fn logits(
        &self,
        views: &[Tensor],
        inputs: &Tensor,
        mode: &mut Mode<'_>,
    ) -> Result<Tensor, TchError> {
        let logits = match &self.forward {
            Forward::Graph(graph) => graph.forward(views, inputs, mode)?,
            Forward::Script(script) => script.forward(views, inputs, mode)?,
        };
        logits.f_flatten(0, -2)
    }
}

impl Table {
    /// Copies examples to a device, each flattened to its values.
    pub(crate) fn new(examples: &Examples, device: Device) -> Result<Self, TchError> {
        let labels: Vec<i64> = examples.labels.iter().copied().map(i64::from).collect();
        let inputs = Tensor::f_from_slice(&examples.all_values())?
            .f_view([examples.len() as i64, examples.features() as i64])?; // (N, F)
        Ok(Self {
            inputs: inputs.f_to_device(device.into())?,
            labels: Tensor::f_from_slice(&labels)?.f_to_device(device.into())?, // (N)
        })
    }

    /// [`new`](Self::new), once per process for the same examples: plans, seeds and workers share one copy.
    pub(crate) fn shared(examples: &Arc<Examples>, device: Device) -> Result<Self, TchError> {
        static TABLES: Mutex<Vec<(Weak<Examples>, Device, Table)>> = Mutex::new(Vec::new());
        let mut tables = TABLES.lock().unwrap_or_else(PoisonError::into_inner);
        tables.retain(|(examples, ..)| examples.strong_count() > 0);
        let known = tables
            .iter()
            .find(|(known, at, _)| *at == device && std::ptr::eq(known.as_ptr(), &**examples));
        if let Some((.., table)) = known {
            return Ok(table.share());
        }
        let table = Self::new(examples, device)?;
        tables.push((Arc::downgrade(examples), device, table.share()));
        Ok(table)
    }

    /// Tables one below the other.
    pub(crate) fn joined(tables: &[Self]) -> Result<Self, TchError> {
        let all = |part: fn(&Self) -> &Tensor| {
            Tensor::f_cat(&tables.iter().map(part).collect::<Vec<_>>(), 0)
        };
        Ok(Self { inputs: all(|table| &table.inputs)?, labels: all(|table| &table.labels)? })
    }

    /// The examples at these indices.
    pub(crate) fn select(&self, indices: &[i64]) -> Result<Self, TchError> {
        let indices = Tensor::f_from_slice(indices)?.f_to_device(self.inputs.device())?; // (N)
        Ok(Self {
            inputs: self.inputs.f_index_select(0, &indices)?, // (N, F)
            labels: self.labels.f_index_select(0, &indices)?, // (N)
        })
    }

    /// The number of examples.
    pub(crate) fn len(&self) -> usize {
        self.labels.numel()
    }

    /// Another handle to the same tensors.
    pub(crate) fn share(&self) -> Self {
        Self { inputs: self.inputs.shallow_clone(), labels: self.labels.shallow_clone() }
    }
}

/// Checks that the plan's layers are those that the forward pass will take apart.
fn check_layout(found: &Layout, expected: &Layout) -> Result<(), TorchError> {
    let mut tensors = found.tensors();
    for tensor in expected.tensors() {
        let shape = |shape: &[usize]| shape.to_vec();
        match tensors.next() {
            Some(other) if other == tensor => {}
            other => {
                return Err(TorchError::Shape {
                    tensor: tensor.name.clone(),
                    found: other.map_or_else(Vec::new, |other| shape(&other.shape)),
                    expected: shape(&tensor.shape),
                });
            }
        }
    }
    match tensors.next() {
        None => Ok(()),
        Some(extra) => Err(TorchError::Shape {
            tensor: extra.name.clone(),
            found: extra.shape.clone(),
            expected: Vec::new(),
        }),
    }
}
