//! [`ExportSource`]: a run folder, checked, with its plans.

use std::path::{Path, PathBuf};

use fedlayer_core::spec::Variant;
use fedlayer_export::{PlanKeys, RunOrigin};
use fedlayer_scenario::{Color, variants};
use serde_json::Value;

use super::parameters::parameters;
use crate::{
    exit::Failure,
    files,
    run_folder::{
        self,
        checkpoint::{CommittedRecords, PlanHash},
        note::PlanNote,
        plan_folder::PlanFolder,
    },
    screen::Screen,
    verify::{self, Depth},
};

/// A run folder, checked, with the plans that have committed rounds.
#[derive(Debug)]
pub(super) struct ExportSource {
    pub(super) path: PathBuf,
    pub(super) provenance: RunOrigin,
    /// The text of its scenario.
    pub(super) scenario: String,
    /// The beginning of its last process, in seconds since 1970 (UTC).
    pub(super) started: u64,
    /// The plans with committed rounds, in the run's order.
    pub(super) plans: Vec<PlanSource>,
}

/// A plan with committed rounds.
#[derive(Debug)]
pub(super) struct PlanSource {
    pub(super) keys: PlanKeys,
    /// Its settings by name, beginning with its strategy and seed.
    pub(super) parameters: Vec<(String, String)>,
    /// Its path in the run folder.
    pub(super) name: String,
    pub(super) folder: PlanFolder,
    pub(super) hash: PlanHash,
    /// The number of committed rounds.
    pub(super) rounds: u32,
    /// Their records.
    pub(super) records: CommittedRecords,
}

impl ExportSource {
    /// Opens a run folder in any state, without locking or changing it. Plans without a committed
    /// round are named and left out, and so are rounds behind the last checkpoint.
    ///
    /// # Errors
    /// When there is no run, it is damaged, or a version wrote it that noted no plans.
    pub(super) fn open(run: &Path, label: String, screen: &Screen) -> Result<Self, Failure> {
        verify::check(run, Depth::Records, |_, _| {})?.demand(run, screen)?;
        let note = run_folder::read_note(run)?;
        let Some(began) = &note.provenance else { return Err(without_plans(run)) };
        let scenario = files::read_text(&run_folder::scenario_file(run))?;
        let variants = variants("scenario.toml", &scenario)
            .map_err(|report| Failure::Scenario(report.render(Color::Plain)))?;
        let mut source = Self {
            path: run.to_owned(),
            provenance: RunOrigin {
                run: label,
                scenario: note.scenario.clone(),
                blake3: began.scenario_file.blake3.clone(),
                fedlayer: note.fedlayer.clone(),
            },
            scenario,
            started: note.started,
            plans: Vec::new(),
        };
        for plan in &began.plans {
            let found = source.plan(plan, &began.scenario_says, &variants)?;
            match &found {
                Some(found) => say_if_behind(found, &began.scenario_says, screen),
                None => screen.talk(&format!(
                    "note: `{}` has no committed round, and is left out",
                    run.join(&plan.folder).display()
                )),
            }
            source.plans.extend(found);
        }
        Ok(source)
    }

    /// Reads what a plan has committed; `None` if it is nothing.
    fn plan(
        &self,
        plan: &PlanNote,
        says: &Value,
        variants: &[Variant],
    ) -> Result<Option<PlanSource>, Failure> {
        let folder = PlanFolder::at(self.path.join(&plan.folder));
        let Some((rounds, records)) = verify::committed(&folder, &plan.blake3)? else {
            return Ok(None);
        };
        let is_of = |variant: &&Variant| {
            let inner = plan.folder.strip_prefix(&*variant.folder);
            inner.is_some_and(|inner| inner.starts_with('/') && inner.matches('/').count() == 2)
        };
        let keys = PlanKeys {
            run: self.provenance.run.clone(),
            scenario: self.provenance.scenario.clone(),
            strategy: plan.strategy.clone(),
            seed: plan.seed,
            variant: variants.iter().find(is_of).cloned(),
        };
        Ok(Some(PlanSource {
            parameters: parameters(says, &keys),
            keys,
            name: plan.folder.clone(),
            folder,
            hash: plan.blake3.clone(),
            rounds,
            records,
        }))
    }
}

/// Says that a plan has fewer rounds than its scenario asks for.
fn say_if_behind(plan: &PlanSource, says: &Value, screen: &Screen) {
    let settings = plan.keys.variant.iter().flat_map(|variant| &variant.settings);
    let swept = settings.into_iter().find(|setting| setting.key == "rounds");
    let asked = match swept {
        Some(setting) => setting.value.parse().ok(),
        None => says["rounds"].as_u64(),
    };
    if asked.is_some_and(|asked| u64::from(plan.rounds) < asked) {
        screen.talk(&format!(
            "note: `{}` is exported up to round {}, its last checkpoint",
            plan.folder.path().display(),
            plan.rounds
        ));
    }
}

/// Describes a run that was written before notes had plans.
fn without_plans(run: &Path) -> Failure {
    Failure::Faults(format!(
        "`{}` was written by an earlier version, and does not say which plans it has\nhint: `fedlayer resume {}` adds that, and changes no record",
        run.display(),
        run.display()
    ))
}
