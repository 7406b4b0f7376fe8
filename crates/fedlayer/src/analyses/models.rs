//! [`model_sets`]: the models that are analysed, from a run's checkpoints, from files, or from
//! values.

use std::sync::Arc;

use fedlayer_analysis::{ModelSet, TrainedModel};
use fedlayer_core::{
    Plan,
    data::{ClientId, FederatedData},
    model::{Params, architecture::Architecture},
    round::Federation,
    spec::{AnalysisSpec, GivenModels, RoundChoice, RoundWord},
    text::in_backticks,
    trainer::Trainer,
};

use crate::{exit::Failure, run_folder::plan_folder::PlanFolder, trainers::Trainers};

/// The origin of the models that are analysed.
#[derive(Debug)]
pub(crate) enum ModelOrigin {
    /// The checkpoints of a plan.
    Run(PlanFolder),
    /// Files or values.
    Given(GivenModels),
}

/// Returns the models of an analysis, a set for each of its rounds.
pub(super) fn model_sets(
    spec: &AnalysisSpec,
    plan: &Arc<Plan>,
    origin: &ModelOrigin,
    trainers: &Trainers,
    trainer: &mut dyn Trainer,
) -> Result<Vec<ModelSet>, Failure> {
    let wrong = |reason: String| wrong(spec, reason);
    match origin {
        ModelOrigin::Run(folder) => {
            let start = trainer.initial(plan.root_seed().child("initial parameters"));
            let start = start.map_err(|error| wrong(error.to_string()))?;
            of_run(spec, plan, folder, trainers, &Arc::new(start))
        }
        ModelOrigin::Given(models) => {
            let data = trainers.data(plan).map_err(Failure::Data)?;
            let models = given(models, plan, trainers).map_err(wrong)?;
            let initial = plan.initial.as_ref().map(|file| trainers.values(file, &plan.layout));
            let initial = initial.transpose().map_err(wrong)?.map(Arc::new);
            let architecture = Architecture::new(&plan.model, &data.facts()).ok();
            Ok(vec![ModelSet { round: 0, models, initial, architecture }])
        }
    }
}

fn wrong(spec: &AnalysisSpec, reason: String) -> Failure {
    Failure::Analysis { name: spec.name().to_owned(), reason }
}

/// Reads the models of a run's clients from its checkpoints. All clients began at `initial`.
fn of_run(
    spec: &AnalysisSpec,
    plan: &Arc<Plan>,
    folder: &PlanFolder,
    trainers: &Trainers,
    initial: &Arc<Params>,
) -> Result<Vec<ModelSet>, Failure> {
    let wrong = |reason: String| wrong(spec, reason);
    let data = trainers.data(plan).map_err(Failure::Data)?;
    let architecture = Architecture::new(&plan.model, &data.facts()).ok();
    let kept = folder.kept_rounds()?;
    let wanted = wanted(&spec.rounds, &kept).map_err(wrong)?;
    let last = wanted.iter().copied().max().unwrap_or(0);
    let at_last = folder.checkpoint(last, plan)?.federation;
    let clients = clients(spec, plan, &at_last);
    check_trained(&clients, last, &at_last).map_err(wrong)?;
    // Only the checkpoints that the measurement looks at are read.
    let looks_back = spec.measure.needs().states.are_read();
    let is_read = |round: &u32| *round <= last && (looks_back || wanted.contains(round));
    let mut histories = vec![History::new(); clients.len()];
    let mut sets = Vec::new();
    for round in kept.into_iter().filter(is_read) {
        let federation = folder.checkpoint(round, plan)?.federation;
        let params: Vec<Arc<Params>> = clients.iter().map(|&id| federation.model(id)).collect();
        if looks_back {
            let with_models = histories.iter_mut().zip(&params);
            with_models.for_each(|(history, params)| history.push((round, params.clone())));
        }
        if wanted.contains(&round) {
            let models = trained_models(&clients, params, &histories, &data);
            let (initial, architecture) = (Some(initial.clone()), architecture.clone());
            sets.push(ModelSet { round, models, initial, architecture });
        }
    }
    Ok(sets)
}

/// The states of a model so far, each with its round.
type History = Vec<(u32, Arc<Params>)>;

/// Puts each client's model together with its number of examples and its earlier states.
fn trained_models(
    clients: &[ClientId],
    params: Vec<Arc<Params>>,
    histories: &[History],
    data: &FederatedData,
) -> Vec<TrainedModel> {
    let model = |((&id, params), history): ((&ClientId, Arc<Params>), &History)| {
        let examples = data.train_examples(id) as u64;
        TrainedModel { id, params, examples, history: history.clone() }
    };
    clients.iter().zip(params).zip(histories).map(model).collect()
}

/// Returns the clients of the analysis: those that are listed, or the first two that have taken
/// part in a round.
fn clients(spec: &AnalysisSpec, plan: &Plan, federation: &Federation) -> Vec<ClientId> {
    if let Some(listed) = &spec.clients {
        return listed.iter().map(|&client| ClientId(client)).collect();
    }
    let took_part: Vec<ClientId> = federation.clients().keys().copied().take(2).collect();
    match took_part.len() {
        2 => took_part,
        _ => (0..plan.clients.count.min(2)).map(ClientId).collect(),
    }
}

/// Checks that each client's model is trained in all layers. A client that has taken part in no
/// round has only the averaged layers; the others are still the initial draw.
fn check_trained(clients: &[ClientId], round: u32, federation: &Federation) -> Result<(), String> {
    let took_part = federation.clients();
    let Some(absent) = clients.iter().find(|client| !took_part.contains_key(client)) else {
        return Ok(());
    };
    let layers = federation.shared().layout().names();
    let drawn = layers.zip(federation.averaged_in()).filter(|(_, averaged)| **averaged == 0);
    let drawn: Vec<String> = drawn.map(|(name, _)| name.to_string()).collect();
    if drawn.is_empty() {
        return Ok(());
    }
    let there: Vec<String> = took_part.keys().map(ToString::to_string).collect();
    Err(format!(
        "client {absent} has taken part in no round up to {round}, so its layers {} still have their initial values; choose among the clients that have: {}",
        in_backticks(drawn),
        in_backticks(there)
    ))
}

/// Reads the given models: clients 1, 2, …, all of the same weight.
fn given(
    models: &GivenModels,
    plan: &Plan,
    trainers: &Trainers,
) -> Result<Vec<TrainedModel>, String> {
    let params: Vec<Params> = match models {
        GivenModels::Files(files) => {
            let read = files.iter().map(|file| trainers.values(file, &plan.layout));
            read.collect::<Result<_, _>>()?
        }
        GivenModels::Values(models) => {
            let model = |values: &Vec<f64>| {
                let values = values.iter().map(|&value| value as f32).collect();
                let params = Params::new(plan.layout.clone(), values);
                let params = params.map_err(|error| error.to_string())?;
                params.check().map_err(|error| error.to_string()).map(|()| params)
            };
            models.iter().map(model).collect::<Result<_, _>>()?
        }
    };
    let model = |(index, params): (usize, Params)| TrainedModel {
        id: ClientId(index as u32 + 1),
        params: Arc::new(params),
        examples: 1,
        history: Vec::new(),
    };
    Ok(params.into_iter().enumerate().map(model).collect())
}

/// Returns the rounds of an analysis, all of which have a checkpoint.
fn wanted(choice: &RoundChoice, kept: &[u32]) -> Result<Vec<u32>, String> {
    let Some(&last) = kept.last() else {
        return Err("the run has no checkpoint yet".to_owned());
    };
    let listed = match choice {
        RoundChoice::Word(RoundWord::Last) => return Ok(vec![last]),
        RoundChoice::Word(RoundWord::All) => return Ok(kept.to_vec()),
        RoundChoice::Listed(listed) => listed,
    };
    match listed.iter().find(|round| !kept.contains(round)) {
        None => Ok(listed.clone()),
        Some(round) => {
            let there: Vec<String> = kept.iter().map(u32::to_string).collect();
            Err(format!(
                "round {round} has no checkpoint; there are checkpoints of {}",
                there.join(", ")
            ))
        }
    }
}
