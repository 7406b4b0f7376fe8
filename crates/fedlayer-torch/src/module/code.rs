//! [`ModuleCode`]: the declarations in the code of a TorchScript archive.
//!
//! In an archive, `data.pkl` begins with the module's class. The files in `code/` declare each
//! class with its buffers and the classes of its submodules.

use std::collections::BTreeMap;

use super::archive::Archive;

/// The classes of a module's code.
#[derive(Debug)]
pub(crate) struct ModuleCode {
    /// The class of the whole module.
    root: String,
    classes: BTreeMap<String, Declarations>,
    /// The functions outside of classes, by their full names. An archive only has functions that
    /// are called.
    functions: BTreeMap<String, Declarations>,
}

/// The declarations and effects of a class or a function.
#[derive(Debug, Default)]
struct Declarations {
    buffers: Vec<String>,
    /// The names of submodules, with the names of their classes.
    submodules: Vec<(String, String)>,
    /// Its methods draw random numbers, perhaps depending on an argument.
    draws: bool,
    /// Its methods use an operator that always draws random numbers.
    draws_always: bool,
    /// The attributes that its methods assign.
    assigned: Vec<String>,
    /// Its methods behave as in eval mode even in training: no dropout, saved statistics.
    is_frozen: bool,
}

/// Operators that draw random numbers if an argument says so, as parts of their names.
const SOMETIMES_RANDOM: [&str; 2] = ["dropout", "rrelu"];

/// Operators that always draw random numbers, as parts of their names.
const RANDOM: [&str; 10] = [
    "torch.rand",
    "torch.bernoulli",
    "torch.normal",
    "torch.multinomial",
    "torch.poisson",
    "uniform_(",
    "exponential_(",
    "cauchy_(",
    "geometric_(",
    "log_normal_(",
];

/// The prefix of PyTorch's own functions. If such a function only draws because an argument says
/// so, its caller is reported instead.
const OF_PYTORCH: &str = "__torch__.torch.";

impl ModuleCode {
    /// Reads the code of an archive. Returns `None` if its values name no class.
    pub(super) fn of(archive: &Archive) -> Option<Self> {
        let root = root(archive.get("data.pkl")?)?;
        let mut code = Self { root, classes: BTreeMap::new(), functions: BTreeMap::new() };
        for (name, content) in archive.code() {
            let path = name.strip_prefix("code/")?.strip_suffix(".py")?;
            code.declare(std::str::from_utf8(content).ok()?, &path.replace('/', "."));
        }
        Some(code)
    }

    /// The full names of all buffers, in the order of their submodules.
    pub(crate) fn buffers(&self) -> Vec<String> {
        let mut found = Vec::new();
        self.visit(&mut |prefix, class| {
            found.extend(class.buffers.iter().map(|buffer| format!("{prefix}{buffer}")));
        });
        found
    }

    /// The full names of the submodules that draw random numbers, then the names of such functions.
    /// The name of the module itself is `forward`.
    pub(crate) fn random(&self) -> Vec<String> {
        self.named(|class| class.draws)
    }

    /// Returns whether some code draws random numbers independently of its arguments, perhaps only
    /// on some inputs.
    pub(crate) fn always_draws(&self) -> bool {
        !self.named(|class| class.draws_always).is_empty()
    }

    /// The full names of the attributes that methods assign.
    pub(crate) fn assigned(&self) -> Vec<String> {
        let mut found = Vec::new();
        self.visit(&mut |prefix, class| {
            found.extend(class.assigned.iter().map(|name| format!("{prefix}{name}")));
        });
        found
    }

    /// The full names of the submodules that are always in eval mode, as a trace in eval mode is.
    pub(crate) fn frozen(&self) -> Vec<String> {
        self.named(|class| class.is_frozen)
    }

    /// The full names of the submodules with a property. The name of the module itself is
    /// `forward`. The names of functions follow.
    fn named(&self, has_property: impl Fn(&Declarations) -> bool) -> Vec<String> {
        let mut found = Vec::new();
        self.visit(&mut |prefix, class| {
            if has_property(class) {
                let name = prefix.trim_end_matches('.');
                found.push(if name.is_empty() { "forward" } else { name }.to_owned());
            }
        });
        let functions = self.functions.iter().filter(|(name, function)| {
            has_property(function) && (function.draws_always || !name.starts_with(OF_PYTORCH))
        });
        found.extend(functions.filter_map(|(name, _)| name.rsplit('.').next().map(str::to_owned)));
        found
    }

    /// Adds the classes and the functions that a file of code declares.
    fn declare(&mut self, code: &str, module: &str) {
        let mut current: Option<&mut Declarations> = None;
        for line in code.lines() {
            let name =
                |rest: &str| format!("{module}.{}", rest.split(['(', ':']).next().unwrap_or(rest));
            if let Some(rest) = line.strip_prefix("class ") {
                current = Some(self.classes.entry(name(rest)).or_default());
            } else if let Some(rest) = line.strip_prefix("def ") {
                current = Some(self.functions.entry(name(rest)).or_default());
            } else if !line.starts_with(' ') {
                current = None;
            } else if let Some(current) = &mut current {
                declare(line.trim(), current);
            }
        }
    }

    /// Calls `found` for the module and each of its submodules, with the prefix of its names.
    fn visit(&self, found: &mut dyn FnMut(&str, &Declarations)) {
        /// The largest number of submodules, so that a class that contains itself has an end.
        const LIMIT: usize = 10_000;
        let mut waiting = vec![(String::new(), self.root.as_str())];
        for _ in 0..LIMIT {
            let Some((prefix, name)) = waiting.pop() else { return };
            let Some(class) = self.classes.get(name) else { continue };
            found(&prefix, class);
            let submodules = class.submodules.iter().rev();
            let prefixed =
                submodules.map(|(name, class)| (format!("{prefix}{name}."), class.as_str()));
            waiting.extend(prefixed);
        }
    }
}

/// Returns the class at the beginning of a pickle: after protocol 2, the opcode `c` with a module
/// and a name.
fn root(pickle: &[u8]) -> Option<String> {
    let text = pickle.strip_prefix(b"\x80\x02c")?;
    let mut lines = text.split(|&byte| byte == b'\n');
    let (module, name) = (lines.next()?, lines.next()?);
    Some(format!("{}.{}", std::str::from_utf8(module).ok()?, std::str::from_utf8(name).ok()?))
}

/// Adds the declarations in a line of a class or a function.
fn declare(line: &str, class: &mut Declarations) {
    let quoted = |text: &str| -> Vec<String> {
        text.split('"').skip(1).step_by(2).map(str::to_owned).collect()
    };
    if let Some(list) = line.strip_prefix("__buffers__ = ") {
        class.buffers = quoted(list);
    } else if let Some(submodule) = submodule(line) {
        class.submodules.push(submodule);
    } else {
        let has = |words: &[&str]| words.iter().any(|word| line.contains(word));
        class.draws_always |= has(&RANDOM);
        class.draws |= has(&RANDOM) || has(&SOMETIMES_RANDOM);
        class.assigned.extend(assigned(line));
        class.is_frozen |= is_frozen(line);
    }
}

/// Returns the attribute that a line assigns: `self.calls = torch.add(…)`.
fn assigned(line: &str) -> Option<String> {
    let (name, _) = line.strip_prefix("self.")?.split_once(" = ")?;
    name.chars().all(|c| c.is_alphanumeric() || c == '_').then(|| name.to_owned())
}

/// Returns the submodule that a line declares, with its class: `fc : __torch__.Linear`, or
/// `__annotations__["0"] = __torch__.Linear`.
fn submodule(line: &str) -> Option<(String, String)> {
    let (name, class) = match line.strip_prefix("__annotations__[\"") {
        Some(rest) => rest.split_once("\"] = ")?,
        None => line.split_once(" : ")?,
    };
    let is_submodule = class.starts_with("__torch__.") && !name.contains(['(', ' ']);
    is_submodule.then(|| (name.to_owned(), class.to_owned()))
}

/// Operators that behave differently in training, with the position of the argument `training`.
const WITH_MODE: [(&str, usize); 8] = [
    ("torch.alpha_dropout", 2),
    ("torch.alpha_dropout_", 2),
    ("torch.batch_norm", 5),
    ("torch.dropout", 2),
    ("torch.dropout_", 2),
    ("torch.feature_alpha_dropout", 2),
    ("torch.feature_dropout", 2),
    ("torch.feature_dropout_", 2),
];

/// Returns whether a line calls such an operator with the literal `False` for training, as a trace
/// in eval mode does.
fn is_frozen(line: &str) -> bool {
    let is_false = |(name, position): &(&str, usize)| {
        let call = format!("{name}(");
        let mut calls = line.match_indices(&call);
        calls.any(|(at, call)| argument(&line[at + call.len()..], *position) == Some("False"))
    };
    WITH_MODE.iter().any(is_false)
}

/// Returns an argument of a call. `arguments` is the text behind the opening bracket.
fn argument(arguments: &str, position: usize) -> Option<&str> {
    let (mut depth, mut begin, mut passed) = (0_usize, 0, 0);
    for (at, c) in arguments.char_indices() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' if depth > 0 => depth -= 1,
            ',' | ')' if depth == 0 && passed == position => {
                return Some(arguments[begin..at].trim());
            }
            ')' if depth == 0 => return None,
            ',' if depth == 0 => {
                passed += 1;
                begin = at + 1;
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assigned_attributes_are_found_and_read_ones_are_not() {
        assert_eq!(assigned("self.c = torch.add(c, 1)"), Some("c".to_owned()));
        for line in ["training = self.training", "self.fc.x = y", "return self.fc", "self.c == 1"] {
            assert_eq!(assigned(line), None, "{line}");
        }
    }

    #[test]
    fn a_submodule_that_was_traced_in_eval_mode_is_known_by_its_call() {
        for line in [
            "x = torch.dropout(input, 0.5, False)",
            "return torch.relu(torch.dropout_((fc).forward(x, ), 0.5, False))",
            "x = torch.batch_norm(input, weight, bias, mean, var, False, 0.10000000000000001, 1.0000000000000001e-05, True)",
        ] {
            assert!(is_frozen(line), "{line}");
        }
        for line in [
            "x = torch.dropout(input, 0.5, training)",
            "x = torch.dropout(input, 0.5, True)",
            "x = torch.batch_norm(input, weight, bias, mean, var, True, 0.1, 1e-05, False)",
            "x = torch.softmax(input, 1, False)",
            "x = torch.dropout(input,",
        ] {
            assert!(!is_frozen(line), "{line}");
        }
    }
}
