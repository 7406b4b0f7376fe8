//! Files that only their owner may read: keys and tokens. They are written under an unguessable
//! temporary name, never through a link, and only in a folder that nobody else can write in.

use std::{
    fs::{self, DirBuilder, Metadata},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
};

use rustix::process::{getegid, geteuid};
use tempfile::NamedTempFile;
use thiserror::Error;

use super::{FileError, at};

/// The reason that a secret is not written.
#[derive(Debug, Error)]
pub(crate) enum SecretError {
    /// The system refused.
    #[error("{}\nhint: choose another folder, or allow writing there", .0.bare())]
    File(#[from] FileError),
    /// Others may write in the folder.
    #[error(
        "others may write in `{}`: its mode is {mode:04o}, and somebody else could replace a secret in it\nhint: `chmod go-w {}`, or name a folder that is not there yet",
        folder.display(), folder.display()
    )]
    Writable {
        /// The folder.
        folder: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Others may replace the folder, because they may write in a folder above it.
    #[error(
        "others may write in `{}`, on the way to the folder for secrets: its mode is {mode:04o}, and they could put another folder in its place\nhint: `chmod go-w {}`, or `chmod +t {}` where all may make files as in `/tmp`; or name a folder elsewhere",
        above.display(), above.display(), above.display()
    )]
    WritableAbove {
        /// The folder above.
        above: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The folder belongs to another user.
    #[error(
        "`{}` belongs to another user (number {owner}; this one has {me}), who can read and change what is in it\nhint: name a folder of your own, or one that is not there yet",
        folder.display()
    )]
    Foreign {
        /// The folder.
        folder: PathBuf,
        /// The owner's number.
        owner: u32,
        /// This user's number.
        me: u32,
    },
    /// The path is not a folder.
    #[error("`{}` is no folder\nhint: name a folder, or one that is not there yet", .0.display())]
    NoFolder(PathBuf),
}

/// Makes a folder for secrets, with mode 0700, or checks that an existing one belongs to this user
/// alone.
///
/// # Errors
/// When others may write in it or replace it, when it belongs to another user, or when it cannot be
/// made.
pub(crate) fn private_folder(folder: &Path) -> Result<(), SecretError> {
    if let Some(around) = folder.parent().filter(|around| !around.as_os_str().is_empty()) {
        fs::create_dir_all(around).map_err(at("make the folder", around))?;
    }
    is_out_of_reach(folder)?;
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(at("make the folder", folder)(error).into())
        }
        _ => is_private(folder, &fs::metadata(folder).map_err(at("look at", folder))?),
    }
}

/// Refuses a folder if others may write in a folder above it, since they could rename it and put
/// their own in its place. The sticky bit prevents that.
fn is_out_of_reach(folder: &Path) -> Result<(), SecretError> {
    let named = std::path::absolute(folder).map_err(at("look at", folder))?;
    let Some(around) = named.parent() else { return Ok(()) };
    // The path as it is written, and with its symbolic links resolved.
    let real = fs::canonicalize(around).map_err(at("look at", around))?;
    around.ancestors().chain(real.ancestors()).try_for_each(|above| {
        let found = fs::metadata(above).map_err(at("look at", above))?;
        match may_be_replaced_in(found.mode(), found.gid() == getegid().as_raw()) {
            true => Err(SecretError::WritableAbove {
                above: above.to_owned(),
                mode: found.mode() & 0o7777,
            }),
            false => Ok(()),
        }
    })
}

/// Returns whether others may rename a folder inside a folder with this mode. Members of the user's
/// own primary group do not count as others: many systems give each user a group.
fn may_be_replaced_in(mode: u32, is_own_group: bool) -> bool {
    let others = if is_own_group { 0o002 } else { 0o022 };
    mode & others != 0 && mode & 0o1000 == 0
}

fn is_private(folder: &Path, found: &Metadata) -> Result<(), SecretError> {
    let (mode, owner, me) = (found.mode() & 0o7777, found.uid(), geteuid().as_raw());
    let folder = folder.to_owned();
    if !found.is_dir() {
        return Err(SecretError::NoFolder(folder));
    }
    if owner != me {
        return Err(SecretError::Foreign { folder, owner, me });
    }
    match mode & 0o022 {
        0 => Ok(()),
        _ => Err(SecretError::Writable { folder, mode }),
    }
}

/// Writes a file with mode 0600, completely or not at all. A link of its name is replaced, not
/// followed.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn write_secret(path: &Path, bytes: &[u8]) -> Result<(), SecretError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let write = || {
        // The temporary file has an unguessable new name and mode 0600; it is removed if anything
        // fails.
        let mut file = NamedTempFile::with_prefix_in(".fedlayer-", folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        fs::File::open(folder)?.sync_all()
    };
    Ok(write().map_err(at("write", path))?)
}

/// Returns a warning if others than its owner may read or write a secret.
pub(crate) fn exposure(path: &Path) -> Option<String> {
    let mode = fs::metadata(path).ok()?.mode() & 0o777;
    (mode & 0o077 != 0).then(|| {
        format!(
            "warning: others than its owner may use the secret in `{}`: its mode is {mode:04o}\nhint: `chmod 600 {}`; if somebody may have read it, make new ones with `fedlayer certs`",
            path.display(),
            path.display()
        )
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn a_secret_keeps_no_mode_of_a_file_that_was_put_there_before() {
        let place = tempfile::tempdir().unwrap();
        let token = place.path().join("token");
        for planted in ["token", "token.tmp"] {
            fs::write(place.path().join(planted), "").unwrap();
            let open = fs::Permissions::from_mode(0o666);
            fs::set_permissions(place.path().join(planted), open).unwrap();
        }
        write_secret(&token, b"secret").unwrap();
        assert_eq!((fs::read(&token).unwrap(), mode(&token)), (b"secret".to_vec(), 0o600));
        assert_eq!(fs::read(place.path().join("token.tmp")).unwrap(), b"");
    }

    #[test]
    fn a_secret_goes_through_no_link() {
        let place = tempfile::tempdir().unwrap();
        let (token, elsewhere) = (place.path().join("token"), place.path().join("elsewhere"));
        fs::write(&elsewhere, "as it was").unwrap();
        symlink(&elsewhere, &token).unwrap();
        symlink(&elsewhere, place.path().join("token.tmp")).unwrap();
        write_secret(&token, b"secret").unwrap();
        assert_eq!(fs::read(&elsewhere).unwrap(), b"as it was");
        assert!(fs::symlink_metadata(&token).unwrap().is_file());
        assert_eq!(mode(&token), 0o600);
    }

    #[test]
    fn a_folder_for_secrets_is_made_private_and_one_that_others_write_in_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("deep/certs");
        private_folder(&folder).unwrap();
        assert_eq!(mode(&folder), 0o700);
        for wrong in [0o777, 0o770, 0o702, 0o1777] {
            fs::set_permissions(&folder, fs::Permissions::from_mode(wrong)).unwrap();
            let words = private_folder(&folder).unwrap_err().to_string();
            assert!(words.contains(&format!("its mode is {wrong:04o}")), "{words}");
            assert!(words.contains("hint: `chmod go-w "), "{words}");
        }
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        private_folder(&folder).unwrap();
        let file = folder.join("file");
        fs::write(&file, "").unwrap();
        assert!(matches!(private_folder(&file), Err(SecretError::NoFolder(_))));
    }

    #[test]
    fn a_folder_that_others_can_replace_gets_no_secrets() {
        let place = tempfile::tempdir().unwrap();
        let (open, linked) = (place.path().join("open"), place.path().join("linked"));
        fs::create_dir_all(open.join("deep")).unwrap();
        symlink(open.join("deep"), &linked).unwrap();
        let set = |mode| fs::set_permissions(&open, fs::Permissions::from_mode(mode)).unwrap();
        for folder in [open.join("certs"), open.join("deep/certs"), linked.join("certs")] {
            set(0o777);
            let words = private_folder(&folder).unwrap_err().to_string();
            assert!(
                words.contains(&format!("others may write in `{}`", open.display())),
                "{words}"
            );
            assert!(words.contains("its mode is 0777") && words.contains("`chmod +t "), "{words}");
            assert!(!folder.exists());
            for right in [0o1777, 0o755, 0o775] {
                set(right);
                private_folder(&folder).unwrap();
            }
            fs::remove_dir(&folder).unwrap();
        }
        assert!(may_be_replaced_in(0o775, false) && !may_be_replaced_in(0o1775, false));
    }

    #[test]
    fn a_folder_of_another_user_is_refused() {
        // `/` belongs to root: to another user for everybody else.
        let root = fs::metadata("/").unwrap();
        let refused = is_private(Path::new("/"), &root);
        assert_eq!(refused.is_err(), !geteuid().is_root(), "{refused:?}");
    }

    #[test]
    fn a_secret_that_others_may_read_is_warned_of() {
        let place = tempfile::tempdir().unwrap();
        let key = place.path().join("worker.key");
        write_secret(&key, b"secret").unwrap();
        assert_eq!(exposure(&key), None);
        for wrong in [0o644, 0o640, 0o602] {
            fs::set_permissions(&key, fs::Permissions::from_mode(wrong)).unwrap();
            let words = exposure(&key).unwrap();
            assert!(words.contains(&format!("its mode is {wrong:04o}")), "{words}");
        }
        assert_eq!(exposure(&place.path().join("absent")), None);
    }
}
