//! Event files of TensorBoard, one per plan.

use std::path::{Path, PathBuf};

use fedlayer_core::text::slug;
use fedlayer_export::EventFile;
use fedlayer_report::heat_colour;

use super::{
    new_files::{NewFiles, check_free},
    rounds::PlanRounds,
    source::{ExportSource, PlanSource},
};
use crate::{exit::Failure, screen::Screen};

/// The name of a plan's event file. TensorBoard wants `tfevents` and a time in it; with the same
/// time in every export, a second export replaces the first.
const EVENTS: &str = "events.out.tfevents.0.fedlayer";

/// Writes an event file per plan, in folders like those of the runs.
pub(super) fn write(
    sources: &[ExportSource],
    folder: &Path,
    replace: bool,
    screen: &Screen,
) -> Result<(), Failure> {
    let pairs = || sources.iter().flat_map(|of| of.plans.iter().map(move |plan| (of, plan)));
    check_free(pairs().map(|(source, plan)| path(folder, source, plan)), replace)?;
    let mut new = NewFiles::default();
    for (source, plan) in pairs() {
        let out = new.begin(&path(folder, source, plan))?;
        let started = source.started as f64;
        let mut file = EventFile::begin(out, started, &source.scenario, &plan.parameters)?;
        for round in PlanRounds::open(plan, screen)? {
            file.add(&round?)?;
        }
        file.finish(heat_colour)?;
    }
    let count = pairs().count();
    new.finish()?;
    screen.talk(&format!(
        "{count} event files → {}; `tensorboard --logdir {}` shows them",
        folder.display(),
        folder.display()
    ));
    Ok(())
}

/// Returns the path of a plan's event file. A run that is known by its path has a folder of its
/// words.
fn path(folder: &Path, source: &ExportSource, plan: &PlanSource) -> PathBuf {
    let run = &source.provenance.run;
    let run = if run.contains('/') { slug(run) } else { run.clone() };
    folder.join(run).join(&plan.name).join(EVENTS)
}
