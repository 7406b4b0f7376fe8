//! [`Results`]: the files that an analysis leaves: its values as JSON lines and as CSV, and its pictures.

use std::path::{Path, PathBuf};

use fedlayer_core::{AnalysisRow, LayerName, Layout, slug, spec::AnalysisSpec};
use fedlayer_report::{digest, picture, sheet};

use crate::{
    exit::Failure,
    files::{self, FileError},
    run_folder::{json_lines, pretty},
};

/// The folder of the results of analyses.
#[derive(Debug)]
pub(crate) struct Results {
    folder: PathBuf,
}

/// An analysis that was made.
#[derive(Debug)]
pub(crate) struct Made {
    /// Its name.
    pub(crate) name: String,
    /// Its most important numbers, for people.
    pub(crate) digest: String,
    /// Its values.
    pub(crate) rows: Vec<AnalysisRow>,
    /// What was written.
    pub(crate) files: Vec<PathBuf>,
}

/// What the files of an analysis are called, without ending.
pub(crate) fn name(spec: &AnalysisSpec) -> String {
    slug(spec.name())
}

impl Results {
    /// In a run folder.
    pub(crate) fn of(run: &Path) -> Self {
        Self::in_folder(run.join("analyses"))
    }

    /// In any folder.
    pub(crate) fn in_folder(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Checks that files can be written in the folder, and leaves nothing behind.
    pub(crate) fn check(&self) -> Result<(), FileError> {
        files::check_writing_in(&self.folder)
    }

    /// Whether an analysis is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        files::exists(&self.values(name))
    }

    /// The first of `name`, `name-2`, … that is free: no analysis overwrites another.
    pub(crate) fn free(&self, name: &str) -> String {
        let numbered = (2..).map(|number| format!("{name}-{number}"));
        let mut names = std::iter::once(name.to_owned()).chain(numbered);
        names.find(|name| !self.has(name)).unwrap_or_default()
    }

    fn values(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.jsonl"))
    }

    /// Writes everything of an analysis. The values come last: where they are, everything is.
    pub(crate) fn write(
        &self,
        spec: &AnalysisSpec,
        name: &str,
        rows: Vec<AnalysisRow>,
        layout: &Layout,
    ) -> Result<Made, Failure> {
        let layers: Vec<LayerName> = layout.names().cloned().collect();
        let word = spec.measure.word();
        files::create_folders(&self.folder)?;
        let mut written = Vec::new();
        let mut write = |path: PathBuf, bytes: &[u8]| {
            files::write_atomically(&path, bytes)?;
            written.push(path);
            Ok::<(), Failure>(())
        };
        for picture in picture(word, spec.name(), &rows, &layers) {
            write(self.folder.join(picture.file_name(name)), picture.svg.as_bytes())?;
        }
        write(self.folder.join(format!("{name}.csv")), sheet(&rows).as_bytes())?;
        write(self.folder.join(format!("{name}.json")), &pretty(spec)?)?;
        write(self.values(name), &json_lines(&rows)?)?;
        let digest = digest(word, &rows, &layers);
        Ok(Made { name: name.to_owned(), digest, rows, files: written })
    }
}
