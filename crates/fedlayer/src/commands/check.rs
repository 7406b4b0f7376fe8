//! `fedlayer check`: what a scenario would do, and what it would cost, without doing it.
//!
//! * `report`: everything that is told of a scenario.
//! * `text`: the report as text.

mod report;
mod text;

use fedlayer_scenario::ValidScenario;
use fedlayer_torch::Device;

use self::report::{CheckReport, first_variant};
use crate::{
    args::ScenarioArgs,
    data::Data,
    execution::preflight,
    exit::Failure,
    folders::{Folders, locator::ambiguities},
    process::signals,
    scenario,
    screen::Screen,
    trainers::Trainers,
};

/// Checks a scenario, and prints its plan.
pub(super) fn check(args: &ScenarioArgs, screen: &Screen) -> Result<(), Failure> {
    let _at_once = signals::end_at_once(screen, "interrupted".to_owned());
    let folders = Folders::existing(args.data.data.as_deref())?;
    let data = Data::new(folders.beside(&args.scenario));
    let read = scenario::read(&args.scenario, &args.changes()?, &data, screen)?;
    preflight::foresee(&read.plans, screen)?;
    show(&read, &Trainers::new(Device::Cpu, data), args.json, screen)
}

/// Prints the plan and the cost of a valid scenario.
pub(super) fn show(
    read: &ValidScenario,
    trainers: &Trainers,
    json: bool,
    screen: &Screen,
) -> Result<(), Failure> {
    let Some(first) = read.plans.first() else {
        return Err(Failure::Fault("a valid scenario without plans".to_owned()));
    };
    let data = trainers.data(first).map_err(Failure::Data)?;
    ambiguities(trainers.locator()).iter().for_each(|warning| screen.talk(warning));
    let specs = &read.scenario.analysis;
    let report = CheckReport::of(first, &read.plans, specs, &data, trainers)?;
    let text = match json {
        true => format!("{}\n", serde_json::to_string_pretty(&report)?),
        false => report.text(first, first_variant(&read.plans), &data)?,
    };
    Ok(screen.data(&text)?)
}
