//! `fedlayer data list`: which sets there are, under which licence, and where they are found.

use std::path::{Path, PathBuf};

use fedlayer_data::{KnownSet, catalogue};
use fedlayer_report::{Align, grid};
use serde::Serialize;

use crate::{
    args::ListArgs,
    exit::Failure,
    files,
    folders::{Folder, FolderOrigin, Folders},
    screen::Screen,
};

/// `fedlayer data list`.
pub(crate) fn list(args: &ListArgs, screen: &Screen) -> Result<(), Failure> {
    let folders = Folders::new(args.data.data.as_deref());
    // Those of the environment that are not there are listed as such.
    folders.check(&[FolderOrigin::Option])?;
    let report = Report::new(&folders);
    let text = if args.json {
        format!("{}\n", serde_json::to_string_pretty(&report)?)
    } else {
        report.text()
    };
    Ok(screen.data(&text)?)
}

/// The first folder that has every file of a set.
pub(crate) fn whole<'a>(folders: &'a Folders, set: &KnownSet) -> Option<&'a Folder> {
    let is_whole = |folder: &&Folder| found_in(folder, set) == set.files.len();
    folders.all().iter().find(is_whole)
}

fn found_in(folder: &Folder, set: &KnownSet) -> usize {
    let own = folder.path.join(set.name);
    set.files.iter().filter(|file| either_form(&own, file.name).is_some()).count()
}

/// A file of a folder, plain or gzip, whichever of the two its name says.
pub(crate) fn either_form(folder: &Path, name: &str) -> Option<PathBuf> {
    let other = match name.strip_suffix(".gz") {
        Some(plain) => plain.to_owned(),
        None => format!("{name}.gz"),
    };
    let paths = [folder.join(name), folder.join(other)];
    paths.into_iter().find(|path| files::length_if_any(path).is_some())
}

/// Sets that need no files: name, what it is, licence.
const INSIDE: [(&str, &str, &str); 2] = [
    ("digits", "UCI optical digits, 1,797 images of 8 × 8", "CC BY 4.0"),
    ("synthetic", "Gaussian clusters, drawn", "-"),
];

/// Everything that `data list` says.
#[derive(Debug, Serialize)]
struct Report {
    sets: Vec<SetLine>,
    /// In the order in which they are searched.
    folders: Vec<FolderLine>,
}

#[derive(Debug, Serialize)]
struct SetLine {
    name: &'static str,
    about: &'static str,
    licence: &'static str,
    /// What to cite.
    cite: Option<&'static str>,
    home: Option<&'static str>,
    /// Whether the program needs no files for it.
    inside: bool,
    /// The first folder that has all of its files, else the one that has most of them.
    folder: Option<PathBuf>,
    /// How many of its files are there.
    found: usize,
    /// How many there are in all.
    files: usize,
}

#[derive(Debug, Serialize)]
struct FolderLine {
    path: PathBuf,
    named_by: FolderOrigin,
    exists: bool,
}

impl Report {
    fn new(folders: &Folders) -> Self {
        let inside = INSIDE.iter().map(|&(name, about, licence)| SetLine {
            name,
            about,
            licence,
            cite: None,
            home: None,
            inside: true,
            folder: None,
            found: 0,
            files: 0,
        });
        let known = catalogue().iter().map(|set| SetLine::new(folders, set));
        let folder = |Folder { path, origin }: &Folder| FolderLine {
            path: path.clone(),
            named_by: *origin,
            exists: files::is_folder(path),
        };
        Self {
            sets: inside.chain(known).collect(),
            folders: folders.all().iter().map(folder).collect(),
        }
    }

    fn text(&self) -> String {
        let rows: Vec<_> = self.sets.iter().map(SetLine::cells).collect();
        let heading = ["set", "what it is", "licence", "where"].map(|title| (title, Align::Left));
        let mut text = grid(&heading, &rows);
        text += "\nsearched, in this order\n";
        let origins: Vec<_> =
            self.folders.iter().map(|folder| folder.named_by.to_string()).collect();
        let row = |(folder, origin): (&FolderLine, &String)| {
            let absent = if folder.exists { "" } else { "not there" };
            vec![folder.path.display().to_string(), origin.clone(), absent.to_owned()]
        };
        let rows: Vec<_> = self.folders.iter().zip(&origins).map(row).collect();
        text += &grid(&["folder", "named by", ""].map(|title| (title, Align::Left)), &rows);
        text += "\n`fedlayer data fetch NAME` gets a set that is not found; each lies in a folder of its name\n";
        text
    }
}

impl SetLine {
    fn new(folders: &Folders, set: &KnownSet) -> Self {
        let found = |folder: &&Folder| found_in(folder, set);
        // Of several that have as many, the first: `max_by_key` would take the last.
        let best = folders.all().iter().rev().max_by_key(found);
        let found = best.map_or(0, |folder| found_in(folder, set));
        let KnownSet { name, about, licence, cite, home, .. } = *set;
        Self {
            name,
            about,
            licence,
            cite: Some(cite),
            home: Some(home),
            inside: false,
            folder: best.filter(|_| found > 0).map(|folder| folder.path.join(name)),
            found,
            files: set.files.len(),
        }
    }

    fn cells(&self) -> Vec<String> {
        let place = match &self.folder {
            _ if self.inside => "inside".to_owned(),
            None => "not found".to_owned(),
            Some(folder) if self.found == self.files => folder.display().to_string(),
            Some(folder) => {
                format!("{} ({} of {} files)", folder.display(), self.found, self.files)
            }
        };
        vec![self.name.to_owned(), self.about.to_owned(), self.licence.to_owned(), place]
    }
}
