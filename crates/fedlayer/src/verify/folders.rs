//! Finds the plans' folders in a run folder, and folders that belong to no plan.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use super::{Cure, Fault, Findings};
use crate::{
    files::{self, Content},
    run_folder::{
        checkpoint::PlanHash,
        note::{PlanNote, RunNote, RunState},
        plan_folder::checkpoint_rounds,
    },
};

/// A plan's folder, with its entries in the run's note.
#[derive(Debug)]
pub(super) struct ListedPlan {
    /// Its path in the run folder.
    pub(super) folder: String,
    /// The plan's hash; unknown in a run of an earlier version.
    pub(super) plan: Option<PlanHash>,
    /// The number of rounds between checkpoints, if it is the same for all plans.
    pub(super) every: Option<u32>,
    /// The files that the last process left, by their path in the folder; `None` while a process is
    /// running, or after it was killed.
    pub(super) files: Option<BTreeMap<String, Content>>,
    /// True if all rounds are committed.
    pub(super) is_finished: bool,
}

/// Returns the plans of a run. Folders that look like a plan's and belong to none are faults.
pub(super) fn plans(run: &Path, note: Option<&RunNote>, found: &mut Findings) -> Vec<ListedPlan> {
    let there = there(run);
    let Some((note, provenance)) = note.and_then(|note| Some((note, note.provenance.as_ref()?)))
    else {
        let unknown = |folder| ListedPlan {
            folder,
            plan: None,
            every: None,
            files: None,
            is_finished: false,
        };
        return there.into_iter().map(unknown).collect();
    };
    let own: BTreeSet<&str> = provenance.plans.iter().map(|plan| &*plan.folder).collect();
    for strange in there.iter().filter(|folder| !own.contains(&***folder)) {
        let words = "belongs to no plan of the run, and is left alone".to_owned();
        found.add(Fault { path: run.join(strange), words, cure: Cure::Nothing });
    }
    // A sweep may vary the number of rounds between checkpoints.
    let every = match provenance.scenario_says.get("sweep") {
        None => provenance.scenario_says["checkpoints"]["every"].as_u64(),
        Some(_) => None,
    };
    let every = every.and_then(|every| every.try_into().ok());
    provenance.plans.iter().map(|plan| known(plan, note, every)).collect()
}

fn known(plan: &PlanNote, note: &RunNote, every: Option<u32>) -> ListedPlan {
    let below = format!("{}/", plan.folder);
    let from = note.files.range(below.clone()..);
    let own = from.map_while(|(name, content)| Some((name.strip_prefix(&below)?, content)));
    let files = own.map(|(name, content)| (name.to_owned(), content.clone())).collect();
    ListedPlan {
        folder: plan.folder.clone(),
        plan: Some(plan.blake3.clone()),
        every,
        files: (note.state != RunState::Running && !note.files.is_empty()).then_some(files),
        is_finished: note.state == RunState::Finished,
    }
}

/// Returns the folders that look like a plan's: `STRATEGY/seed-N`, or the same below a variant's
/// folder, with records or checkpoints in them.
fn there(run: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for outer in folders_in(run) {
        for middle in folders_in(&run.join(&outer)) {
            let path = format!("{outer}/{middle}");
            if is_plan(&run.join(&path), &middle) {
                found.push(path);
                continue;
            }
            for inner in folders_in(&run.join(&path)) {
                if is_plan(&run.join(&path).join(&inner), &inner) {
                    found.push(format!("{path}/{inner}"));
                }
            }
        }
    }
    found
}

fn is_plan(folder: &Path, name: &str) -> bool {
    let has_seed = name.strip_prefix("seed-").is_some_and(|seed| seed.parse::<u64>().is_ok());
    let has_rounds = || files::exists(&folder.join("rounds.jsonl"));
    let has_models =
        || checkpoint_rounds(&folder.join("checkpoints")).is_ok_and(|kept| !kept.is_empty());
    has_seed && (has_rounds() || has_models())
}

fn folders_in(folder: &Path) -> Vec<String> {
    let names = files::names_in(folder).unwrap_or_default();
    names.into_iter().filter(|name| files::is_folder(&folder.join(name))).collect()
}
