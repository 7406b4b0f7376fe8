//! [`TensorMismatches`]: the differences between the tensors of a file and those of a model, and
//! the line of Python that mends them.

use fedlayer_core::{
    model::{Layout, TensorSpec},
    text::{in_backticks, quoted},
};
use fedlayer_scenario::nearest;
use safetensors::Dtype;

use super::{
    ValuesError,
    error::{TensorError, excerpt_of},
    tensor_names::tied_to,
};

/// All differences between the tensors of a file and those of a model.
#[derive(Debug, Default)]
pub(super) struct TensorMismatches<'l> {
    /// Tensors of the file that the model does not have.
    pub(super) unknown: Vec<String>,
    /// True if the file has no tensor of the model.
    pub(super) none_known: bool,
    /// Tensors of the model that the file does not have.
    pub(super) missing: Vec<&'l TensorSpec>,
    /// Counters of batches that the file lacks; that alone is not an error.
    pub(super) uncounted: Vec<&'l TensorSpec>,
    /// Tensors of another shape, or of a type that is not allowed in a model.
    pub(super) different: Vec<TensorMismatch<'l>>,
}

/// A tensor of the model that the file has in another shape or type.
#[derive(Debug)]
pub(super) struct TensorMismatch<'l> {
    /// The tensor in the model.
    pub(super) spec: &'l TensorSpec,
    /// The shape in the file.
    pub(super) shape: Vec<usize>,
    /// The type in the file.
    pub(super) dtype: Dtype,
}

/// The kind of a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MismatchKind {
    /// The axes are reversed.
    Turned,
    /// There are more or fewer axes of length 1.
    Stretched,
    /// The shape is right, and the type is not allowed in a model.
    Typed,
    /// The tensor is another one.
    Other,
}

impl TensorMismatch<'_> {
    fn kind(&self) -> MismatchKind {
        let long = |shape: &[usize]| -> Vec<usize> {
            shape.iter().copied().filter(|&length| length != 1).collect()
        };
        let (found, expected) = (&self.shape, &self.spec.shape);
        if found == expected {
            MismatchKind::Typed
        } else if long(found) == long(expected) {
            MismatchKind::Stretched
        } else if found.iter().rev().eq(expected) {
            MismatchKind::Turned
        } else {
            MismatchKind::Other
        }
    }
}

impl TensorMismatches<'_> {
    /// Returns the error with the first difference in full and the others by name.
    pub(super) fn error(&self, file: &str, layout: &Layout) -> Option<ValuesError> {
        let (tensor, found, expected, help) = if let Some(unknown) = self.unknown.first() {
            let nothing = "no such tensor".to_owned();
            (
                excerpt_of(unknown),
                "it in the file".to_owned(),
                nothing,
                self.unknown_help(file, layout),
            )
        } else if let Some(missing) = self.missing.first() {
            (
                missing.name.clone(),
                "nothing".to_owned(),
                model_has(missing),
                self.missing_help(file),
            )
        } else if let Some(TensorMismatch { spec, shape, dtype }) = self.different.first() {
            let found = format!("shape {shape:?} of {dtype}");
            (spec.name.clone(), found, model_has(spec), self.different_help(file))
        } else {
            return None;
        };
        let others = self.others();
        let file = file.to_owned();
        let error = TensorError { file, tensor, found, expected, others, help };
        Some(ValuesError::Tensor(Box::new(error)))
    }

    /// Lists the other differences by kind.
    fn others(&self) -> String {
        let unknown: Vec<String> = self.unknown.iter().map(|name| excerpt_of(name)).collect();
        let missing: Vec<String> = self.missing.iter().map(|spec| spec.name.clone()).collect();
        let different: Vec<String> =
            self.different.iter().map(|different| different.spec.name.clone()).collect();
        let mut first = true;
        let mut words = String::new();
        for (names, what) in
            [(unknown, "not in the model"), (missing, "not in the file"), (different, "different")]
        {
            let rest = &names[usize::from(first && !names.is_empty())..];
            first &= names.is_empty();
            if !rest.is_empty() {
                words.push_str(&format!("; also {what}: {}", in_backticks(rest)));
            }
        }
        words
    }

    /// Advises what to do about tensors that the model does not have: rename them, or leave them
    /// out.
    fn unknown_help(&self, file: &str, layout: &Layout) -> String {
        let renamed = self.unknown.iter().take(MOST_COMPARED);
        let renamed = renamed.filter_map(|name| Some((name, self.meant(name)?)));
        let (renamed, doubtful) = sure(renamed.collect());
        if let Some((name, meant)) = renamed.first() {
            let pairs =
                renamed.iter().map(|(name, meant)| format!("{}: {}", quoted(name), quoted(meant)));
            let names = pairs.collect::<Vec<_>>().join(", ");
            let rename = format!(
                "names = {{{names}}}; state = {{names.get(k, k): v for k, v in state.items()}}"
            );
            let name = excerpt_of(name);
            return format!("did you mean `{meant}` by `{name}`? {}", mended(file, &rename));
        }
        if let Some((_, meant)) = doubtful.first() {
            let like = doubtful.iter().filter(|(_, other)| other == meant);
            let like = in_backticks(like.map(|(name, _)| name));
            return format!(
                "`{meant}` may be any of {like}, or be made of them: save the network with that one tensor; weight normalisation is taken out by `torch.nn.utils.remove_weight_norm`, or `torch.nn.utils.parametrize.remove_parametrizations`"
            );
        }
        if self.none_known {
            let names = layout.tensors().map(|tensor| &tensor.name);
            return format!(
                "these are the values of another model; this one has {}",
                in_backticks(names)
            );
        }
        let names: Vec<String> = self.unknown.iter().map(|name| quoted(name)).collect();
        let left = format!(
            "state = {{k: v for k, v in state.items() if k not in [{}]}}",
            names.join(", ")
        );
        format!("leave them out, {}", mended(file, &left))
    }

    /// Returns the missing tensor that a name probably means: the one with which it ends, or the
    /// nearest name.
    fn meant(&self, name: &str) -> Option<&str> {
        let missing = || self.missing.iter().chain(&self.uncounted).map(|spec| spec.name.as_str());
        let ends = |meant: &&str| {
            name.strip_suffix(meant).is_some_and(|beginning| beginning.ends_with('.'))
        };
        missing().filter(ends).max_by_key(|meant| meant.len()).or_else(|| nearest(name, missing()))
    }

    /// Advises what to do about tensors that the file does not have.
    fn missing_help(&self, file: &str) -> String {
        if let [head] = &self.missing[..]
            && let Some(tied) = tied_to(&head.name)
        {
            let copy = format!("state[{}] = state[{}].clone()", quoted(&head.name), quoted(tied));
            return format!(
                "the file is of a network that has it as `{tied}`: choose `tied = true`, or give it a copy; {}",
                mended(file, &copy)
            );
        }
        "`fedlayer check` without the file prints the tensors that the model has".to_owned()
    }

    /// Advises what to do about tensors of another shape or type, for one kind of difference.
    fn different_help(&self, file: &str) -> String {
        let of = |kind: MismatchKind| -> Vec<&TensorMismatch<'_>> {
            self.different.iter().filter(|different| different.kind() == kind).collect()
        };
        let names = |all: &[&TensorMismatch<'_>]| {
            let names: Vec<String> = all.iter().map(|one| quoted(&one.spec.name)).collect();
            names.join(", ")
        };
        let (turned, stretched) = (of(MismatchKind::Turned), of(MismatchKind::Stretched));
        let typed = of(MismatchKind::Typed);
        if !turned.is_empty() {
            let axes = "state[k].permute(*range(state[k].dim() - 1, -1, -1)).contiguous()";
            let turn = format!("state.update({{k: {axes} for k in [{}]}})", names(&turned));
            return format!(
                "the axes are reversed; a linear layer's weight is [out, in]; {}",
                mended(file, &turn)
            );
        }
        if !stretched.is_empty() {
            let shape = |one: &&TensorMismatch<'_>| {
                format!("{}: {:?}", quoted(&one.spec.name), one.spec.shape)
            };
            let shapes: Vec<String> = stretched.iter().map(shape).collect();
            let reshape = format!(
                "shapes = {{{}}}; state.update({{k: state[k].reshape(s) for k, s in shapes.items()}})",
                shapes.join(", ")
            );
            return format!("the shapes differ in axes of length 1, {}", mended(file, &reshape));
        }
        if !typed.is_empty() {
            let cast =
                format!("state.update({{k: state[k].float() for k in [{}]}})", names(&typed));
            return mended(file, &cast);
        }
        "these are the values of another model; `fedlayer check` without the file prints this one's shapes"
            .to_owned()
    }
}

/// The number of names that are compared with those of the model: more would take long and add
/// nothing.
const MOST_COMPARED: usize = 50;

/// A name in a file, and the tensor of the model that it probably means.
type Meant<'n> = (&'n String, &'n str);

/// Separates names that are alone in meaning their tensor from those that share it with another
/// name. Renaming the latter would make another model, as with `weight_g` and `weight_v` of a
/// weight normalisation.
fn sure(renamed: Vec<Meant<'_>>) -> (Vec<Meant<'_>>, Vec<Meant<'_>>) {
    let claims = |meant: &str| renamed.iter().filter(|(_, other)| *other == meant).count();
    renamed.iter().copied().partition(|(_, meant)| claims(meant) == 1)
}

/// Returns a line of Python that changes the tensors of a file and writes them to another.
fn mended(file: &str, statement: &str) -> String {
    format!(
        "in Python: from safetensors.torch import load_file, save_file; state = load_file({}); {statement}; save_file(state, \"mended.safetensors\")",
        quoted(file)
    )
}

fn model_has(spec: &TensorSpec) -> String {
    format!("shape {:?} of F32", spec.shape)
}
