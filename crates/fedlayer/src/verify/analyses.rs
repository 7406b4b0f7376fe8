//! Checks the files of the analyses in a run folder against the checksums in each question.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use super::{Cure, Fault, Findings};
use crate::{
    analyses::Results,
    files,
    run_folder::{
        SCENARIO,
        note::{RunNote, RunState},
    },
};

/// Checks the analyses of a run and of every variant of a sweep. `fedlayer resume` makes those that
/// the scenario asks for anew.
pub(super) fn check(run: &Path, note: &RunNote, found: &mut Findings) {
    let wanted = wanted(run);
    for folder in folders(run, note) {
        let results = Results::of(&folder);
        let listed = listed(run, &folder, note);
        let there = results.names();
        for name in there.union(&listed) {
            let cure = if wanted.contains(name) { Cure::Resume } else { Cure::Nothing };
            let is_unfinished = !listed.contains(name) && !files::exists(&results.manifest(name));
            if is_unfinished && note.state != RunState::Finished {
                continue;
            }
            for (path, words) in results.faults(name, note.provenance.is_some()) {
                found.add(Fault { path, words, cure });
            }
        }
    }
}

/// Returns the names of the analyses that the scenario asks for.
fn wanted(run: &Path) -> BTreeSet<String> {
    let text = files::read_text(&run.join(SCENARIO)).unwrap_or_default();
    let said = fedlayer_scenario::read_without_data(SCENARIO, &text, &[]).ok();
    let specs = said.iter().flat_map(|scenario| &scenario.analysis);
    specs.map(crate::analyses::file_name).collect()
}

/// Returns the run folder and the folders of its variants.
fn folders(run: &Path, note: &RunNote) -> BTreeSet<PathBuf> {
    let plans = note.provenance.iter().flat_map(|provenance| &provenance.plans);
    let above = |folder: &String| Some(run.join(Path::new(folder).parent()?.parent()?));
    let mut all: BTreeSet<PathBuf> = plans.filter_map(|plan| above(&plan.folder)).collect();
    all.insert(run.to_owned());
    all
}

/// Returns the analyses that existed when the last process ended.
fn listed(run: &Path, folder: &Path, note: &RunNote) -> BTreeSet<String> {
    let below = folder.join("analyses");
    let names = note.files.keys().filter(|_| note.state != RunState::Running);
    let name = |path: &String| {
        let path = run.join(path);
        let is_question = path.parent() == Some(&below) && path.extension()? == "json";
        is_question.then(|| path.file_stem()?.to_str().map(str::to_owned)).flatten()
    };
    names.filter_map(name).collect()
}
