//! The network fits the data, and has what strategies require of it.

use std::sync::Arc;

use fedlayer_core::{
    data::DataFacts,
    model::{Layout, Role, architecture::ArchitectureError},
    spec::{DataSet, EvaluatedClients, ModelSpec, SplitSpec, Statistics, Synthetic},
};

use crate::{
    Environment, FileFault, Scenario,
    problem::{Location, Problem},
    toml_tree::KeyPath,
};

/// Returns the layers of the model on data with these facts. If the data is at fault, some other
/// data that the model takes is assumed, because layers in messages are helpful even then.
///
/// # Errors
/// The problem of a model without layers; `None` if the unknown data may be the reason.
pub(super) fn layout(
    model: &ModelSpec,
    facts: Option<&DataFacts>,
    environment: &dyn Environment,
) -> Result<Arc<Layout>, Option<Box<Problem>>> {
    if let ModelSpec::Torchscript(file) = model {
        let problem = |fault: FileFault| {
            Box::new(fault.at(Location::Value(KeyPath::from("model.torchscript"))))
        };
        return environment.module_layout(file).map(Arc::new).map_err(|fault| Some(problem(fault)));
    }
    let stand_in = stand_in(model);
    let layout = model.layout(facts.unwrap_or(&stand_in));
    layout.map(Arc::new).map_err(|error| match facts {
        None if depends_on_data(&error) => None,
        _ => Some(Box::new(no_layout(model, facts, &error))),
    })
}

/// Returns whether the model could have layers on other data.
fn depends_on_data(error: &ArchitectureError) -> bool {
    matches!(
        error,
        ArchitectureError::Input { .. }
            | ArchitectureError::Targets { .. }
            | ArchitectureError::Layer { .. }
    )
}

/// Returns data that the model takes.
fn stand_in(model: &ModelSpec) -> DataFacts {
    let (shape, targets) = match model {
        ModelSpec::Gpt(_) => (vec![1024], 1024),
        ModelSpec::Toy(_)
        | ModelSpec::Linear
        | ModelSpec::DeepLinear(_)
        | ModelSpec::DiagonalLinear(_)
        | ModelSpec::Mlp(_) => (vec![1 << 20], 1),
        _ => (vec![3, 32, 32], 1),
    };
    DataFacts { shape, classes: 10, targets, pool: 2, test: 1 }
}

/// Returns the problem of a model that has no layers on this data.
fn no_layout(model: &ModelSpec, facts: Option<&DataFacts>, error: &ArchitectureError) -> Problem {
    let name = name(model);
    let at = Location::Value(KeyPath::from("model").join(name));
    match (model, facts.map(DataFacts::features), error) {
        (ModelSpec::Toy(toy), Some(features), _) if toy.curvature.len() > features => {
            let layers = toy.curvature.len();
            let at = Location::Value(KeyPath::from("model.toy.curvature"));
            let title = "the toy has more layers than the data has features";
            Problem::new(at, title)
                .label(format!("{layers} layers for {features} features"))
                .help(format!("give at most {features} curvatures, one per layer"))
        }
        (_, _, ArchitectureError::Input { .. }) => Problem::new(model_at(model), error.to_string())
            .label("does not fit the data")
            .help("choose another `data.set`, or another model".to_owned()),
        (_, _, ArchitectureError::Targets { .. }) => {
            Problem::new(model_at(model), error.to_string())
                .label("does not fit the data")
                .help("use `gpt` for texts, and only for texts".to_owned())
        }
        (ModelSpec::Gpt(_), _, ArchitectureError::Divide { .. }) => {
            Problem::new(Location::Value(KeyPath::from("model.gpt.heads")), error.to_string())
                .help("choose a `width` that is a multiple of `heads`".to_owned())
        }
        (_, _, ArchitectureError::Divide { .. }) => Problem::new(at, error.to_string())
            .help("choose `groups` that divides the channels of every layer".to_owned()),
        _ => Problem::new(model_at(model), error.to_string())
            .label("this network does not fit the data"),
    }
}

/// Returns the location of the model: its table, or the word.
fn model_at(model: &ModelSpec) -> Location {
    match model {
        ModelSpec::Linear | ModelSpec::Lenet5 | ModelSpec::McmahanCnn | ModelSpec::PflCnn => {
            Location::Value(KeyPath::from("model"))
        }
        _ => Location::Value(KeyPath::from("model").join(name(model))),
    }
}

/// Returns the model's name in a scenario.
fn name(model: &ModelSpec) -> &'static str {
    match model {
        ModelSpec::Linear => "linear",
        ModelSpec::DeepLinear(_) => "deep-linear",
        ModelSpec::DiagonalLinear(_) => "diagonal-linear",
        ModelSpec::Mlp(_) => "mlp",
        ModelSpec::Lenet5 => "lenet-5",
        ModelSpec::McmahanCnn => "mcmahan-cnn",
        ModelSpec::PflCnn => "pfl-cnn",
        ModelSpec::Vgg11(_) => "vgg-11",
        ModelSpec::Resnet18(_) => "resnet-18",
        ModelSpec::Resnet20(_) => "resnet-20",
        ModelSpec::Gpt(_) => "gpt",
        ModelSpec::Layers(_) => "layers",
        ModelSpec::Torchscript(_) => "torchscript",
        ModelSpec::Toy(_) => "toy",
    }
}

/// Returns the problem of an initial model that is missing or does not fit, if there is one.
pub(super) fn initial(
    scenario: &Scenario,
    layout: &Layout,
    environment: &dyn Environment,
) -> Option<Problem> {
    let file = scenario.initial.as_ref()?;
    let at = Location::Value(KeyPath::from("initial"));
    if matches!(scenario.model, ModelSpec::Toy(_)) {
        let problem = Problem::new(at, "the toy draws its own initial model")
            .label("it would have no effect")
            .help("leave it out".to_owned());
        return Some(problem);
    }
    environment.check_values(file, layout).err().map(|fault| fault.at(at))
}

/// Returns the problems of policies for running statistics that the model does not have.
pub(super) fn statistics(scenario: &Scenario, layout: &Layout) -> Vec<Problem> {
    if layout.tensors().any(|tensor| tensor.role == Role::Statistic) {
        return Vec::new();
    }
    let strategies = scenario.strategy.iter().enumerate();
    let idle = strategies.filter(|(_, strategy)| strategy.statistics != Statistics::default());
    let problem = |(index, _)| {
        let at = Location::Value(KeyPath::from("strategy").join(index).join("statistics"));
        let title = "the model has no batch normalisation and therefore no running statistics";
        Problem::new(at, title)
            .label("it would have no effect")
            .help("leave it out, or choose a model with `norm = \"batch\"`".to_owned())
    };
    idle.map(problem).collect()
}

/// Checks measurements that need all clients' examples at once, and models that support no
/// augmentation.
pub(super) fn check(scenario: &Scenario) -> Vec<Problem> {
    let mut problems = Vec::new();
    problems.extend(drawn(scenario));
    if scenario.data.augment != Default::default()
        && matches!(scenario.model, ModelSpec::DiagonalLinear(_) | ModelSpec::Toy(_))
    {
        let at = Location::Value(KeyPath::from("data.augment"));
        problems.push(
            Problem::new(at, "this model does not support augmentation")
                .label("it would have no effect")
                .help("leave it out, or choose another model".to_owned()),
        );
    }
    problems
}

/// The largest number of drawn clients that are all evaluated. Each evaluation draws their data
/// anew.
const MOST_EVALUATED: u32 = 10_000;

/// Returns the problems of settings that are not supported if clients are drawn one by one.
fn drawn(scenario: &Scenario) -> Vec<Problem> {
    let DataSet::Synthetic(Synthetic { per_client: Some(_), .. }) = scenario.data.set else {
        return Vec::new();
    };
    let mut problems = Vec::new();
    let splits = scenario.barriers.iter().flat_map(|barriers| &barriers.splits);
    if splits.clone().any(|split| *split == SplitSpec::Train) {
        let at = Location::Key(KeyPath::from("barriers"));
        let title = "the training split needs the examples of all clients at once";
        problems.push(
            Problem::new(at, title)
                .label("`splits` has \"train\", which is also its default")
                .help("clients are drawn one by one, so write `splits = [\"test\"]`".to_owned()),
        );
    }
    for (index, strategy) in scenario.strategy.iter().enumerate() {
        if matches!(strategy.statistics, Statistics::Recompute | Statistics::Repair) {
            let at = Location::Value(KeyPath::from("strategy").join(index).join("statistics"));
            let title = "statistics are recomputed on the examples of all clients at once";
            problems.push(
                Problem::new(at, title)
                    .label("clients are drawn one by one here")
                    .help("write `statistics = \"average\"` or `\"keep\"`".to_owned()),
            );
        }
    }
    let clients = scenario.clients.count;
    if scenario.evaluate.clients == EvaluatedClients::All && clients > MOST_EVALUATED {
        let at = Location::Value(KeyPath::from("evaluate.clients"));
        let title = format!("{clients} clients would be drawn for every evaluation");
        problems.push(
            Problem::new(at, title)
                .label(format!("at most {MOST_EVALUATED} clients"))
                .help("evaluate the cohort: `clients = \"cohort\"`".to_owned()),
        );
    }
    problems
}
