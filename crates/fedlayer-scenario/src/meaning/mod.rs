//! What the shape of a scenario cannot say: values that are each allowed and together make no sense.

mod analysis;
mod batches;
mod clients;
mod images;
mod kept;
mod layer_names;
mod layers;
mod local;
mod model;
mod module;
mod needs;
mod rounds;
mod strategies;

use std::{collections::BTreeMap, fmt::Debug, sync::Arc};

use fedlayer_core::{
    DataFacts, Layout,
    spec::{DataSpec, Loss},
};

use crate::{
    Scenario,
    limits::{self, MOST_PROBLEMS},
    problem::{At, Problem},
    tree::Path,
};

/// What is known outside of a scenario: data sets, and the files of modules.
pub trait Environment {
    /// What the data set looks like, if `clients` clients can share it as `data` says.
    ///
    /// # Errors
    /// Names the key at fault.
    fn data_facts(&self, data: &DataSpec, clients: u32) -> Result<DataFacts, DataFault>;

    /// Returns how many training examples the clients have with a seed; `None` if the data cannot be
    /// partitioned or is not read here.
    fn train_examples(&self, _data: &DataSpec, _clients: u32, _seed: u64) -> Option<ClientSizes> {
        None
    }

    /// The layers of the TorchScript module in a file, as the scenario names it.
    ///
    /// # Errors
    /// When the file is no such module; always, where modules are not read.
    fn module_layout(&self, file: &str) -> Result<Layout, FileFault> {
        Err(FileFault::unread(format!("the module `{file}` cannot be read here")))
    }

    /// Runs the TorchScript module in a file once, forward and backward, on inputs such as the data has, with the loss of `[local]`. `twice` says whether it
    /// is to be differentiated twice, as measurements of curvature do.
    ///
    /// # Errors
    /// When it cannot be trained on such data, or what it does could not be repeated.
    fn try_module(
        &self,
        _file: &str,
        _facts: &DataFacts,
        _loss: Loss,
        _twice: bool,
    ) -> Result<(), FileFault> {
        Ok(())
    }

    /// Checks that a file, or a model of a run, has the values of these layers.
    ///
    /// # Errors
    /// When it has not; always, where files of values are not read.
    fn check_values(&self, file: &str, _layout: &Layout) -> Result<(), FileFault> {
        Err(FileFault::unread(format!("the values in `{file}` cannot be read here")))
    }
}

impl<F: Fn(&DataSpec, u32) -> Result<DataFacts, DataFault>> Environment for F {
    fn data_facts(&self, data: &DataSpec, clients: u32) -> Result<DataFacts, DataFault> {
        self(data, clients)
    }
}

/// The training examples of all clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientSizes {
    /// Those of each client.
    Each(Vec<u64>),
    /// Those of any client: all have as many.
    Alike(u64),
}

/// What of `[data]` cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFault {
    /// The path of the key at fault, such as `data.partition.shards` or `clients.count`.
    pub key: String,
    /// What is wrong, in a line.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// Whether a file cannot be had, and `[data]` may be right.
    pub is_absence: bool,
}

/// Why a file that a scenario names gives no module, or no values of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFault {
    /// What is wrong, in a line.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// Whether the file is nowhere or cannot be opened, and the scenario may be right.
    pub is_absence: bool,
}

impl FileFault {
    /// The fault of an [`Environment`] that reads no such files.
    fn unread(message: String) -> Self {
        Self { message, help: None, is_absence: false }
    }

    /// The problem at the key that names the file.
    fn at(self, at: At) -> Problem {
        Problem::new(at, self.message).help(self.help).absence(self.is_absence)
    }
}

/// Everything that makes no sense, or the layers of the model.
pub(crate) fn check(
    scenario: &Scenario,
    environment: &dyn Environment,
) -> Result<Arc<Layout>, Vec<Problem>> {
    let mut problems = Vec::new();
    let facts = environment.data_facts(&scenario.data, scenario.clients.count);
    if let Err(fault) = &facts {
        let at = At::Value(Path::from(fault.key.as_str()));
        let problem = Problem::new(at, fault.message.clone()).help(fault.help.clone());
        problems.push(problem.absence(fault.is_absence));
    }
    problems.extend(distinct_seeds(&scenario.seeds));
    problems.extend(clients::check(scenario));
    problems.extend(local::check(scenario, facts.as_ref().ok()));
    problems.extend(strategies::check(&scenario.strategy));
    problems.extend(rounds::check(scenario));
    problems.extend(model::check(scenario));
    problems.extend(layer_names::check(scenario));
    if let Some(problem) = images::channels_last(scenario, facts.as_ref().ok()) {
        problems.push(problem);
        return Err(problems);
    }
    let layout = match model::layout(&scenario.model, facts.as_ref().ok(), environment) {
        Ok(layout) => layout,
        Err(problem) => {
            let facts = facts.as_ref().ok();
            problems.extend(problem.map(|problem| images::with_shape(*problem, scenario, facts)));
            return Err(problems);
        }
    };
    problems.extend(limits::too_many_plans(scenario, &layout));
    problems.extend(model::statistics(scenario, &layout));
    problems.extend(layers::check(scenario, &layout));
    problems.extend(analysis::check(scenario, &layout));
    if let Ok(facts) = &facts {
        problems.extend(module::check(scenario, facts, environment));
        problems.extend(analysis::models(scenario, &layout, environment));
        problems.extend(model::initial(scenario, &layout, environment));
        problems.extend(too_large(&layout));
        problems.extend(batches::check(scenario, Some(facts), environment));
    }
    if problems.is_empty() { Ok(layout) } else { Err(problems) }
}

fn distinct_seeds(seeds: &[u64]) -> Vec<Problem> {
    repeated(&Path::from("seeds"), seeds, |seed| format!("seed {seed} is given twice"))
}

/// A problem for every item of a list that is equal to one before it, which is found by how it is written.
fn repeated<T: Debug>(list: &Path, items: &[T], title: impl Fn(&T) -> String) -> Vec<Problem> {
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    let again = items.iter().enumerate().filter_map(|(index, item)| {
        let first = *known.entry(format!("{item:?}")).or_insert(index);
        if first == index {
            return None;
        }
        let problem = Problem::new(At::Value(list.join(index)), title(item))
            .label("again here")
            .also(At::Value(list.join(first)), "first here")
            .help("leave one of them out".to_owned());
        Some(problem)
    });
    again.take(MOST_PROBLEMS).collect()
}

/// The most parameters of a model: 16 GB of them.
const MOST_PARAMETERS: usize = 4_000_000_000;

/// The problem of a model that no machine of today holds once per client.
fn too_large(layout: &Layout) -> Option<Problem> {
    let parameters = layout.value_count();
    (parameters > MOST_PARAMETERS).then(|| {
        let title =
            format!("the model has {parameters} parameters; the most are {MOST_PARAMETERS}");
        Problem::new(At::Value(Path::from("model")), title)
            .label("too large")
            .help("make its layers narrower".to_owned())
    })
}
