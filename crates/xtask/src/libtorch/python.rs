//! Asks Python for pip and for an installed PyTorch.

use std::path::PathBuf;
use std::process::Command;

use super::{VERSION, folder};
use crate::process::{stdout, succeeds};

/// The folders of an installed PyTorch.
pub(crate) struct Site {
    /// The package `torch`: `lib/`, `include/`, `version.py`.
    pub(crate) torch: PathBuf,
    /// The folders of all packages, in Python's order.
    pub(crate) folders: Vec<PathBuf>,
}

/// A script that prints the folder of torch without importing it, which would take seconds. It does
/// not search the current folder.
const FIND: &str = r#"
import importlib.util, os, sys
sys.path = [path for path in sys.path if path and os.path.isdir(path)]
spec = importlib.util.find_spec("torch")
if spec is not None and spec.origin is not None:
    print(os.path.dirname(spec.origin))
    print("\n".join(sys.path))
"#;

/// Returns the PyTorch that `python3` would import, if its version is [`VERSION`].
pub(crate) fn installed_torch() -> Option<Site> {
    let found = stdout(python().args(["-c", FIND])).ok()?;
    let mut lines = found.lines().map(PathBuf::from);
    let torch = lines.next()?;
    let version = folder::version(&torch).unwrap_or_else(|| "of no known version".to_string());
    if !folder::is_exact(&version) {
        println!("the installed PyTorch in `{}` is {version}, not {VERSION}", torch.display());
        return None;
    }
    Some(Site { torch, folders: lines.collect() })
}

/// Returns the command `python3`.
pub(crate) fn python() -> Command {
    Command::new("python3")
}

/// Returns whether there is a Python 3.
pub(crate) fn is_there() -> bool {
    succeeds(python().arg("--version"))
}

/// Returns whether Python 3 has pip.
pub(crate) fn has_pip() -> bool {
    succeeds(python().args(["-m", "pip", "--version"]))
}
