//! From a scenario file to plans: reading, changing, checking against the data.

use std::{path::Path, sync::Arc};

use fedlayer_core::Plan;
use fedlayer_scenario::{Color, Setting, ValidScenario};

use crate::{data::Data, exit::Failure, files, run_folder::RunFolder, screen::Screen};

/// Reads a scenario file, with the changes of `--set`.
pub(crate) fn read(
    path: &Path,
    settings: &[Setting],
    data: &Data,
    screen: &Screen,
) -> Result<ValidScenario, Failure> {
    if path.as_os_str() == "-" && !files::exists(path) {
        return Err(Failure::NoStdin);
    }
    if RunFolder::is_one(path) {
        return Err(Failure::RunForScenario(path.to_owned()));
    }
    let text = files::read_text(path)?;
    read_text(path, &text, settings, data, screen)
}

/// Reads the text of a scenario; messages call it `path`.
pub(crate) fn read_text(
    path: &Path,
    text: &str,
    settings: &[Setting],
    data: &Data,
    screen: &Screen,
) -> Result<ValidScenario, Failure> {
    let name = path.display().to_string();
    let read = fedlayer_scenario::read(&name, text, settings, data);
    for note in data.take_notes() {
        screen.talk(&format!("note: {note}"));
    }
    read.map_err(|report| {
        let color = if screen.is_coloured() { Color::Ansi } else { Color::Plain };
        let words = report.render(color);
        if report.is_absence() { Failure::Absent(words) } else { Failure::Scenario(words) }
    })
}

/// Returns the name of a scenario: that of its file, without folder and extension.
pub(crate) fn name(path: &Path) -> String {
    path.file_stem().map_or("scenario".to_owned(), |stem| stem.to_string_lossy().into_owned())
}

/// Makes plans that several tasks can share.
pub(crate) fn shared(plans: Vec<Plan>) -> Vec<Arc<Plan>> {
    plans.into_iter().map(Arc::new).collect()
}
