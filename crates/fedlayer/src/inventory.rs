//! The inventory of a finished run in `run.json`: its files, each with length and hash.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use fedlayer_core::Plan;

use crate::{
    analyses::Results,
    files::{self, Content, FileError},
    run_folder::{
        DATA, SUMMARY, SWEEP,
        plan_folder::{PlanFolder, RecordFile},
    },
};

/// Files by their path in the run folder.
type Inventory = BTreeMap<String, Content>;

/// Lists the records and checkpoints of all plans.
pub(crate) fn records(run: &Path, plans: &[Arc<Plan>]) -> Result<Inventory, FileError> {
    let mut found = Inventory::new();
    for plan in plans {
        let folder = PlanFolder::of(run, plan);
        for file in RecordFile::ALL {
            add(&mut found, run, &folder.record_file(file))?;
        }
        for round in folder.kept_rounds()? {
            add(&mut found, run, &folder.checkpoint_file(round))?;
        }
        add(&mut found, run, &folder.best_file())?;
    }
    Ok(found)
}

/// Lists the tables and the questions of the analyses; a question vouches for its results.
pub(crate) fn results(run: &Path, plans: &[Arc<Plan>]) -> Result<Inventory, FileError> {
    let mut found = Inventory::new();
    for name in [SUMMARY, SWEEP, DATA] {
        add(&mut found, run, &run.join(name))?;
    }
    let variants = plans.iter().map(|plan| plan.variant.as_ref().map(|variant| &variant.folder));
    let mut folders: Vec<_> =
        variants.map(|folder| folder.map_or(run.to_owned(), |f| run.join(f))).collect();
    folders.dedup();
    for folder in folders {
        let results = Results::of(&folder);
        for name in results.names() {
            add(&mut found, run, &results.manifest(&name))?;
        }
    }
    Ok(found)
}

/// Adds a file if it exists.
fn add(found: &mut Inventory, run: &Path, path: &Path) -> Result<(), FileError> {
    if files::exists(path) {
        let name = path.strip_prefix(run).unwrap_or(path).to_string_lossy().into_owned();
        found.insert(name, Content::of(path)?);
    }
    Ok(())
}
