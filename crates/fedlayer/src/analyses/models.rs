//! [`subjects`]: the models that are analysed, from a run's checkpoints, from files, or from values.

use std::sync::Arc;

use fedlayer_core::{
    Architecture, ClientId, Federation, Params, Plan, Subject, SubjectModel, Trainer, in_backticks,
    spec::{AnalysisSpec, GivenModels, Measurement, RoundChoice, RoundWord},
};

use crate::{exit::Failure, run_folder::plan_folder::PlanFolder, trainers::Trainers};

/// Where the models come from.
#[derive(Debug)]
pub(crate) enum Source {
    /// A plan's checkpoints.
    Run(PlanFolder),
    /// Files or values.
    Given(GivenModels),
}

/// The models of an analysis: once for each of its rounds.
pub(super) fn subjects(
    spec: &AnalysisSpec,
    plan: &Arc<Plan>,
    source: &Source,
    trainers: &Trainers,
    trainer: &mut dyn Trainer,
) -> Result<Vec<Subject>, Failure> {
    let wrong = |reason: String| wrong(spec, reason);
    match source {
        Source::Run(folder) => {
            let start = trainer.initial(plan.root_seed().child("initial parameters"));
            let start = start.map_err(|error| wrong(error.to_string()))?;
            of_run(spec, plan, folder, trainers, &Arc::new(start))
        }
        Source::Given(models) => {
            let data = trainers.data(plan).map_err(Failure::Data)?;
            let models = given(models, plan, trainers).map_err(wrong)?;
            let initial = plan.initial.as_ref().map(|file| trainers.values(file, &plan.layout));
            let initial = initial.transpose().map_err(wrong)?.map(Arc::new);
            let architecture = Architecture::new(&plan.model, &data.facts()).ok();
            Ok(vec![Subject { round: 0, models, initial, architecture }])
        }
    }
}

fn wrong(spec: &AnalysisSpec, reason: String) -> Failure {
    Failure::Analysis { name: spec.name().to_owned(), reason }
}

/// The models of a run's clients in its checkpoints, which began at `initial`.
fn of_run(
    spec: &AnalysisSpec,
    plan: &Arc<Plan>,
    folder: &PlanFolder,
    trainers: &Trainers,
    initial: &Arc<Params>,
) -> Result<Vec<Subject>, Failure> {
    let wrong = |reason: String| wrong(spec, reason);
    let data = trainers.data(plan).map_err(Failure::Data)?;
    let architecture = Architecture::new(&plan.model, &data.facts()).ok();
    let kept = folder.kept_rounds()?;
    let wanted = wanted(&spec.rounds, &kept).map_err(wrong)?;
    let last = wanted.iter().copied().max().unwrap_or(0);
    let at_last = folder.checkpoint(last, plan)?.federation;
    let clients = clients(spec, plan, &at_last);
    check_part(&clients, last, &at_last).map_err(wrong)?;
    // Only what a measurement looks at is read.
    let looks_back = matches!(spec.measure, Measurement::Subspace(_) | Measurement::Criticality(_));
    let mut histories: Vec<Vec<(u32, Arc<Params>)>> = vec![Vec::new(); clients.len()];
    let mut subjects = Vec::new();
    for round in kept.into_iter().filter(|&round| round <= last) {
        if !looks_back && !wanted.contains(&round) {
            continue;
        }
        let federation = folder.checkpoint(round, plan)?.federation;
        let models: Vec<Arc<Params>> =
            clients.iter().map(|&client| federation.model(client)).collect();
        if looks_back {
            for (history, model) in histories.iter_mut().zip(&models) {
                history.push((round, model.clone()));
            }
        }
        if wanted.contains(&round) {
            let model = |((&id, params), history): ((&ClientId, Arc<Params>), &Vec<_>)| {
                let examples = data.train_examples(id) as u64;
                SubjectModel { id, params, examples, history: history.clone() }
            };
            subjects.push(Subject {
                round,
                models: clients.iter().zip(models).zip(&histories).map(model).collect(),
                initial: Some(initial.clone()),
                architecture: architecture.clone(),
            });
        }
    }
    Ok(subjects)
}

/// The clients whose models are analysed: those that are listed, or the first two that have taken
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

/// Checks that no client's model has layers that are still the initial draw: a client that has
/// taken part in no round has nothing of its own, and what nobody averaged yet is not trained.
fn check_part(clients: &[ClientId], round: u32, federation: &Federation) -> Result<(), String> {
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
        "client {absent} has taken part in no round up to {round}, so that its layers {} are still the initial draw; choose among those that have: {}",
        in_backticks(drawn),
        in_backticks(there)
    ))
}

/// Models 1, 2, …, all of the same weight.
fn given(
    models: &GivenModels,
    plan: &Plan,
    trainers: &Trainers,
) -> Result<Vec<SubjectModel>, String> {
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
    let model = |(index, params): (usize, Params)| SubjectModel {
        id: ClientId(index as u32 + 1),
        params: Arc::new(params),
        examples: 1,
        history: Vec::new(),
    };
    Ok(params.into_iter().enumerate().map(model).collect())
}

/// The rounds that are meant, of those that are kept.
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
            Err(format!("round {round} has no checkpoint; kept are {}", there.join(", ")))
        }
    }
}
