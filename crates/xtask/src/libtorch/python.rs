//! What Python knows: whether pip is there, and where an installed PyTorch is.

use std::path::PathBuf;
use std::process::Command;

use super::{VERSION, folder};
use crate::process::{stdout, succeeds};

/// Where Python packages lie.
pub(crate) struct Site {
    /// The package `torch`: `lib/`, `include/`, `version.py`.
    pub(crate) torch: PathBuf,
    /// The folders that packages are installed in, in Python's order.
    pub(crate) folders: Vec<PathBuf>,
}

/// Says where torch is without importing it, which takes seconds. The current folder is left out of the search.
const FIND: &str = r#"
import importlib.util, os, sys
sys.path = [path for path in sys.path if path and os.path.isdir(path)]
spec = importlib.util.find_spec("torch")
if spec is not None and spec.origin is not None:
    print(os.path.dirname(spec.origin))
    print("\n".join(sys.path))
"#;

/// The PyTorch of [`VERSION`] that `python3` would import, if it would.
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

/// The command `python3`.
pub(crate) fn python() -> Command {
    Command::new("python3")
}

/// Whether there is a Python 3.
pub(crate) fn is_there() -> bool {
    succeeds(python().arg("--version"))
}

/// Whether that Python has pip.
pub(crate) fn has_pip() -> bool {
    succeeds(python().args(["-m", "pip", "--version"]))
}
