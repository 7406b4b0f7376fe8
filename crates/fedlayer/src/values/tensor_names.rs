//! [`TensorNames`]: maps the names of a file's tensors to the names of a model's.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use fedlayer_core::model::Layout;

/// Parts of a name that PyTorch's wrappers add: `DataParallel`, `torch.compile`, fully sharded
/// modules, checkpointed activations.
const WRAPPERS: [&str; 4] =
    ["module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"];

/// Tied tensors: the name here, and the other name in PyTorch.
const TIED: [(&str, &str); 1] = [("transformer.wte.weight", "lm_head.weight")];

/// The correspondence between the tensors of a file and those of a model.
#[derive(Debug, Default)]
pub(super) struct TensorNames<'f> {
    /// The file's name of each tensor, by the model's name.
    pub(super) known: BTreeMap<String, &'f str>,
    /// Tensors of the file that the model does not have, under their names without wrappers.
    pub(super) unknown: Vec<String>,
    /// The other names of tied tensors: the name here, the file's name of the other.
    pub(super) tied: Vec<(&'static str, &'f str)>,
    /// Notes on changed names.
    pub(super) notes: Vec<String>,
}

impl<'f> TensorNames<'f> {
    /// Finds the model's tensors among the names of a file.
    pub(super) fn new(names: &[&'f str], layout: &Layout) -> Self {
        let model: BTreeSet<&str> = layout.tensors().map(|tensor| tensor.name.as_str()).collect();
        let mut naming = Self::default();
        let unwrapped = naming.unwrap(names, &model);
        for (name, file_name) in unwrapped {
            if model.contains(&*name) {
                naming.known.insert(name, file_name);
            } else {
                naming.tie(name, file_name, &model);
            }
        }
        naming.take_other_names();
        naming
    }

    /// Returns each name without the parts of wrappers, beside its name in the file.
    fn unwrap(&mut self, names: &[&'f str], model: &BTreeSet<&str>) -> Vec<(String, &'f str)> {
        let inside: Vec<Cow<'f, str>> = without_wrappers(names, model);
        let views: Vec<&str> = inside.iter().map(|name| &**name).collect();
        let prefix = prefix(&views, model);
        let removed: BTreeSet<&str> = WRAPPERS
            .into_iter()
            .filter(|wrapper| names.iter().zip(&views).any(|(a, b)| a != b && has(a, wrapper)))
            .collect();
        let parts: Vec<String> = removed
            .iter()
            .map(|part| format!("`{part}.`"))
            .chain((!prefix.is_empty()).then(|| format!("`{prefix}`")))
            .collect();
        if !parts.is_empty() {
            self.notes.push(format!("names are taken without {}", parts.join(" and ")));
        }
        let short = views.iter().map(|name| name[prefix.len()..].to_owned());
        short.zip(names.iter().copied()).collect()
    }

    /// Stores a name that is another name of a tied tensor, or unknown.
    fn tie(&mut self, name: String, file_name: &'f str, model: &BTreeSet<&str>) {
        let tied = TIED.iter().find(|(here, other)| *other == name && model.contains(here));
        match tied {
            Some((here, _)) => self.tied.push((here, file_name)),
            None => self.unknown.push(name),
        }
    }

    /// Takes a tensor by its other name if the file has it by no other.
    fn take_other_names(&mut self) {
        let known = &mut self.known;
        let notes = &mut self.notes;
        self.tied.retain(|(here, file_name)| {
            let has_both = known.contains_key(*here);
            if has_both {
                notes.push(format!(
                    "`{file_name}` and `{here}` are one tensor, and have the same values"
                ));
            } else {
                notes.push(format!("`{file_name}` is taken as `{here}`: they are one tensor"));
                known.insert((*here).to_owned(), file_name);
            }
            has_both
        });
    }
}

/// Returns the other name of a tied tensor.
pub(super) fn tied_to(name: &str) -> Option<&'static str> {
    TIED.iter().find(|(_, other)| *other == name).map(|(here, _)| *here)
}

/// Returns the names without the parts of wrappers. A part stays if the model has it too, or if two
/// names would become equal.
fn without_wrappers<'f>(names: &[&'f str], model: &BTreeSet<&str>) -> Vec<Cow<'f, str>> {
    let foreign: Vec<&str> = WRAPPERS
        .into_iter()
        .filter(|wrapper| !model.iter().any(|name| has(name, wrapper)))
        .collect();
    let stripped = names.iter().map(|name| {
        let parts = name.split('.').filter(|part| !foreign.contains(part));
        Cow::Owned(parts.collect::<Vec<_>>().join("."))
    });
    let stripped: Vec<Cow<'f, str>> = stripped.collect();
    let distinct: BTreeSet<&str> = stripped.iter().map(|name| &**name).collect();
    match distinct.len() == names.len() {
        true => stripped,
        false => names.iter().map(|name| Cow::Borrowed(*name)).collect(),
    }
}

fn has(name: &str, part: &str) -> bool {
    name.split('.').any(|own| own == part)
}

/// Returns the common prefix of all names, up to a dot: the shortest one without which most of them
/// are the model's.
fn prefix<'n>(names: &[&'n str], model: &BTreeSet<&str>) -> &'n str {
    let Some(first) = names.first() else { return "" };
    let ends = std::iter::once(0).chain(first.match_indices('.').map(|(dot, _)| dot + 1));
    let common = ends
        .map(|end| &first[..end])
        .take_while(|prefix| names.iter().all(|name| name.starts_with(prefix)));
    let is_known =
        |name: &str| model.contains(name) || tied_to(name).is_some_and(|n| model.contains(n));
    let recognised =
        |prefix: &&str| names.iter().filter(|name| is_known(&name[prefix.len()..])).count();
    // The last of equals is taken, so the shortest comes last.
    let longest_first: Vec<&str> = common.collect::<Vec<_>>().into_iter().rev().collect();
    longest_first.into_iter().max_by_key(recognised).unwrap_or_default()
}
