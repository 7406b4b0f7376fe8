//! [`ModuleCode`]: what the code in a TorchScript archive says of a module's parts.
//!
//! An archive is a ZIP file: `data.pkl` begins with the module's class, and the files below `code/`
//! declare each class with its buffers and the classes of its parts.

use std::{
    collections::BTreeMap,
    io::{Cursor, Read},
};

use zip::ZipArchive;

/// The classes of a module's code.
#[derive(Debug)]
pub(crate) struct ModuleCode {
    /// The class of the whole module.
    root: String,
    classes: BTreeMap<String, Class>,
}

/// What a class declares.
#[derive(Debug, Default)]
struct Class {
    buffers: Vec<String>,
    /// Names of parts, with the names of their classes.
    parts: Vec<(String, String)>,
    /// Whether its methods draw random numbers.
    draws: bool,
}

/// What stands in code that draws random numbers.
const RANDOM: [&str; 7] = [
    "dropout",
    "torch.rand",
    "torch.bernoulli",
    "torch.normal",
    "torch.multinomial",
    "uniform_(",
    "rrelu",
];

/// The most that a file of code may have, unpacked.
const LARGEST: u64 = 1 << 24;

impl ModuleCode {
    /// Reads the code in an archive; nothing where it is none of `torch.jit.save`.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let mut archive = ZipArchive::new(Cursor::new(bytes)).ok()?;
        let names: Vec<String> = archive.file_names().map(str::to_owned).collect();
        let mut content = |name: &str| {
            let mut bytes = Vec::new();
            archive.by_name(name).ok()?.take(LARGEST).read_to_end(&mut bytes).ok()?;
            Some(bytes)
        };
        let values = names.iter().find(|name| name.ends_with("/data.pkl"))?;
        let root = root(&content(values)?)?;
        let mut classes = BTreeMap::new();
        for name in names.iter().filter(|name| name.ends_with(".py")) {
            let (_, path) = name.split_once("/code/")?;
            let module = path.strip_suffix(".py")?.replace('/', ".");
            declared(&String::from_utf8(content(name)?).ok()?, &module, &mut classes);
        }
        Some(Self { root, classes })
    }

    /// The full names of all buffers, in the order of their parts.
    pub(crate) fn buffers(&self) -> Vec<String> {
        let mut found = Vec::new();
        self.visit(&mut |prefix, class| {
            found.extend(class.buffers.iter().map(|buffer| format!("{prefix}{buffer}")));
        });
        found
    }

    /// The full names of the parts whose code draws random numbers; the whole module's is `forward`.
    pub(crate) fn random(&self) -> Vec<String> {
        let mut found = Vec::new();
        self.visit(&mut |prefix, class| {
            if class.draws {
                let name = prefix.trim_end_matches('.');
                found.push(if name.is_empty() { "forward" } else { name }.to_owned());
            }
        });
        found
    }

    /// Calls `found` for the whole module and each of its parts, with the prefix of its names.
    fn visit(&self, found: &mut dyn FnMut(&str, &Class)) {
        /// More parts than any module has, and an end to those that hold themselves.
        const MOST: usize = 10_000;
        let mut waiting = vec![(String::new(), self.root.as_str())];
        for _ in 0..MOST {
            let Some((prefix, name)) = waiting.pop() else { return };
            let Some(class) = self.classes.get(name) else { continue };
            found(&prefix, class);
            let parts = class.parts.iter().rev();
            waiting.extend(parts.map(|(name, part)| (format!("{prefix}{name}."), part.as_str())));
        }
    }
}

/// The class with which a pickle begins: protocol 2, then the opcode `c` with a module and a name.
fn root(pickle: &[u8]) -> Option<String> {
    let text = pickle.strip_prefix(b"\x80\x02c")?;
    let mut lines = text.split(|&byte| byte == b'\n');
    let (module, name) = (lines.next()?, lines.next()?);
    Some(format!("{}.{}", std::str::from_utf8(module).ok()?, std::str::from_utf8(name).ok()?))
}

/// Adds the classes that a file of code declares.
fn declared(code: &str, module: &str, classes: &mut BTreeMap<String, Class>) {
    let mut class: Option<&mut Class> = None;
    for line in code.lines() {
        if let Some(rest) = line.strip_prefix("class ") {
            let name = rest.split(['(', ':']).next().unwrap_or(rest);
            class = Some(classes.entry(format!("{module}.{name}")).or_default());
        } else if !line.starts_with(' ') {
            // A function beside the classes.
            class = None;
        } else if let Some(class) = &mut class {
            declare(line.trim(), class);
        }
    }
}

/// Adds what a line inside a class says.
fn declare(line: &str, class: &mut Class) {
    let quoted = |text: &str| -> Vec<String> {
        text.split('"').skip(1).step_by(2).map(str::to_owned).collect()
    };
    if let Some(list) = line.strip_prefix("__buffers__ = ") {
        class.buffers = quoted(list);
    } else if let Some((name, part)) = part(line) {
        class.parts.push((name, part));
    } else {
        class.draws |= RANDOM.iter().any(|word| line.contains(word));
    }
}

/// A part that a line declares: `fc : __torch__.Linear`, or `__annotations__["0"] = __torch__.Linear`.
fn part(line: &str) -> Option<(String, String)> {
    let (name, class) = match line.strip_prefix("__annotations__[\"") {
        Some(rest) => rest.split_once("\"] = ")?,
        None => line.split_once(" : ")?,
    };
    let is_part = class.starts_with("__torch__.") && !name.contains(['(', ' ']);
    is_part.then(|| (name.to_owned(), class.to_owned()))
}
