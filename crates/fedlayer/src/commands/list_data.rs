//! `fedlayer data list`: the data sets, their licences, and the folders that have them.

use std::path::PathBuf;

use fedlayer_data::{KnownSet, catalogue};
use fedlayer_report::{ColumnAlign, text_table};
use serde::Serialize;

use crate::{
    args::ListArgs,
    exit::Failure,
    files,
    folders::{Folder, FolderOrigin, Folders},
    screen::Screen,
    set_files::found_in,
};

/// Lists all data sets.
pub(super) fn list(args: &ListArgs, screen: &Screen) -> Result<(), Failure> {
    let folders = Folders::new(args.data.data.as_deref());
    // Missing folders of the environment are listed as missing.
    folders.check(&[FolderOrigin::Option])?;
    let report = DataListing::new(&folders);
    let text = if args.json {
        format!("{}\n", serde_json::to_string_pretty(&report)?)
    } else {
        report.text()
    };
    Ok(screen.data(&text)?)
}

/// The sets inside the program: name, description, licence.
const INSIDE: [(&str, &str, &str); 2] = [
    ("digits", "UCI optical digits, 1,797 images of 8 × 8", "CC BY 4.0"),
    ("synthetic", "Gaussian clusters, drawn from the seed", "-"),
];

/// Everything that `fedlayer data list` prints.
#[derive(Debug, Serialize)]
struct DataListing {
    sets: Vec<SetLine>,
    /// The data folders, in the order in which they are searched.
    folders: Vec<FolderLine>,
}

#[derive(Debug, Serialize)]
struct SetLine {
    name: &'static str,
    about: &'static str,
    licence: &'static str,
    /// The publication to cite.
    cite: Option<&'static str>,
    home: Option<&'static str>,
    /// Whether the set is inside the program.
    inside: bool,
    /// The first folder with all of its files, or else with the most of them.
    folder: Option<PathBuf>,
    /// The number of its files in that folder.
    found: usize,
    /// The number of all its files.
    files: usize,
}

#[derive(Debug, Serialize)]
struct FolderLine {
    path: PathBuf,
    named_by: FolderOrigin,
    exists: bool,
}

impl DataListing {
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
        let heading =
            ["set", "what it is", "licence", "where"].map(|title| (title, ColumnAlign::Left));
        let mut text = text_table(&heading, &rows);
        text += "\nsearched, in this order\n";
        let origins: Vec<_> =
            self.folders.iter().map(|folder| folder.named_by.to_string()).collect();
        let row = |(folder, origin): (&FolderLine, &String)| {
            let absent = if folder.exists { "" } else { "missing" };
            vec![folder.path.display().to_string(), origin.clone(), absent.to_owned()]
        };
        let rows: Vec<_> = self.folders.iter().zip(&origins).map(row).collect();
        text +=
            &text_table(&["folder", "named by", ""].map(|title| (title, ColumnAlign::Left)), &rows);
        text += "\n`fedlayer data fetch NAME` fetches a set that is not found; each set is in a folder of its name\n";
        text
    }
}

impl SetLine {
    fn new(folders: &Folders, set: &KnownSet) -> Self {
        let found = |folder: &&Folder| found_in(folder, set);
        // Among equals the first folder counts; `max_by_key` alone would take the last.
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
            _ if self.inside => "built in".to_owned(),
            None => "not found".to_owned(),
            Some(folder) if self.found == self.files => folder.display().to_string(),
            Some(folder) => {
                format!("{} ({} of {} files)", folder.display(), self.found, self.files)
            }
        };
        vec![self.name.to_owned(), self.about.to_owned(), self.licence.to_owned(), place]
    }
}
