//! [`Results`]: the files that an analysis leaves: its values as JSON lines and as CSV, and its pictures.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use fedlayer_core::{AnalysisRow, LayerName, Layout, slug, spec::AnalysisSpec};
use fedlayer_report::{digest, picture, sheet};
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
    /// The lock on the run folder, where results come into one that this process keeps.
    lock: Option<Arc<FolderLock>>,
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

/// The file of an analysis that says what was asked, and vouches for what was written. Its last key is its checksum.
#[derive(Serialize)]
struct Question<'a> {
    #[serde(flatten)]
    spec: &'a AnalysisSpec,
    /// The files that were written, by name.
    files: BTreeMap<String, Content>,
}

/// What a question says of the files; one of an earlier version says nothing.
#[derive(Deserialize)]
struct Vouched {
    #[serde(default)]
    files: BTreeMap<String, Content>,
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
        Self { folder, lock: None }
    }

    /// In a run folder that this process keeps: nothing is written once it was moved or replaced.
    pub(crate) fn kept(self, lock: &Arc<FolderLock>) -> Self {
        Self { lock: Some(lock.clone()), ..self }
    }

    /// Checks that files can be written in the folder, and leaves nothing behind.
    pub(crate) fn check(&self) -> Result<(), FileError> {
        files::check_writing_in(&self.folder)
    }

    /// Whether something of an analysis is there.
    fn has(&self, name: &str) -> bool {
        files::exists(&self.values(name)) || files::exists(&self.question(name))
    }

    /// Whether an analysis is there, and every file of it as it was written.
    pub(crate) fn is_whole(&self, name: &str) -> bool {
        self.has(name) && self.faults(name, false).is_empty()
    }

    /// The names of the analyses of which something is there.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        let names = files::names_in(&self.folder).unwrap_or_default();
        let stem = |name: &String| {
            let stem = name.strip_suffix(".jsonl").or(name.strip_suffix(".json"));
            stem.map(str::to_owned)
        };
        names.iter().filter_map(stem).collect()
    }

    /// What is wrong with the files of an analysis, in words behind the path of each. One of an earlier version has no checksums, which is
    /// wrong where it `must` have them.
    pub(crate) fn faults(&self, name: &str, must: bool) -> Vec<(PathBuf, String)> {
        let path = self.question(name);
        let gone = |path: PathBuf| vec![(path, "is gone".to_owned())];
        let question = match Sealed::read(&path) {
            Ok(sealed) => sealed.checked(|_: &Vouched| must).map_err(|error| error.to_string()),
            Err(_) if files::exists(&path) => Err("it cannot be read".to_owned()),
            Err(_) => return gone(path),
        };
        let vouched = match question {
            Ok(question) => question.files,
            Err(reason) => return vec![(path, format!("is damaged: {reason}"))],
        };
        if vouched.is_empty() && !files::exists(&self.values(name)) {
            return gone(self.values(name));
        }
        let mut faults = Vec::new();
        for (file, expected) in vouched {
            let path = self.folder.join(file);
            match Content::of(&path) {
                Ok(now) if now == expected => {}
                Ok(now) => faults
                    .push((path, format!("is damaged: {expected} were written, it has {now} now"))),
                Err(_) if !files::exists(&path) => faults.extend(gone(path)),
                Err(error) => faults.push((path, format!("cannot be read: {}", error.reason()))),
            }
        }
        faults
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

    /// The file that says what was asked, and what was written.
    pub(crate) fn question(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.json"))
    }

    /// Writes everything of an analysis. The question comes last: where it is, everything is.
    pub(crate) fn write(
        &self,
        spec: &AnalysisSpec,
        name: &str,
        rows: Vec<AnalysisRow>,
        layout: &Layout,
    ) -> Result<Made, Failure> {
        let layers: Vec<LayerName> = layout.names().cloned().collect();
        let word = spec.measure.word();
        self.lock.as_ref().map_or(Ok(()), |lock| lock.check())?;
        files::create_folders(&self.folder)?;
        let mut written = Vec::new();
        let mut vouched = BTreeMap::new();
        let mut write = |name: String, bytes: &[u8]| {
            let path = self.folder.join(&name);
            files::write_atomically(&path, bytes)?;
            vouched.insert(name, Content::of_bytes(bytes));
            written.push(path);
            Ok::<(), Failure>(())
        };
        for picture in picture(word, spec.name(), &rows, &layers) {
            write(picture.file_name(name), picture.svg.as_bytes())?;
        }
        write(format!("{name}.csv"), sheet(&rows).as_bytes())?;
        write(format!("{name}.jsonl"), &json_lines(&rows)?)?;
        files::write_atomically(&self.question(name), &seal(&Question { spec, files: vouched })?)?;
        written.push(self.question(name));
        let digest = digest(word, &rows, &layers);
        Ok(Made { name: name.to_owned(), digest, rows, files: written })
    }
}
