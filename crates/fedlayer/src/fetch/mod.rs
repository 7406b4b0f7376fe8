//! `fedlayer data fetch`: fetches a data set's files from their published address, a mirror or a
//! folder into a data folder.
//!
//! A file gets its name only after its length and its SHA-256 are verified. [`http_client`] speaks
//! HTTP, [`from_folder`] copies, [`verify`] compares, [`unpack`] takes archives apart.

pub(crate) mod error;
mod from_folder;
mod http_client;
#[cfg(test)]
mod tests;
pub(crate) mod unpack;
mod verify;

use std::path::PathBuf;

use fedlayer_data::{Download, KnownSet, Unpack, catalogue};
use fedlayer_report::quantity;

use self::error::FetchError;
use self::{from_folder::LocalFiles, http_client::HttpClient};
use crate::{
    args::FetchArgs,
    download_source::DownloadSource,
    exit::Failure,
    files::{self, PartFile},
    folders::{Folder, FolderOrigin, Folders},
    process::signals,
    screen::Screen,
    set_files,
};

/// Runs `fedlayer data fetch`.
pub(crate) fn fetch(args: &FetchArgs, screen: &Screen) -> Result<(), Failure> {
    let folders = Folders::new(args.data.data.as_deref());
    let Some(set) = catalogue().iter().find(|set| set.name == args.name) else {
        return Err(Failure::Fault(format!("`{}` is not in the catalogue", args.name)));
    };
    let into = match &args.to {
        Some(folder) => folder.clone(),
        None => match set_files::whole(&folders, set) {
            // A set of the system is not fetched again; a set in a user's folder is verified.
            Some(folder) if folder.origin == FolderOrigin::System => {
                screen.talk(&format!("`{}` is already in `{}`", set.name, folder.path.display()));
                return Ok(());
            }
            Some(folder) => folder.path.clone(),
            None => first_writable(&folders, set)?,
        },
    };
    let job = FetchJob {
        set,
        source: args.from.clone().unwrap_or(DownloadSource::Home),
        into: into.join(set.name),
        client: HttpClient::new(http_client::PAUSES, http_client::SILENCE),
        screen: screen.clone(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(async {
        tokio::select! {
            done = tokio::task::spawn_blocking(move || job.perform()) => match done {
                Ok(done) => done.map_err(Failure::from),
                Err(broken) => Err(Failure::Fault(broken.to_string())),
            },
            () = signals::end() => Err(Failure::Stopped),
        }
    });
    // The program ends without waiting for a download in progress.
    runtime.shutdown_background();
    ended
}

/// Returns the first writable folder.
fn first_writable(folders: &Folders, set: &KnownSet) -> Result<PathBuf, FetchError> {
    let mut tried = Vec::new();
    for Folder { path, .. } in folders.writable() {
        match files::check_writing_in(&path.join(set.name)) {
            Ok(()) => return Ok(path.clone()),
            Err(error) => tried.push(error.bare()),
        }
    }
    Err(FetchError::Nowhere(tried))
}

/// The download of one set.
struct FetchJob {
    set: &'static KnownSet,
    source: DownloadSource,
    /// The set's own folder.
    into: PathBuf,
    client: HttpClient,
    screen: Screen,
}

impl FetchJob {
    fn perform(&self) -> Result<(), FetchError> {
        if let DownloadSource::Folder(folder) = &self.source {
            from_folder::check(folder)?;
        }
        let absent = files::absent_folders(&self.into);
        // If nothing was fetched, the folders that were made for it are removed.
        let missing = self.get_all().inspect_err(|_| files::remove_empty_folders(&absent))?;
        let folder = self.into.clone();
        if !missing.is_empty() {
            return Err(FetchError::Incomplete { missing, folder });
        }
        let KnownSet { name, licence, cite, .. } = self.set;
        let folder = folder.display();
        self.screen.talk(&format!("`{name}` is in `{folder}`\nlicence: {licence}\ncite: {cite}"));
        Ok(())
    }

    /// Fetches every download that is absent; returns the files that the source folder lacks.
    fn get_all(&self) -> Result<Vec<&'static str>, FetchError> {
        let mut wanted = Vec::new();
        for download in self.set.downloads {
            if self.is_there(download)? {
                self.screen.talk(&format!("`{}`: already there", download.file));
            } else {
                wanted.push(download);
            }
        }
        if !wanted.is_empty() {
            files::try_writing_in(&self.into)?;
        }
        let mut missing = Vec::new();
        for download in wanted {
            missing.extend(self.get(download)?);
        }
        Ok(missing)
    }

    /// Tells whether the files of a download exist. It is an error if a file with a published hash
    /// has other contents: it is not overwritten.
    fn is_there(&self, download: &Download) -> Result<bool, FetchError> {
        let path = self.into.join(download.file);
        match download.unpack {
            Unpack::AsItIs if files::length_if_any(&path).is_some() => {
                verify::existing(&path, download).map(|()| true)
            }
            _ => {
                let has = |name| set_files::either_form(&self.into, name).is_some();
                Ok(file_names(download).all(has))
            }
        }
    }

    /// Fetches one download; returns the files that the source folder lacks.
    fn get(&self, download: &Download) -> Result<Vec<&'static str>, FetchError> {
        let begin = || -> Result<PartFile, FetchError> {
            let path = self.into.join(format!("{}.part", download.file));
            PartFile::open(path.clone())?.ok_or(FetchError::Busy(path))
        };
        let whole = match &self.source {
            DownloadSource::Folder(folder) => {
                match from_folder::find(folder, self.set.name, download)? {
                    LocalFiles::Published(path) => {
                        let mut part = begin()?;
                        from_folder::copy(&path, download, &mut part, &self.screen)?;
                        CompleteDownload { part, from: path.display().to_string() }
                    }
                    LocalFiles::Unverified(loose) => {
                        from_folder::copy_unverified(&loose, &self.into, &self.screen)?;
                        return Ok(loose.missing);
                    }
                }
            }
            DownloadSource::Home | DownloadSource::Mirror(_) => {
                let url = self.source.url(download).map_err(|error| FetchError::Address {
                    address: download.url.to_owned(),
                    error,
                })?;
                let mut part = begin()?;
                let came = self.client.fetch(&url, download.bytes, &mut part, &self.screen);
                if let Err(error) = came {
                    if part.bytes() == 0 {
                        http_client::forget_version(&part)?;
                        part.discard()?;
                    }
                    return Err(error);
                }
                CompleteDownload { part, from: url.to_string() }
            }
        };
        self.store(whole, download)?;
        Ok(Vec::new())
    }

    /// Verifies a download, then renames or unpacks it.
    fn store(&self, whole: CompleteDownload, download: &Download) -> Result<(), FetchError> {
        let CompleteDownload { part, from } = whole;
        http_client::forget_version(&part)?;
        let part = verify::fetched(part, &from, download)?;
        match download.unpack {
            Unpack::AsItIs => part.finish(&self.into.join(download.file))?,
            archive => {
                let unpacked = unpack::unpack(archive, download.file, part.path(), &self.into);
                part.discard()?;
                unpacked?;
            }
        }
        self.screen.talk(&format!(
            "`{}`: {}, verified",
            download.file,
            quantity::bytes(download.bytes as f64)
        ));
        Ok(())
    }
}

/// All bytes of a download, and their source.
struct CompleteDownload {
    part: PartFile,
    from: String,
}

/// Returns the names of the files in a download.
fn file_names(download: &Download) -> Box<dyn Iterator<Item = &'static str>> {
    match download.unpack {
        Unpack::AsItIs => Box::new(std::iter::once(download.file)),
        Unpack::TarGz(members) => Box::new(members.iter().map(|&(_, name)| name)),
    }
}
