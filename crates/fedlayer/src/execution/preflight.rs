//! Everything that can fail before the folder of a run is made.

use std::{path::PathBuf, sync::Arc, thread};

use fedlayer_core::{Plan, round::foreseen_failure};
use fedlayer_runtime::TrainerFactory;

use crate::{
    exit::{Cause, FORESEEN, Failure, run_reason},
    inputs::Inputs,
    process::shortage,
    screen::Screen,
    trainers::Trainers,
};

/// Reads the data of every plan.
///
/// # Errors
/// When the data of one plan cannot be had.
pub(crate) fn read_data(trainers: &Trainers, plans: &[Plan]) -> Result<(), Failure> {
    plans.iter().try_for_each(|plan| trainers.data(plan).map(drop).map_err(Failure::Data))
}

/// Warns of unusual inputs in the first plan's data.
///
/// # Errors
/// When the data cannot be had.
pub(crate) fn warn_of_inputs(
    trainers: &Trainers,
    plans: &[Plan],
    screen: &Screen,
) -> Result<(), Failure> {
    let Some(first) = plans.first() else { return Ok(()) };
    let data = trainers.data(first).map_err(Failure::Data)?;
    let inputs = Inputs::of(&data, &first.data, None);
    for warning in inputs.with_warnings(&trainers.files().lost_digits(first)).warnings() {
        screen.talk(&format!("warning: {warning}"));
    }
    Ok(())
}

/// The most draws of clients that are made to foresee failing rounds: about a second's work.
const MOST_DRAWS: u64 = 1_000_000;

/// The most runs that are named if some cannot be finished.
const MOST_NAMED: usize = 10;

/// Looks for rounds in which too few clients stay, as the seed alone decides, and warns of the runs
/// that must end there.
///
/// # Errors
/// When no run can be finished.
pub(crate) fn foresee(plans: &[Plan], screen: &Screen) -> Result<(), Failure> {
    let mut budget = MOST_DRAWS;
    let mut known: Vec<(&Plan, Option<fedlayer_core::round::RoundFailure>)> = Vec::new();
    let mut reasons = Vec::new();
    for plan in plans {
        let draws = |plan: &Plan| (plan.seed, plan.rounds, plan.clients.clone());
        let alike = known.iter().position(|(other, _)| draws(other) == draws(plan));
        let alike = alike.unwrap_or_else(|| {
            known.push((plan, foreseen_failure(plan, &mut budget)));
            known.len() - 1
        });
        let failure = known[alike].1.as_ref();
        reasons.extend(failure.map(|failure| run_reason(&plan.title(), plan.seed, failure)));
    }
    let (failing, plans) = (reasons.len(), plans.len());
    if failing > MOST_NAMED {
        reasons.truncate(MOST_NAMED);
        reasons.push(format!("  … and {} more", failing - MOST_NAMED));
    }
    let reasons = reasons.join("\n");
    match failing {
        0 => Ok(()),
        failing if failing == plans => Err(Failure::Foreseen { plans, reasons }),
        failing => {
            screen.talk(&format!(
                "warning: {failing} of {plans} runs cannot be finished: too many clients drop out\n{reasons}\n{FORESEEN}"
            ));
            Ok(())
        }
    }
}

/// Makes a trainer, as the workers will. One is enough: some networks of a sweep may be impossible
/// while the others can be trained.
///
/// # Errors
/// When no plan has a trainer that can be made, with the reason for each.
pub(crate) fn try_out(trainers: &Arc<Trainers>, plans: &[Plan]) -> Result<(), Failure> {
    let mut tried: Vec<(&Plan, String)> = Vec::new();
    let mut reasons = Vec::new();
    for plan in plans {
        let alike = |(known, _): &&(&Plan, String)| {
            (&known.model, &known.initial) == (&plan.model, &plan.initial)
        };
        let reason = match tried.iter().find(alike) {
            Some((_, reason)) => reason.clone(),
            None => match make_trainer(trainers, plan) {
                Ok(()) => return Ok(()),
                Err(reason) => reason,
            },
        };
        reasons.push(run_reason(&plan.title(), plan.seed, &reason));
        tried.push((plan, reason));
    }
    let reasons = reasons.join("\n");
    let cause = if shortage::is_in(&reasons) { Cause::Shortage } else { Cause::Start };
    // The hint of these causes names no folder.
    let (failed, folder) = (plans.len(), PathBuf::new());
    Err(Failure::Run { failed, plans: plans.len(), reasons, folder, cause })
}

/// Makes a trainer on a thread of its own, as a worker does, and drops it.
fn make_trainer(trainers: &Arc<Trainers>, plan: &Plan) -> Result<(), String> {
    let make = || {
        trainers.enter_thread();
        trainers.trainer(plan).map(drop).map_err(|error| error.to_string())
    };
    let broken = |_| Err("a fault of fedlayer: its trainer broke".to_owned());
    thread::scope(|scope| match thread::Builder::new().spawn_scoped(scope, make) {
        Ok(trying) => trying.join().unwrap_or_else(broken),
        Err(error) => Err(format!("no more threads: {error}")),
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use fedlayer_core::spec::ModelSpec;
    use fedlayer_torch::Device;

    use super::*;
    use crate::{data::Data, folders::Folders, scenario};

    #[test]
    fn one_network_that_can_be_made_is_enough_to_begin() {
        let data = Data::new(Folders::new(None));
        let (path, text) = (Path::new("x.toml"), fedlayer_scenario::example());
        let read = scenario::read_text(path, text, &[], &data, &Screen::silent()).unwrap();
        let good = read.plans[0].clone();
        let bad = Plan { model: ModelSpec::Torchscript("nowhere.pt".to_owned()), ..good.clone() };
        let trainers = Arc::new(Trainers::new(Device::Cpu, data));
        assert!(try_out(&trainers, &[bad.clone(), good]).is_ok());
        let failure = try_out(&trainers, &[bad.clone(), bad]).unwrap_err();
        assert_eq!(failure.code(), 9);
        let words = failure.to_string();
        assert!(words.contains("2 of 2 runs failed") && words.contains("nowhere.pt"), "{words}");
        assert!(words.contains("no run folder is left"), "{words}");
    }
}
