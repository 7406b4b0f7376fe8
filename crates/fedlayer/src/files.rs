//! The only module that names `std::fs`: every file error names its path and says what to do.

#![allow(clippy::disallowed_methods, reason = "this is where the file system is named")]

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use rustix::{fs::OFlags, io::Errno};
use thiserror::Error;

pub(crate) use self::{
    content::{Content, Hash},
    line_file::LineFile,
    lock::FolderLock,
    part_file::PartFile,
    pinned_path::PinnedPath,
    secret::{SecretError, exposure, private_folder, write_secret},
};

mod content;
mod line_file;
mod lock;
mod part_file;
mod pinned_path;
mod secret;

/// An error of a file or a folder.
#[derive(Debug, Error)]
#[error("could not {action} `{}`: {source}{}", path.display(), hint(source))]
pub(crate) struct FileError {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl FileError {
    /// Returns the message without its hint, for callers with a better one.
    pub(crate) fn bare(&self) -> String {
        format!("could not {} `{}`: {}", self.action, self.path.display(), self.source)
    }

    /// Makes the error of an open file that cannot be read.
    pub(crate) fn reading(path: &Path, source: io::Error) -> Self {
        at("read", path)(source)
    }

    /// Makes the error of an open file that cannot be written.
    pub(crate) fn writing(path: &Path, source: io::Error) -> Self {
        at("write", path)(source)
    }

    /// Returns the path of the file or folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the system's message, without the path.
    pub(crate) fn reason(&self) -> String {
        self.source.to_string()
    }

    /// Tells whether the file cannot be opened because too many are open.
    pub(crate) fn is_of_too_many_files(&self) -> bool {
        matches!(Errno::from_io_error(&self.source), Some(Errno::MFILE | Errno::NFILE))
    }

    /// Returns the kind of error.
    pub(crate) fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }
}

fn hint(error: &io::Error) -> &'static str {
    match Errno::from_io_error(error) {
        Some(Errno::MFILE) => {
            return "\nhint: this process may not open more files: raise the limit (`ulimit -n`), then go on with `fedlayer resume`";
        }
        Some(Errno::NFILE) => {
            return "\nhint: the machine may not open more files: end other programs or raise its limit (`fs.file-max`), then go on with `fedlayer resume`";
        }
        _ => {}
    }
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "\nhint: make room on that disk, then go on with `fedlayer resume`"
        }
        io::ErrorKind::FileTooLarge => {
            "\nhint: files may not grow that long: raise the limit (`ulimit -f`), then go on with `fedlayer resume`"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "\nhint: choose another folder with `--out`, or allow writing there"
        }
        io::ErrorKind::NotFound => "\nhint: check the path; it is taken from the current folder",
        io::ErrorKind::InvalidData => "\nhint: save it as UTF-8 text",
        io::ErrorKind::IsADirectory => "\nhint: name a file",
        io::ErrorKind::NotADirectory => "\nhint: choose another path, or move that file away",
        io::ErrorKind::InvalidFilename => "\nhint: choose a shorter name, of UTF-8 text",
        _ => "",
    }
}

type FileResult<T> = std::result::Result<T, FileError>;

/// The action of making a folder, for messages.
const MAKE_FOLDER: &str = "make the folder";

/// Names the action and the path that an error belongs to.
fn at<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> FileError + 'a {
    move |source| FileError {
        action,
        path: path.to_owned(),
        source: in_words(action, path, source),
    }
}

/// Explains errors of the system about folders: that a path is a folder, or that a part of it is a
/// file.
fn in_words(action: &str, path: &Path, error: io::Error) -> io::Error {
    use io::ErrorKind::{AlreadyExists, IsADirectory, NotADirectory};
    let is_in_the_way = match error.kind() {
        IsADirectory => return io::Error::new(IsADirectory, "it is a folder"),
        NotADirectory => true,
        AlreadyExists => action == MAKE_FOLDER,
        _ => false,
    };
    let is_file = |part: &&Path| fs::metadata(part).is_ok_and(|at| !at.is_dir());
    match path.ancestors().find(is_file).filter(|_| is_in_the_way) {
        Some(file) => io::Error::new(NotADirectory, format!("`{}` is a file", file.display())),
        None => error,
    }
}

/// Returns the absolute path of a file or folder.
///
/// # Errors
/// When it is not UTF-8: the notes of a run are JSON and could not hold it.
pub(crate) fn absolute(path: &Path) -> FileResult<PathBuf> {
    let absolute = std::path::absolute(path).map_err(at("find", path))?;
    match absolute.to_str() {
        Some(_) => Ok(absolute),
        None => {
            let error = io::Error::new(io::ErrorKind::InvalidFilename, "it is no UTF-8");
            Err(at("note the path", path)(error))
        }
    }
}

/// Reads the text of a file, without a byte order mark.
pub(crate) fn read_text(path: &Path) -> FileResult<String> {
    let text = fs::read_to_string(path).map_err(at("read", path))?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// Reads the text of a file; an absent file is empty.
pub(crate) fn read_text_if_any(path: &Path) -> FileResult<String> {
    if exists(path) { read_text(path) } else { Ok(String::new()) }
}

/// Reads the bytes of a file; an absent file is empty.
pub(crate) fn read_bytes_if_any(path: &Path) -> FileResult<Vec<u8>> {
    if exists(path) { read_bytes(path) } else { Ok(Vec::new()) }
}

/// Reads the first `bytes` of a file, or all if there are fewer.
pub(crate) fn read_first(path: &Path, bytes: u64) -> FileResult<Vec<u8>> {
    let mut first = Vec::new();
    let mut reader = open(path)?.take(bytes);
    reader.read_to_end(&mut first).map_err(at("read", path))?;
    Ok(first)
}

/// Reads a file from the byte `bytes` on; an absent or shorter file gives nothing.
pub(crate) fn read_behind(path: &Path, bytes: u64) -> FileResult<Vec<u8>> {
    let mut rest = Vec::new();
    if exists(path) {
        let mut file = File::open(path).map_err(at("read", path))?;
        file.seek(SeekFrom::Start(bytes)).map_err(at("read", path))?;
        file.read_to_end(&mut rest).map_err(at("read", path))?;
    }
    Ok(rest)
}

/// Reads the bytes of a file.
pub(crate) fn read_bytes(path: &Path) -> FileResult<Vec<u8>> {
    fs::read(path).map_err(at("read", path))
}

/// Opens a file for reading.
pub(crate) fn open(path: &Path) -> FileResult<impl Read + Send + use<>> {
    let absent = || at("read", path)(io::ErrorKind::NotFound.into());
    open_if_any(path)?.ok_or_else(absent)
}

/// Opens a plain file for reading; `None` if it does not exist.
///
/// A pipe or a device is refused before it is opened: it may never end, and opening it may block.
pub(crate) fn open_if_any(path: &Path) -> FileResult<Option<impl Read + Send + use<>>> {
    let opened = fs::metadata(path).and_then(|there| match (there.is_file(), there.is_dir()) {
        (true, _) => File::open(path),
        (_, true) => Err(io::ErrorKind::IsADirectory.into()),
        _ => Err(io::Error::other("it is a pipe or a device, not a plain file")),
    });
    match opened {
        Ok(file) => Ok(Some(BufReader::new(file))),
        Err(error) if is_absence(&error) => Ok(None),
        Err(error) => Err(at("read", path)(error)),
    }
}

fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Returns the length of a file; `None` if it does not exist.
pub(crate) fn length_if_any(path: &Path) -> Option<u64> {
    fs::metadata(path).ok().filter(fs::Metadata::is_file).map(|file| file.len())
}

/// Tells whether a path is a folder.
pub(crate) fn is_folder(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|at| at.is_dir())
}

/// Returns the folders that must be made before `folder` exists, the innermost first.
pub(crate) fn absent_folders(folder: &Path) -> Vec<PathBuf> {
    let all = folder.ancestors().filter(|folder| !folder.as_os_str().is_empty());
    all.take_while(|folder| !exists(folder)).map(Path::to_owned).collect()
}

/// Removes these folders in their order, up to the first that is not empty.
pub(crate) fn remove_empty_folders(folders: &[PathBuf]) {
    for folder in folders {
        // A folder with contents stays, and so do the folders around it.
        if fs::remove_dir(folder).is_err() {
            return;
        }
    }
}

/// Removes a folder with all its contents.
pub(crate) fn remove_folder(folder: &Path) -> FileResult<()> {
    fs::remove_dir_all(folder).map_err(at("remove", folder))
}

/// Checks that a folder exists or can be made, and that a file can be written in it. Leaves nothing
/// behind.
pub(crate) fn check_writing_in(folder: &Path) -> FileResult<()> {
    let absent = absent_folders(folder);
    let tried = try_writing_in(folder);
    remove_empty_folders(&absent);
    tried
}

/// Makes a folder if it does not exist, and checks that a file can be written in it.
pub(crate) fn try_writing_in(folder: &Path) -> FileResult<()> {
    create_folders(folder)?;
    let probe = folder.join(format!(".fedlayer-{}", std::process::id()));
    File::create(&probe).map_err(at("write in", folder))?;
    remove(&probe)
}

/// Tells whether anything exists at a path.
pub(crate) fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// Makes a folder and the folders above it.
pub(crate) fn create_folders(path: &Path) -> FileResult<()> {
    fs::create_dir_all(path).map_err(at(MAKE_FOLDER, path))
}

/// Makes a new folder; returns false if something exists at its path.
pub(crate) fn create_new_folder(path: &Path) -> FileResult<bool> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(at(MAKE_FOLDER, path))?;
    }
    match fs::create_dir(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(at(MAKE_FOLDER, path)(error)),
    }
}

/// Returns the names in a folder, sorted; an absent folder has none.
pub(crate) fn names_in(folder: &Path) -> FileResult<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(at("list", folder))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(at("list", folder))?.file_name();
        names.push(name.to_string_lossy().into_owned());
    }
    names.sort_unstable();
    Ok(names)
}

/// Writes a file as [`write_atomically`] does, unless it has these contents already; returns
/// whether it was written.
pub(crate) fn write_if_other(path: &Path, bytes: &[u8]) -> FileResult<bool> {
    if fs::read(path).is_ok_and(|there| there == bytes) {
        return Ok(false);
    }
    write_atomically(path, bytes).map(|()| true)
}

/// Writes a file completely or not at all: to a temporary file, which is synced and renamed.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> FileResult<()> {
    write_atomically_if(path, bytes, || Ok(()))
}

/// Writes a file as [`write_atomically`] does, if `may` allows it before the temporary file is made
/// and just before the rename. Once it refuses, nothing at this path is touched any more, not even
/// a temporary file: the path may lead to another process's folder by then.
pub(crate) fn write_atomically_if(
    path: &Path,
    bytes: &[u8],
    may: impl Fn() -> FileResult<()>,
) -> FileResult<()> {
    let beside = path.with_added_extension("tmp");
    let write = || {
        may().map_err(|error| error.source)?;
        let mut file = through_no_link().write(true).truncate(true).open(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        may().map_err(|error| error.source)?;
        fs::rename(&beside, path)?;
        sync_folder(path)
    };
    write().map_err(|error| {
        // An unfinished file is useless; if it cannot be removed either, the error stays the same.
        if may().is_ok() {
            let _kept = fs::remove_file(&beside);
        }
        at("write", path)(error)
    })
}

/// Options that open a file or make it. A symbolic link is refused, and a pipe does not block.
fn through_no_link() -> OpenOptions {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    OpenOptions::new().create(true).custom_flags(flags.bits() as i32).to_owned()
}

/// Returns the machine's name, if a system file has it.
pub(crate) fn host_name() -> Option<String> {
    let name = text_of_system(Path::new("/proc/sys/kernel/hostname"))?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// Reads a file below `/proc` or `/sys`; `None` if it is absent.
pub(crate) fn text_of_system(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok()
}

/// Syncs the folder of a file, which puts the file's name on disk.
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// Removes a file; an absent file is no error.
pub(crate) fn remove(path: &Path) -> FileResult<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at("remove", path)(error)),
        _ => Ok(()),
    }
}
