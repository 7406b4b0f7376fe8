//! `fedlayer compare`: the strategies of several runs in one table, and the other differences
//! between the runs.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use fedlayer_core::{
    compare::{Candidate, Contrast, Effect, Pairing, compare_candidates},
    record::{Summary, SummaryRow},
    spec::Variant,
};
use fedlayer_report::{DifferingRun, setup_differences};
use fedlayer_scenario::{Scenario, Setting};
use serde::Serialize;
use serde_json::Value;

use crate::{
    args::CompareArgs,
    exit::Failure,
    files,
    run_folder::{self, INPUTS, NOTE, SCENARIO, SUMMARY},
    screen::Screen,
    table::{self, StrategyLocals},
    verify::{self, Depth},
};

/// Prints the table of one or several runs. With several, a strategy's name begins with the folder
/// of its run and with its variant of a sweep.
pub(super) fn compare(args: &CompareArgs, screen: &Screen) -> Result<(), Failure> {
    let summaries: Result<Vec<Summary>, Failure> =
        args.runs.iter().map(|run| checked_summary(run, screen)).collect();
    let summaries = summaries?;
    if let ([summary], [run]) = (&summaries[..], &args.runs[..]) {
        let text = files::read_text_if_any(&run_folder::scenario_file(run))?;
        let setups: Vec<Scenario> =
            variants(summary).filter_map(|rows| setup_of(&text, rows)).collect();
        return Ok(screen.data(&table::render(summary, &locals(&setups), args.json)?)?);
    }
    let labels = labels(&args.runs)?;
    let mut compared = Vec::new();
    for ((summary, label), run) in summaries.iter().zip(&labels).zip(&args.runs) {
        let text = files::read_text_if_any(&run_folder::scenario_file(run))?;
        let inputs = inputs(&files::read_text_if_any(&run.join(INPUTS))?);
        let device = device(&files::read_text_if_any(&run.join(NOTE))?);
        let of_variant = |rows| ComparedRun {
            device: device.clone(),
            ..ComparedRun::new(label, &text, inputs.clone(), rows)
        };
        compared.extend(variants(summary).map(of_variant));
    }
    let names: Vec<&str> = summaries.iter().map(|summary| summary.scenario.as_str()).collect();
    let text = match args.json {
        true => as_json(names.join(", "), &compared, args.anyway)?,
        false => as_table(&compared, args.anyway)?,
    };
    Ok(screen.data(&text)?)
}

/// Returns the rows of each variant of a sweep; all rows if there is no sweep.
fn variants(summary: &Summary) -> impl Iterator<Item = &[SummaryRow]> {
    summary.rows.chunk_by(|a, b| a.variant == b.variant)
}

/// Returns the local training of the strategies of each scenario.
fn locals<'s>(setups: impl IntoIterator<Item = &'s Scenario>) -> Vec<StrategyLocals> {
    let of_one = |scenario: &Scenario| -> Option<StrategyLocals> {
        let names = scenario.strategy.iter().map(|strategy| strategy.name.clone());
        Some(names.zip(scenario.locals()?).collect())
    };
    setups.into_iter().filter_map(of_one).collect()
}

/// Reads the summary of a run after its records and tables were verified.
///
/// # Errors
/// When there is no run, it is not finished, or a file of it is damaged.
fn checked_summary(run: &Path, screen: &Screen) -> Result<Summary, Failure> {
    let is_alone = [NOTE, SCENARIO].iter().all(|name| !files::exists(&run.join(name)));
    if is_alone && files::exists(&run.join(SUMMARY)) {
        // A summary may have been copied without the rest of its run.
        return run_folder::read_summary(run);
    }
    verify::check(run, Depth::Tables, |_, _| {})?.demand(run, screen)?;
    run_folder::read_summary(run)
}

/// Returns a label for each run: the name of its folder, or its whole path if two names are equal.
pub(super) fn labels(runs: &[PathBuf]) -> Result<Vec<String>, Failure> {
    let paths: Result<Vec<PathBuf>, _> = runs.iter().map(std::path::absolute).collect();
    let paths = paths?;
    let twice = (1..paths.len()).find(|&index| paths[..index].contains(&paths[index]));
    if let Some(twice) = twice {
        return Err(Failure::Twice(runs[twice].clone()));
    }
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let names: BTreeSet<Option<String>> = paths.iter().map(|path| name(path)).collect();
    let label = |(path, run): (&PathBuf, &PathBuf)| {
        name(path).filter(|_| names.len() == paths.len()).unwrap_or(run.display().to_string())
    };
    Ok(paths.iter().zip(runs).map(label).collect())
}

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
struct ComparedRun<'r> {
    /// The label of the run.
    run: String,
    /// The label of the run, and the variant.
    label: String,
    rows: &'r [SummaryRow],
    /// Its scenario; `None` if it is missing or not understood.
    setup: Option<Scenario>,
    /// See [`inputs`].
    inputs: BTreeMap<String, String>,
    /// See [`device`].
    device: Option<String>,
}

impl<'r> ComparedRun<'r> {
    fn new(
        run: &str,
        scenario: &str,
        inputs: BTreeMap<String, String>,
        rows: &'r [SummaryRow],
    ) -> Self {
        let label = match rows.first().and_then(|row| row.variant.as_ref()) {
            Some(variant) => format!("{run}: {}", variant.label()),
            None => run.to_owned(),
        };
        let (run, setup) = (run.to_owned(), setup_of(scenario, rows));
        Self { run, label, rows, setup, inputs, device: None }
    }

    /// Returns the strategies in their order, each with its rows.
    fn candidates(&self, pairing: Pairing) -> Vec<Candidate<'r>> {
        let mut candidates: Vec<Candidate<'_>> = Vec::new();
        for row in self.rows {
            let name = format!("{}: {}", self.label, row.strategy);
            match candidates.iter_mut().find(|candidate| candidate.name == name) {
                Some(candidate) => candidate.rows.push(row),
                None => candidates.push(Candidate { name, rows: vec![row], pairing }),
            }
        }
        candidates
    }
}

/// Reads a scenario in the variant of these rows. Its data is not looked up: a comparison needs
/// none.
fn setup_of(scenario: &str, rows: &[SummaryRow]) -> Option<Scenario> {
    let variant: Option<&Variant> = rows.first().and_then(|row| row.variant.as_ref());
    let settings = variant.into_iter().flat_map(|variant| &variant.settings);
    let settings = settings.map(|set| format!("{}={}", set.key, set.value).parse());
    let settings: Vec<Setting> = settings.collect::<Result<_, _>>().ok()?;
    fedlayer_scenario::read_without_data("scenario.toml", scenario, &settings).ok()
}

/// Compares the set-up of each run with that of the first. Runs with the same set-up are left out.
fn differing_runs(
    compared: &[ComparedRun<'_>],
    anyway: bool,
) -> Result<Vec<DifferingRun>, Failure> {
    let Some((first, others)) = compared.split_first() else { return Ok(Vec::new()) };
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
    others.iter().filter_map(|other| difference(other).transpose()).collect()
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

fn as_table(compared: &[ComparedRun<'_>], anyway: bool) -> Result<String, Failure> {
    let notes = differing_runs(compared, anyway)?;
    let pairing = |run: &ComparedRun<'_>| {
        let note = notes.iter().find(|note| note.run == run.label);
        note.map_or(Pairing::Paired, |note| note.pairing)
    };
    let candidates: Vec<Candidate<'_>> =
        compared.iter().flat_map(|run| run.candidates(pairing(run))).collect();
    let reference = compared.first().map_or("", |first| &first.label);
    let mut text = fedlayer_report::comparison_table(&compare_candidates(&candidates))
        + &setup_differences(reference, &notes);
    for variants in of_each_run(compared) {
        let (reference, differing) = differing_strategies(variants)?;
        text += &setup_differences(&reference, &differing);
    }
    Ok(text)
}

/// Returns the variants of each run.
fn of_each_run<'c, 'r>(
    compared: &'c [ComparedRun<'r>],
) -> impl Iterator<Item = &'c [ComparedRun<'r>]> {
    compared.chunk_by(|a, b| a.run == b.run)
}

/// Returns the strategies of a run that do not train like its first one, and the name of the first
/// one.
fn differing_strategies(
    variants: &[ComparedRun<'_>],
) -> Result<(String, Vec<DifferingRun>), Failure> {
    let locals = locals(variants.iter().filter_map(|variant| variant.setup.as_ref()));
    let run = variants.first().map_or("", |variant| &variant.run);
    let named = |name: &str| format!("{run}: {name}");
    let first = locals.first().and_then(|strategies| strategies.first());
    let reference = first.map_or_else(String::new, |(name, _)| named(name));
    let differing = table::differing_strategies(&locals)?.into_iter();
    let differing = differing.map(|other| DifferingRun { run: named(&other.run), ..other });
    Ok((reference, differing.collect()))
}

/// The rows of all runs, and the differences of their set-ups.
#[derive(Serialize)]
struct Merged {
    #[serde(flatten)]
    summary: Summary,
    differing: Vec<DifferingRun>,
}

fn as_json(
    scenario: String,
    compared: &[ComparedRun<'_>],
    anyway: bool,
) -> Result<String, Failure> {
    let row = |run: &ComparedRun<'_>, row: &SummaryRow| {
        let strategy = format!("{}: {}", run.label, row.strategy);
        SummaryRow { variant: None, strategy, ..row.clone() }
    };
    let rows = compared.iter().flat_map(|run| run.rows.iter().map(move |of| row(run, of)));
    let summary = Summary { scenario, rows: rows.collect() };
    let mut differing = differing_runs(compared, anyway)?;
    for variants in of_each_run(compared) {
        differing.extend(differing_strategies(variants)?.1);
    }
    let merged = Merged { summary, differing };
    Ok(format!("{}\n", serde_json::to_string_pretty(&merged)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(name: &str, scenario: &str, note: &str) -> ComparedRun<'static> {
        ComparedRun {
            device: device(note),
            ..ComparedRun::new(name, scenario, BTreeMap::new(), &[])
        }
    }

    #[test]
    fn another_device_and_another_precision_are_named_and_leave_runs_paired() {
        let scenario = fedlayer_scenario::example();
        let (cpu, gpu) = (r#"{ "device": "cpu" }"#, r#"{ "device": "cuda:0" }"#);
        let on = |note| part("other", scenario, note);
        let differing = |other| differing_runs(&[part("first", scenario, cpu), other], false);
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
