//! TorchScript modules for tests: the archive of `net.pt` with some of its files replaced.

use std::{
    collections::BTreeMap,
    fs,
    io::{Cursor, Read, Write},
    path::{Path, PathBuf},
};

use tempfile::TempDir;
use zip::{ZipArchive, ZipWriter, write::FileOptions};

/// The module's code.
pub(crate) const CODE: &str = "net/code/__torch__/modules.py";

/// The file that refers to the module's values.
pub(crate) const VALUES: &str = "net/data.pkl";

/// An archive with replaceable files.
#[derive(Debug, Clone)]
pub(crate) struct Archive(BTreeMap<String, Vec<u8>>);

/// The module that the oracle saved: `conv` 1→4 of 3 × 3, ReLU, flatten, `fc` to 3 classes, for
/// images `[1, 8, 8]`.
pub(crate) fn net() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/oracle/fixtures/net.pt")
}

impl Archive {
    #[allow(clippy::disallowed_methods, reason = "a test reads its fixture")]
    pub(crate) fn net() -> Self {
        let mut archive = ZipArchive::new(Cursor::new(fs::read(net()).unwrap())).unwrap();
        let mut files = BTreeMap::new();
        for index in 0..archive.len() {
            let mut file = archive.by_index(index).unwrap();
            let mut content = Vec::new();
            file.read_to_end(&mut content).unwrap();
            files.insert(file.name().to_owned(), content);
        }
        Self(files)
    }

    /// The bytes of a file.
    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        self.0[name].clone()
    }

    /// Returns the archive with this file, which replaces the one of that name.
    pub(crate) fn with(mut self, name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.0.insert(name.to_owned(), bytes.into());
        self
    }

    /// Returns the archive without a file.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.0.remove(name);
        self
    }

    /// Returns the archive with these lines as the forward pass, with the input `x`.
    pub(crate) fn forward(self, attributes: &str, lines: &str) -> Self {
        let code = format!(
            "class Scripted(Module):\n  __parameters__ = []\n  __buffers__ = []\n  training : bool\n  _is_full_backward_hook : Optional[bool]\n  \
             conv : __torch__.torch.nn.modules.conv.Conv2d\n  fc : __torch__.torch.nn.modules.linear.Linear\n{attributes}  \
             def forward(self: __torch__.modules.Scripted,\n    x: Tensor) -> Tensor:\n{lines}"
        );
        self.with(CODE, code)
    }

    /// Replaces bytes that occur once in [`VALUES`].
    #[track_caller]
    pub(crate) fn values(self, from: &[u8], to: &[u8]) -> Self {
        let bytes = self.read(VALUES);
        let at: Vec<usize> = (0..bytes.len()).filter(|&at| bytes[at..].starts_with(from)).collect();
        let [at] = at[..] else { panic!("{from:?} is there {} times", at.len()) };
        self.with(VALUES, [&bytes[..at], to, &bytes[at + from.len()..]].concat())
    }

    /// The archive's bytes.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut out = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in &self.0 {
            out.start_file(name, FileOptions::default()).unwrap();
            out.write_all(content).unwrap();
        }
        out.finish().unwrap().into_inner()
    }

    /// Writes the archive as `net.pt` into a folder.
    #[allow(clippy::disallowed_methods, reason = "a test writes into its own folder")]
    pub(crate) fn save(&self, folder: &TempDir) -> PathBuf {
        let file = folder.path().join("net.pt");
        fs::write(&file, self.bytes()).unwrap();
        file
    }
}
