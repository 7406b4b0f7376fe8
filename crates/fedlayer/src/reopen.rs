//! [`Reopened`]: a run that is there already, read and checked before anything of it is touched.

use std::path::{Path, PathBuf};

use fedlayer_scenario::{Read, Setting};

use crate::{
    data::Data,
    exit::Failure,
    files,
    folders::Folders,
    input_files::{InputsNote, Search},
    run_folder::{self, RunFolder, RunNote},
    scenario,
    screen::Screen,
};

/// A run folder, and what it was made from.
pub(crate) struct Reopened {
    pub(crate) folder: RunFolder,
    /// What was noted of it last.
    pub(crate) before: RunNote,
    /// Its files, as they were and where they are now; a run of an older version has none.
    pub(crate) inputs: Option<InputsNote>,
    pub(crate) data: Data,
    pub(crate) read: Read,
}

impl Reopened {
    /// Opens a run folder and keeps it for this process. `option` is `--data`.
    ///
    /// # Errors
    /// When there is no run, another process is at it, or a file that it was made from changed or is gone.
    pub(crate) fn open(
        run: &Path,
        option: Option<&Path>,
        settings: &[Setting],
        screen: &Screen,
    ) -> Result<Self, Failure> {
        let folder = RunFolder::open(run.to_owned())?;
        let mut before = folder.note()?;
        let (data, inputs) = data_of(run, option, before.data.as_deref())?;
        if let Some(option) = option {
            before.data = Some(files::absolute(option)?);
        }
        let (path, text) = folder.scenario()?;
        let read = scenario::read_text(&path, &text, settings, &data, screen)?;
        Ok(Self { folder, before, inputs, data, read })
    }
}

/// The data of a run that is there already. Its files are searched for where they were when it began; with `--data`, in the folders alone. Either way
/// each must be what it was. `before` is the data folder that the run began with.
pub(crate) fn data_of(
    run: &Path,
    option: Option<&Path>,
    before: Option<&Path>,
) -> Result<(Data, Option<InputsNote>), Failure> {
    let (folders, search) = match option {
        Some(_) => (Folders::existing(option)?, Search::InFolders),
        None => (Folders::new(before), Search::WhereTheyWere),
    };
    data_in(run, folders, search)
}

/// As [`data_of`], for a search that is settled.
pub(crate) fn data_in(
    run: &Path,
    folders: Folders,
    search: Search,
) -> Result<(Data, Option<InputsNote>), Failure> {
    let Some(inputs) = run_folder::read_inputs(run)? else {
        return Ok((Data::new(folders), None));
    };
    let folders = folders.else_beside(&inputs.scenario);
    let now = inputs.still(run, &folders, search)?;
    Ok((Data::with_known(folders, now.paths()), Some(now)))
}

/// The path of a file as it is called from everywhere.
pub(crate) fn absolute(path: Option<&Path>) -> Result<Option<PathBuf>, Failure> {
    Ok(path.map(files::absolute).transpose()?)
}
