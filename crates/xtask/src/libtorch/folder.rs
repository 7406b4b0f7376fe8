//! Checks a `LIBTORCH` folder: its files and its version.

use std::fs;
use std::path::Path;

use super::VERSION;
use crate::CommandResult;

/// The header that torch-sys includes.
const HEADER: &str = "include/torch/csrc/api/include/torch/torch.h";

/// The files that a folder must contain: a header, and the libraries that a binary links to.
const NEEDED: [&str; 3] = if cfg!(target_os = "macos") {
    [HEADER, "lib/libtorch_cpu.dylib", "lib/libc10.dylib"]
} else {
    [HEADER, "lib/libtorch_cpu.so", "lib/libc10.so"]
};

/// Checks a folder that this program has made.
pub(crate) fn check(folder: &Path) -> CommandResult {
    check_files(folder)?;
    if !folder.join("lib/libtorch.so").exists() {
        return Err(format!("`{}` has no lib/libtorch.so", folder.display()));
    }
    match version(folder) {
        Some(version) if is_exact(&version) => Ok(()),
        found => Err(format!(
            "`{}` holds libtorch {}, {VERSION} is needed",
            folder.display(),
            found.as_deref().unwrap_or("of no known version")
        )),
    }
}

/// Checks the folder that the user's `LIBTORCH` names, and returns its version.
pub(crate) fn check_of_user(folder: &Path) -> CommandResult<String> {
    let explain = |found: String| {
        format!(
            "LIBTORCH is `{}`, {found}\n\n\
             hint: set it to the full path of a libtorch 2.11 (the folder that holds lib/, include/ and build-version; \
             in an installed PyTorch the folder `torch`), or unset it and run `cargo xtask libtorch`",
            folder.display()
        )
    };
    if !folder.is_absolute() {
        return Err(explain("which is not a full path: a build runs in many folders".to_string()));
    }
    check_files(folder).map_err(|error| explain(format!("which cannot be used: {error}")))?;
    match version(folder) {
        Some(version) if version.starts_with("2.11.") => Ok(version),
        Some(version) => Err(explain(format!("which holds version {version}; 2.11 is needed"))),
        None => Err(explain(
            "which has no version, neither in build-version nor in version.py; 2.11 is needed"
                .to_string(),
        )),
    }
}

/// Returns whether a version is [`VERSION`], with or without a variant (`+cpu`, `+cu130`).
pub(crate) fn is_exact(version: &str) -> bool {
    version.split('+').next() == Some(VERSION)
}

/// Reads the version of a libtorch (`build-version`) or of an installed PyTorch (`version.py`).
pub(crate) fn version(folder: &Path) -> Option<String> {
    if let Ok(text) = fs::read_to_string(folder.join("build-version")) {
        return Some(text.trim().to_string());
    }
    let text = fs::read_to_string(folder.join("version.py")).ok()?;
    let line = text.lines().find(|line| line.starts_with("__version__"))?;
    line.split(['\'', '"']).nth(1).map(str::to_string)
}

fn check_files(folder: &Path) -> CommandResult {
    if !folder.is_dir() {
        return Err("there is no such folder".to_string());
    }
    let missing: Vec<&str> =
        NEEDED.into_iter().filter(|name| !folder.join(name).exists()).collect();
    if missing.is_empty() { Ok(()) } else { Err(format!("it lacks {}", missing.join(", "))) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::env;
    use std::process;

    /// Calls [`check_of_user`] with a folder that contains these files.
    fn check_files_of_user(name: &str, files: &[(&str, &str)]) -> CommandResult<String> {
        let folder = env::temp_dir().join(format!("fedlayer-xtask-{name}-{}", process::id()));
        for (file, text) in files {
            let path = folder.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let said = check_of_user(&folder);
        fs::remove_dir_all(&folder).unwrap();
        said
    }

    const WHOLE: [(&str, &str); 3] = [(NEEDED[0], ""), (NEEDED[1], ""), (NEEDED[2], "")];

    #[test]
    fn a_libtorch_and_a_python_package_can_be_used() {
        let libtorch = [&WHOLE[..], &[("build-version", "2.11.0+cpu\n")]].concat();
        assert_eq!(check_files_of_user("libtorch", &libtorch).unwrap(), "2.11.0+cpu");
        let package =
            [&WHOLE[..], &[("version.py", "debug = False\n__version__ = '2.11.1+cu130'\n")]]
                .concat();
        assert_eq!(check_files_of_user("package", &package).unwrap(), "2.11.1+cu130");
    }

    #[test]
    fn every_fault_of_a_folder_has_a_message() {
        let old = [&WHOLE[..], &[("build-version", "2.7.0")]].concat();
        assert!(
            check_files_of_user("old", &old)
                .unwrap_err()
                .contains("holds version 2.7.0; 2.11 is needed")
        );
        assert!(check_files_of_user("nameless", &WHOLE).unwrap_err().contains("has no version"));
        let part = check_files_of_user("part", &WHOLE[..2]).unwrap_err();
        assert!(
            part.contains(&format!("lacks {}", NEEDED[2])) && part.contains("hint: "),
            "{part}"
        );
        assert!(check_of_user(Path::new("some/folder")).unwrap_err().contains("not a full path"));
    }

    #[test]
    fn variants_of_a_version_are_equal_to_it() {
        assert!(is_exact("2.11.0") && is_exact("2.11.0+cpu"));
        assert!(!is_exact("2.11.0a1") && !is_exact("2.12.0"));
    }
}
