//! [`ComparedRun`]: a run or a variant of one, and the keys in which its set-up differs from
//! another's.

use std::{collections::BTreeMap, path::Path};

use fedlayer_core::{
    compare::{Contrast, Effect, Pairing},
    record::SummaryRow,
    spec::Variant,
};
use fedlayer_report::DifferingRun;
use fedlayer_scenario::{Scenario, Setting};
use serde_json::Value;

use crate::{
    exit::Failure,
    files,
    run_folder::{self, INPUTS, NOTE},
};

/// Returns the input files of a run: for each name, the length and hash of its content.
fn inputs(note: &str) -> BTreeMap<String, String> {
    let note: Value = serde_json::from_str(note).unwrap_or_default();
    let file = |file: &Value| {
        let set = file["set"].as_str().map_or(String::new(), |set| format!("{set}/"));
        let name = format!("{set}{}", file["name"].as_str()?);
        Some((name, format!("{} bytes, blake3 {}", file["bytes"], file["blake3"].as_str()?)))
    };
    note["files"].as_array().into_iter().flatten().filter_map(file).collect()
}

/// Returns the device on which the clients of a run trained, as its note says.
fn device(note: &str) -> Option<String> {
    let note: Value = serde_json::from_str(note).unwrap_or_default();
    note["device"].as_str().map(str::to_owned)
}

/// Compares the devices of two runs. On another device, sums differ in their last digits.
fn other_device(reference: &ComparedRun<'_>, other: &ComparedRun<'_>) -> Option<Contrast> {
    let (before, now) = (reference.device.clone()?, other.device.clone()?);
    (before != now).then(|| Contrast {
        key: "device".to_owned(),
        reference: before,
        other: now,
        effect: Effect::Training,
    })
}

/// Finds input files of the same name with another content.
fn changed_files(reference: &ComparedRun<'_>, other: &ComparedRun<'_>) -> Vec<Contrast> {
    let changed = |(name, content): (&String, &String)| {
        let before = reference.inputs.get(name).filter(|before| *before != content)?;
        Some(Contrast {
            key: format!("file {name}"),
            reference: before.clone(),
            other: content.clone(),
            effect: Effect::Setup,
        })
    };
    other.inputs.iter().filter_map(changed).collect()
}

/// A run, or a variant of one: strategies with the same set-up.
pub(super) struct ComparedRun<'r> {
    /// Its folder.
    pub(super) folder: &'r Path,
    /// The name of the run, if several are compared.
    run: Option<String>,
    /// Its name below the table: the name of the run, the variant, or both.
    pub(super) label: String,
    /// The label before the names of its strategies; empty if no other run or variant is compared.
    prefix: String,
    pub(super) rows: &'r [SummaryRow],
    /// Its scenario; `None` if it is missing or not understood.
    pub(super) setup: Option<Scenario>,
    /// See [`inputs`].
    inputs: BTreeMap<String, String>,
    /// See [`device`].
    device: Option<String>,
}

/// The files of a run folder that tell its set-up.
pub(super) struct SetupFiles {
    scenario: String,
    inputs: BTreeMap<String, String>,
    device: Option<String>,
}

impl SetupFiles {
    /// Reads the files; absent ones are empty.
    pub(super) fn read(run: &Path) -> Result<Self, Failure> {
        Ok(Self {
            scenario: files::read_text_if_any(&run_folder::scenario_file(run))?,
            inputs: inputs(&files::read_text_if_any(&run.join(INPUTS))?),
            device: device(&files::read_text_if_any(&run.join(NOTE))?),
        })
    }
}

impl<'r> ComparedRun<'r> {
    /// Makes one of the rows of a run, or of one of its variants. `run` is the name of the run, if
    /// several are compared.
    pub(super) fn new(
        folder: &'r Path,
        run: Option<&str>,
        files: &SetupFiles,
        rows: &'r [SummaryRow],
    ) -> Self {
        let variant = rows.first().and_then(|row| row.variant.as_ref());
        let names = run.map(str::to_owned).into_iter().chain(variant.map(Variant::label));
        let prefix = names.collect::<Vec<_>>().join(": ");
        let label = if prefix.is_empty() { folder.display().to_string() } else { prefix.clone() };
        let setup = setup(&files.scenario, variant);
        let (inputs, device) = (files.inputs.clone(), files.device.clone());
        let run = run.map(str::to_owned);
        Self { folder, run, label, prefix, rows, setup, inputs, device }
    }

    /// Returns the name of a strategy in the table.
    pub(super) fn name(&self, strategy: &str) -> String {
        match self.prefix.as_str() {
            "" => strategy.to_owned(),
            prefix => format!("{prefix}: {strategy}"),
        }
    }

    /// Returns the name of a strategy in all variants of the run.
    pub(super) fn name_in_run(&self, strategy: &str) -> String {
        match &self.run {
            None => strategy.to_owned(),
            Some(run) => format!("{run}: {strategy}"),
        }
    }

    /// Returns the names of its strategies, in their order.
    pub(super) fn strategies(&self) -> Vec<&'r str> {
        let mut names: Vec<&str> = Vec::new();
        for row in self.rows {
            if !names.contains(&row.strategy.as_str()) {
                names.push(&row.strategy);
            }
        }
        names
    }
}

/// Reads a scenario in a variant of its sweep. Its data is not looked up: a comparison needs none.
fn setup(scenario: &str, variant: Option<&Variant>) -> Option<Scenario> {
    let settings = variant.into_iter().flat_map(|variant| &variant.settings);
    let settings = settings.map(|set| format!("{}={}", set.key, set.value).parse());
    let settings: Vec<Setting> = settings.collect::<Result<_, _>>().ok()?;
    fedlayer_scenario::read_without_data("scenario.toml", scenario, &settings).ok()
}

/// Compares the set-up of each run with that of the run at the index `reference`. Runs with the
/// same set-up are left out.
pub(super) fn differing_runs(
    compared: &[ComparedRun<'_>],
    reference: usize,
    anyway: bool,
) -> Result<Vec<DifferingRun>, Failure> {
    let Some(first) = compared.get(reference) else { return Ok(Vec::new()) };
    let others = compared.iter().enumerate().filter(|(index, _)| *index != reference);
    let difference = |run: &ComparedRun<'_>| -> Result<Option<DifferingRun>, Failure> {
        let mut keys = match (&first.setup, &run.setup) {
            (Some(reference), Some(other)) => reference.contrasts(other)?,
            (reference, other) => vec![unreadable(reference.is_some(), other.is_some())],
        };
        keys.extend(changed_files(first, run));
        keys.extend(other_device(first, run));
        let pairing = pairing(&keys, anyway);
        let differing = DifferingRun { run: run.label.clone(), keys, pairing };
        Ok((!differing.keys.is_empty()).then_some(differing))
    };
    others.filter_map(|(_, other)| difference(other).transpose()).collect()
}

/// Replaces the keys of scenarios that could not be read.
fn unreadable(reference: bool, other: bool) -> Contrast {
    let word = |is_read: bool| if is_read { "understood" } else { "not understood" }.to_owned();
    Contrast {
        key: "scenario.toml".to_owned(),
        reference: word(reference),
        other: word(other),
        effect: Effect::Setup,
    }
}

/// Decides how a run that differs in these keys is compared with the first.
fn pairing(keys: &[Contrast], anyway: bool) -> Pairing {
    match (keys.iter().map(|key| key.effect).max(), anyway) {
        (None | Some(Effect::Training), _) => Pairing::Paired,
        (_, false) => Pairing::Nothing,
        (Some(Effect::Extent), true) => Pairing::PairedOverRounds,
        (Some(Effect::Setup), true) => Pairing::Independent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(name: &'static str, scenario: &str, note: &str) -> ComparedRun<'static> {
        let files = SetupFiles {
            scenario: scenario.to_owned(),
            inputs: BTreeMap::new(),
            device: device(note),
        };
        ComparedRun::new(Path::new(name), Some(name), &files, &[])
    }

    #[test]
    fn another_device_and_another_precision_are_named_and_leave_runs_paired() {
        let scenario = fedlayer_scenario::example();
        let (cpu, gpu) = (r#"{ "device": "cpu" }"#, r#"{ "device": "cuda:0" }"#);
        let on = |note| part("other", scenario, note);
        let differing = |other| differing_runs(&[part("first", scenario, cpu), other], 0, false);
        assert!(differing(on(cpu)).unwrap().is_empty());
        // A run without a note does not say where it was trained.
        assert!(differing(on("")).unwrap().is_empty());
        let found = differing(on(gpu)).unwrap();
        let [key] = &found[0].keys[..] else { panic!("{found:?}") };
        assert_eq!((&*key.key, &*key.reference, &*key.other), ("device", "cpu", "cuda:0"));
        assert_eq!(found[0].pairing, Pairing::Paired);
        let brief = scenario.replace("precision = \"f32\"", "precision = \"bf16\"");
        let found = differing(part("other", &brief, cpu)).unwrap();
        assert_eq!(found[0].keys[0].key, "local.precision");
        assert_eq!(found[0].pairing, Pairing::Paired);
    }
}
