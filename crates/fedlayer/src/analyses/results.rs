//! [`Results`]: the files of an analysis: its values as JSON lines and as CSV, its pictures, and a
//! manifest with the question and a checksum of each file.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use fedlayer_core::{
    model::{LayerName, Layout},
    record::AnalysisRow,
    spec::AnalysisSpec,
    text::slug,
};
use fedlayer_report::{analysis_csv, analysis_summary, pictures};
use serde::{Deserialize, Serialize};

use crate::{
    exit::Failure,
    files::{self, Content, FileError, FolderLock},
    run_folder::{
        json::json_lines,
        sealed::{Sealed, seal},
    },
};

/// The folder of the results of analyses.
#[derive(Debug)]
pub(crate) struct Results {
    folder: PathBuf,
    /// The lock on the run folder, if this process holds it.
    lock: Option<Arc<FolderLock>>,
}

/// A finished analysis.
#[derive(Debug)]
pub(crate) struct AnalysisOutput {
    /// Its name.
    pub(crate) name: String,
    /// Its most important numbers, for people.
    pub(crate) summary: String,
    /// Its values.
    pub(crate) rows: Vec<AnalysisRow>,
    /// The files that were written.
    pub(crate) files: Vec<PathBuf>,
}

/// The manifest of an analysis: its question, and the content of each file. Its last key is its own
/// checksum.
#[derive(Serialize)]
struct Manifest<'a> {
    #[serde(flatten)]
    spec: &'a AnalysisSpec,
    /// The files that were inventory, by name.
    files: BTreeMap<String, Content>,
}

/// The files in a manifest; one of an earlier version lists none.
#[derive(Deserialize)]
struct ManifestFiles {
    #[serde(default)]
    files: BTreeMap<String, Content>,
}

/// Returns the name of the files of an analysis, without ending.
pub(crate) fn name(spec: &AnalysisSpec) -> String {
    slug(spec.name())
}

impl Results {
    /// Returns the folder of results in a run folder.
    pub(crate) fn of(run: &Path) -> Self {
        Self::in_folder(run.join("analyses"))
    }

    /// Takes any folder.
    pub(crate) fn in_folder(folder: PathBuf) -> Self {
        Self { folder, lock: None }
    }

    /// Writes only while the run folder has this lock: nothing, once it was moved or replaced.
    pub(crate) fn locked(self, lock: &Arc<FolderLock>) -> Self {
        Self { lock: Some(lock.clone()), ..self }
    }

    /// Checks that files can be written in the folder, and leaves nothing behind.
    pub(crate) fn check(&self) -> Result<(), FileError> {
        files::check_writing_in(&self.folder)
    }

    /// Returns whether an analysis has a file here.
    fn has(&self, name: &str) -> bool {
        files::exists(&self.values(name)) || files::exists(&self.manifest(name))
    }

    /// Returns whether an analysis has all its files, unchanged since they were written.
    pub(crate) fn is_whole(&self, name: &str) -> bool {
        self.has(name) && self.faults(name, false).is_empty()
    }

    /// Returns the names of the analyses with a file here.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        let names = files::names_in(&self.folder).unwrap_or_default();
        let stem = |name: &String| {
            let stem = name.strip_suffix(".jsonl").or(name.strip_suffix(".json"));
            stem.map(str::to_owned)
        };
        names.iter().filter_map(stem).collect()
    }

    /// Finds the faults of an analysis: the path of a file, and what is wrong with it. An analysis
    /// of an earlier version has no checksums, which is a fault if it `must` have them.
    pub(crate) fn faults(&self, name: &str, must: bool) -> Vec<(PathBuf, String)> {
        let path = self.manifest(name);
        let gone = |path: PathBuf| vec![(path, "is gone".to_owned())];
        let manifest = match Sealed::read(&path) {
            Ok(sealed) => {
                sealed.checked(|_: &ManifestFiles| must).map_err(|error| error.to_string())
            }
            Err(_) if files::exists(&path) => Err("it cannot be read".to_owned()),
            Err(_) => return gone(path),
        };
        let listed = match manifest {
            Ok(manifest) => manifest.files,
            Err(reason) => return vec![(path, format!("is damaged: {reason}"))],
        };
        if listed.is_empty() && !files::exists(&self.values(name)) {
            return gone(self.values(name));
        }
        let mut faults = Vec::new();
        for (file, expected) in listed {
            let path = self.folder.join(file);
            match Content::of(&path) {
                Ok(now) if now == expected => {}
                Ok(now) => faults.push((
                    path,
                    format!("is damaged: {expected} were inventory, it has {now} now"),
                )),
                Err(_) if !files::exists(&path) => faults.extend(gone(path)),
                Err(error) => faults.push((path, format!("cannot be read: {}", error.reason()))),
            }
        }
        faults
    }

    /// Returns the first of `name`, `name-2`, … that is free: no analysis overwrites another.
    pub(crate) fn free(&self, name: &str) -> String {
        let numbered = (2..).map(|number| format!("{name}-{number}"));
        let mut names = std::iter::once(name.to_owned()).chain(numbered);
        names.find(|name| !self.has(name)).unwrap_or_default()
    }

    fn values(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.jsonl"))
    }

    /// Returns the path of the manifest.
    pub(crate) fn manifest(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.json"))
    }

    /// Writes all files of an analysis. The manifest comes last: with it, all others are there.
    pub(crate) fn write(
        &self,
        spec: &AnalysisSpec,
        name: &str,
        rows: Vec<AnalysisRow>,
        layout: &Layout,
    ) -> Result<AnalysisOutput, Failure> {
        let layers: Vec<LayerName> = layout.names().cloned().collect();
        self.lock.as_ref().map_or(Ok(()), |lock| lock.check())?;
        files::create_folders(&self.folder)?;
        let mut written = Vec::new();
        let mut contents = BTreeMap::new();
        let mut write = |name: String, bytes: &[u8]| {
            let path = self.folder.join(&name);
            files::write_atomically(&path, bytes)?;
            contents.insert(name, Content::of_bytes(bytes));
            written.push(path);
            Ok::<(), Failure>(())
        };
        for picture in pictures(&spec.measure, spec.name(), &rows, &layers) {
            write(picture.file_name(name), picture.svg.as_bytes())?;
        }
        write(format!("{name}.csv"), analysis_csv(&rows).as_bytes())?;
        write(format!("{name}.jsonl"), &json_lines(&rows)?)?;
        files::write_atomically(&self.manifest(name), &seal(&Manifest { spec, files: contents })?)?;
        written.push(self.manifest(name));
        let summary = analysis_summary(&spec.measure, &rows, &layers);
        Ok(AnalysisOutput { name: name.to_owned(), summary, rows, files: written })
    }
}
