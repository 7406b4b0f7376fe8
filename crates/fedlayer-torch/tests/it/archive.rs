//! TorchScript modules for tests: the archive of `net.pt` with some of its files replaced.
//!
//! An archive is a ZIP file; libtorch, as this does, leaves its checksums alone.

use std::{
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

/// The module's code.
pub(crate) const CODE: &str = "net/code/__torch__/modules.py";

/// What refers to the module's values.
pub(crate) const VALUES: &str = "net/data.pkl";

/// A file of an archive: its name, its compression, its size without it, and its bytes.
#[derive(Debug, Clone)]
struct Entry {
    name: String,
    method: u16,
    size: u32,
    bytes: Vec<u8>,
}

/// An archive whose files can be replaced.
#[derive(Debug, Clone)]
pub(crate) struct Archive(Vec<Entry>);

/// The module that the oracle saved: `conv` 1→4 of 3 × 3, ReLU, flatten, `fc` to 3 classes, for images `[1, 8, 8]`.
pub(crate) fn net() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/oracle/fixtures/net.pt")
}

fn number(bytes: &[u8], at: usize, width: usize) -> usize {
    bytes[at..at + width].iter().rev().fold(0, |number, &byte| number << 8 | usize::from(byte))
}

impl Archive {
    #[allow(clippy::disallowed_methods, reason = "a test reads its fixture")]
    pub(crate) fn net() -> Self {
        let bytes = fs::read(net()).unwrap();
        let end = bytes.windows(4).rposition(|four| four == b"PK\x05\x06").unwrap();
        let mut at = number(&bytes, end + 16, 4);
        let mut entries = Vec::new();
        for _ in 0..number(&bytes, end + 10, 2) {
            let [name, extra, comment] = [28, 30, 32].map(|field| number(&bytes, at + field, 2));
            let (length, local) = (number(&bytes, at + 20, 4), number(&bytes, at + 42, 4));
            let data = local + 30 + number(&bytes, local + 26, 2) + number(&bytes, local + 28, 2);
            entries.push(Entry {
                name: String::from_utf8(bytes[at + 46..at + 46 + name].to_vec()).unwrap(),
                method: number(&bytes, at + 10, 2) as u16,
                size: number(&bytes, at + 24, 4) as u32,
                bytes: bytes[data..data + length].to_vec(),
            });
            at += 46 + name + extra + comment;
        }
        Self(entries)
    }

    /// The bytes of a file that lies in the archive as it is.
    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        let entry = self.0.iter().find(|entry| entry.name == name && entry.method == 0);
        entry.unwrap().bytes.clone()
    }

    /// The archive with this file, in place of the one of that name.
    pub(crate) fn with(mut self, name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.0.retain(|entry| entry.name != name);
        let bytes = bytes.into();
        self.0.push(Entry { name: name.to_owned(), method: 0, size: bytes.len() as u32, bytes });
        self
    }

    /// [`with`](Self::with) the module's code, whose forward pass has these lines; `x` goes in.
    pub(crate) fn forward(self, attributes: &str, lines: &str) -> Self {
        let code = format!(
            "class Scripted(Module):\n  __parameters__ = []\n  __buffers__ = []\n  training : bool\n  _is_full_backward_hook : Optional[bool]\n  \
             conv : __torch__.torch.nn.modules.conv.Conv2d\n  fc : __torch__.torch.nn.modules.linear.Linear\n{attributes}  \
             def forward(self: __torch__.modules.Scripted,\n    x: Tensor) -> Tensor:\n{lines}"
        );
        self.with(CODE, code)
    }

    /// Replaces bytes of [`VALUES`], which must be there once.
    #[track_caller]
    pub(crate) fn values(self, from: &[u8], to: &[u8]) -> Self {
        let bytes = self.read(VALUES);
        let at: Vec<usize> = (0..bytes.len()).filter(|&at| bytes[at..].starts_with(from)).collect();
        let [at] = at[..] else { panic!("{from:?} is there {} times", at.len()) };
        self.with(VALUES, [&bytes[..at], to, &bytes[at + from.len()..]].concat())
    }

    /// Writes the archive as `net.pt` into a folder.
    #[allow(clippy::disallowed_methods, reason = "a test writes into its own folder")]
    pub(crate) fn save(&self, folder: &TempDir) -> PathBuf {
        let (mut out, mut directory) = (Vec::new(), Vec::new());
        for Entry { name, method, size, bytes } in &self.0 {
            let offset = out.len() as u32;
            let mut common = [20_u16, 0, *method, 0, 0].map(u16::to_le_bytes).concat();
            common.extend([0, bytes.len() as u32, *size].map(u32::to_le_bytes).concat());
            common.extend([name.len() as u16, 0].map(u16::to_le_bytes).concat());
            out.extend([b"PK\x03\x04", &common[..], name.as_bytes(), bytes].concat());
            let rest = [[0; 10].to_vec(), offset.to_le_bytes().to_vec()].concat();
            directory.extend([b"PK\x01\x02\x14\0", &common[..], &rest, name.as_bytes()].concat());
        }
        let (count, start) = (self.0.len() as u16, out.len() as u32);
        let sizes = [directory.len() as u32, start].map(u32::to_le_bytes).concat();
        let counts = [0, 0, count, count].map(u16::to_le_bytes).concat();
        out.extend([&directory[..], b"PK\x05\x06", &counts, &sizes, &[0, 0]].concat());
        let file = folder.path().join("net.pt");
        fs::write(&file, out).unwrap();
        file
    }
}
