//! [`FileKind`]: recognises a file by its bytes, and gives the line of Python that converts it.

use std::{
    fmt,
    io::{Cursor, Read},
};

use zip::ZipArchive;

use fedlayer_core::text::quoted;

/// The kind of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FileKind {
    /// A safetensors file, by its first bytes.
    Safetensors,
    /// An empty file.
    Empty,
    /// `torch.save` of a dictionary of tensors: a `state_dict`.
    StateDict,
    /// `torch.save` of a dictionary of other things, such as a training checkpoint.
    Dictionary,
    /// `torch.save` of an object of this class.
    Pickle(String),
    /// `torch.save` of any object before PyTorch 1.6.
    OldPickle,
    /// A module of `torch.jit.save`.
    TorchScript,
    /// A program of `torch.export.save`.
    Exported,
    /// Arrays of `numpy.savez`.
    Npz,
    /// One array of `numpy.save`.
    Npy,
    /// Another zip archive.
    Zip,
    /// Weights for llama.cpp.
    Gguf,
    /// HDF5, the format of Keras.
    Hdf5,
    /// A gzip archive.
    Gzip,
    /// A web page.
    Html,
    /// A Git LFS pointer to a file that was not fetched.
    LfsPointer,
    /// Text, such as the index of several safetensors files.
    Text,
    /// Other bytes.
    Unknown,
}

impl FileKind {
    /// Recognises the kind of a file with these bytes.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        const MAGIC: [(&[u8], FileKind); 8] = [
            (b"\x93NUMPY", FileKind::Npy),
            (b"GGUF", FileKind::Gguf),
            (b"\x89HDF\r\n\x1a\n", FileKind::Hdf5),
            (b"\x1f\x8b", FileKind::Gzip),
            (b"<!DOCTYPE", FileKind::Html),
            (b"<!doctype", FileKind::Html),
            (b"<html", FileKind::Html),
            (b"version https://git-lfs", FileKind::LfsPointer),
        ];
        if bytes.is_empty() {
            return Self::Empty;
        }
        if bytes.starts_with(b"PK\x03\x04") {
            return Self::of_zip(bytes);
        }
        if matches!(bytes, [0x80, 2..=5, ..]) {
            return Self::OldPickle;
        }
        if let Some((_, kind)) = MAGIC.into_iter().find(|(magic, _)| bytes.starts_with(magic)) {
            return kind;
        }
        // The length of the header, then the header, which is JSON.
        if bytes.get(8) == Some(&b'{') && bytes[4..8] == [0; 4] {
            return Self::Safetensors;
        }
        let start = &bytes[..bytes.len().min(512)];
        match start.iter().all(|byte| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~' | 0x80..))
        {
            true => Self::Text,
            false => Self::Unknown,
        }
    }

    /// Recognises the kind of a zip archive by its names.
    fn of_zip(bytes: &[u8]) -> Self {
        let Ok(mut archive) = ZipArchive::new(Cursor::new(bytes)) else { return Self::Zip };
        let names: Vec<String> = archive.file_names().map(ToOwned::to_owned).collect();
        let has = |test: &dyn Fn(&str) -> bool| names.iter().any(|name| test(name));
        if has(&|name| name.contains("/code/") || name.ends_with("/constants.pkl")) {
            return Self::TorchScript;
        }
        if has(&|name| name.contains("exported_program") || name.starts_with("models/")) {
            return Self::Exported;
        }
        if has(&|name| name.ends_with(".npy")) {
            return Self::Npz;
        }
        match names.iter().find(|name| name.ends_with("data.pkl")) {
            Some(name) => Self::of_pickle(&stored(&mut archive, name)),
            None => Self::Zip,
        }
    }

    /// Recognises the kind of a pickle of `torch.save` by its first object.
    fn of_pickle(pickle: &[u8]) -> Self {
        // The protocol's number takes two bytes.
        let start = &pickle[pickle.len().min(2)..pickle.len().min(256)];
        let start = String::from_utf8_lossy(start);
        if start.contains('}') && !start.starts_with('c') {
            return Self::Dictionary;
        }
        let mut lines = start.strip_prefix('c').unwrap_or_default().lines();
        match (lines.next(), lines.next()) {
            (Some("collections"), Some("OrderedDict")) => Self::StateDict,
            (Some("torch._utils"), Some(_)) => Self::Pickle("torch.Tensor".to_owned()),
            (Some(module), Some(class)) => Self::Pickle(format!("{module}.{class}")),
            _ => Self::OldPickle,
        }
    }

    /// Returns a line of Python that converts `file` to safetensors, or other advice.
    pub(crate) fn to_safetensors(&self, file: &str) -> Option<String> {
        let file = quoted(file);
        let load = |what: &str| format!("state = torch.load({file}, map_location=\"cpu\"{what}");
        let torch = |state: &str| {
            format!(
                "in Python: import torch; from safetensors.torch import save_file; {state}; save_file({{k: v.contiguous().clone() for k, v in state.items()}}, \"model.safetensors\")"
            )
        };
        Some(match self {
            Self::StateDict | Self::OldPickle => torch(&load(")")),
            Self::Dictionary => {
                torch(&load(")[\"state_dict\"]"))
                    + " (`torch.load(…).keys()` says under which key the tensors are)"
            }
            Self::Pickle(class) if class != "torch.Tensor" => {
                torch(&load(", weights_only=False).state_dict()"))
                    + " (this needs its class, and runs code of the file)"
            }
            Self::Pickle(_) => {
                torch(&load(")")).replace("state.items()", "{\"NAME\": state}.items()")
            }
            Self::TorchScript => {
                torch(&format!("state = torch.jit.load({file}, map_location=\"cpu\").state_dict()"))
            }
            Self::Exported => torch(&format!("state = torch.export.load({file}).state_dict")),
            Self::Npz => format!(
                "in Python: import numpy; from safetensors.numpy import save_file; save_file(dict(numpy.load({file})), \"model.safetensors\")"
            ),
            Self::Npy => {
                "one array is not a model; write all of its tensors, each under its name".to_owned()
            }
            Self::Gguf => format!(
                "in Python: from gguf import GGUFReader; from safetensors.numpy import save_file; save_file({{t.name: t.data for t in GGUFReader({file}).tensors}}, \"model.safetensors\") (of weights that are not quantised)"
            ),
            Self::LfsPointer => "get the file itself: `git lfs pull`".to_owned(),
            Self::Html => "download the file itself, not the page about it".to_owned(),
            Self::Gzip | Self::Zip => "unpack it, and name the safetensors file in it".to_owned(),
            Self::Text => {
                "name a safetensors file; of an index, put the tensors of its files into one"
                    .to_owned()
            }
            Self::Hdf5 | Self::Unknown => {
                "write it with `safetensors.torch.save_file(model.state_dict(), …)`".to_owned()
            }
            Self::Empty => "write the file again".to_owned(),
            Self::Safetensors => return None,
        })
    }

    /// Explains why a file is not a module of `torch.jit.save`, with advice; `None` if it may be
    /// one.
    pub(crate) fn no_module(&self, file: &str) -> Option<String> {
        let file = quoted(file);
        let save = "torch.jit.save(torch.jit.script(model), \"net.pt\")";
        let todo = match self {
            Self::TorchScript | Self::Unknown | Self::Zip => return None,
            Self::StateDict | Self::OldPickle => format!(
                "it has values but no network. In Python, with the network defined: model.load_state_dict(torch.load({file}, map_location=\"cpu\")); {save}"
            ),
            Self::Dictionary => format!(
                "it has values but no network. In Python, with the network defined: model.load_state_dict(torch.load({file}, map_location=\"cpu\")[\"state_dict\"]); {save}"
            ),
            Self::Safetensors => format!(
                "it has values but no network. Name the network in `[model]` and this file as `initial`; or in Python: model.load_state_dict(safetensors.torch.load_file({file})); {save}"
            ),
            Self::Pickle(_) => format!(
                "in Python, with its class defined: model = torch.load({file}, weights_only=False); {save}"
            ),
            Self::Exported => format!(
                "in Python: model = torch.export.load({file}).module(); torch.jit.save(torch.jit.trace(model, inputs), \"net.pt\")"
            ),
            Self::LfsPointer => "get the file itself: `git lfs pull`".to_owned(),
            _ => format!("write a module in Python: {save}"),
        };
        Some(format!("it is {self}, not a module of `torch.jit.save`; {todo}"))
    }
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Safetensors => "a safetensors file",
            Self::Empty => "empty",
            Self::StateDict => "a `state_dict` that `torch.save` pickled",
            Self::Dictionary => {
                "a dictionary that `torch.save` pickled, such as a training checkpoint"
            }
            Self::Pickle(class) => {
                return write!(f, "an object of `{class}` that `torch.save` pickled");
            }
            Self::OldPickle => "a pickle, such as an old `torch.save` wrote",
            Self::TorchScript => "a TorchScript module (`torch.jit.save`)",
            Self::Exported => "an exported program (`torch.export.save`)",
            Self::Npz => "an archive of NumPy arrays (`.npz`)",
            Self::Npy => "one NumPy array (`.npy`)",
            Self::Zip => "a zip archive",
            Self::Gguf => "a GGUF file of llama.cpp",
            Self::Hdf5 => "an HDF5 file, such as Keras writes",
            Self::Gzip => "a gzip archive",
            Self::Html => "a web page",
            Self::LfsPointer => "a Git LFS pointer: the file itself was not fetched",
            Self::Text => "text",
            Self::Unknown => "of an unknown kind",
        })
    }
}

/// Returns the first bytes of an entry, which `torch.save` stores uncompressed; `None` if they
/// cannot be read.
fn stored(archive: &mut ZipArchive<Cursor<&[u8]>>, name: &str) -> Vec<u8> {
    const ENOUGH: u64 = 1 << 10;
    let mut bytes = Vec::new();
    if let Ok(entry) = archive.by_name(name) {
        // An entry that ends early is used as far as it goes.
        let _length = entry.take(ENOUGH).read_to_end(&mut bytes);
    }
    bytes
}
