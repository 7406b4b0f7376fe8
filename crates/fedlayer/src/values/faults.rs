//! [`Faults`]: how the tensors of a file differ from those of a model, and the line of Python that
//! mends it.

use fedlayer_core::{Layout, TensorSpec};
use fedlayer_scenario::nearest;
use safetensors::Dtype;

use super::{
    ValuesError,
    error::{list, quoted, shown},
    names::tied_to,
};

/// Everything that differs.
#[derive(Debug, Default)]
pub(super) struct Faults<'l> {
    /// Tensors of the file that the model does not have.
    pub(super) unknown: Vec<String>,
    /// Whether the file has no tensor of the model.
    pub(super) none_known: bool,
    /// Tensors of the model that the file does not have.
    pub(super) missing: Vec<&'l TensorSpec>,
    /// Tensors with another shape, or of a type that no model is stored in.
    pub(super) different: Vec<(&'l TensorSpec, Vec<usize>, Dtype)>,
}

impl Faults<'_> {
    /// The error that names the first difference whole, and the others by name.
    pub(super) fn error(&self, file: &str, layout: &Layout) -> Option<ValuesError> {
        let (tensor, found, expected, help) = if let Some(unknown) = self.unknown.first() {
            let nothing = "no such tensor".to_owned();
            (shown(unknown), "it in the file".to_owned(), nothing, self.unknown_help(file, layout))
        } else if let Some(missing) = self.missing.first() {
            (
                missing.name.clone(),
                "nothing".to_owned(),
                model_has(missing),
                self.missing_help(file),
            )
        } else if let Some((spec, shape, kind)) = self.different.first() {
            let found = format!("shape {shape:?} of {kind:?}");
            (spec.name.clone(), found, model_has(spec), self.different_help(file))
        } else {
            return None;
        };
        let others = self.others();
        Some(ValuesError::Tensor { file: file.to_owned(), tensor, found, expected, others, help })
    }

    /// How many more there are, of each kind.
    fn others(&self) -> String {
        let unknown: Vec<String> = self.unknown.iter().map(|name| shown(name)).collect();
        let missing: Vec<String> = self.missing.iter().map(|spec| spec.name.clone()).collect();
        let different: Vec<String> =
            self.different.iter().map(|(spec, ..)| spec.name.clone()).collect();
        let mut first = true;
        let mut words = String::new();
        for (names, what) in
            [(unknown, "not in the model"), (missing, "not in the file"), (different, "different")]
        {
            let rest = &names[usize::from(first && !names.is_empty())..];
            first &= names.is_empty();
            if !rest.is_empty() {
                words.push_str(&format!("; also {what}: {}", list(rest)));
            }
        }
        words
    }

    /// For tensors that the model does not have: what was meant, or how to leave them out.
    fn unknown_help(&self, file: &str, layout: &Layout) -> String {
        let missing = || self.missing.iter().map(|spec| spec.name.as_str());
        let meant = |name: &String| Some((name.clone(), nearest(name, missing())?.to_owned()));
        let renamed: Vec<(String, String)> = self.unknown.iter().filter_map(meant).collect();
        if let Some((_, meant)) = renamed.first() {
            let pairs =
                renamed.iter().map(|(name, meant)| format!("{}: {}", quoted(name), quoted(meant)));
            let names = pairs.collect::<Vec<_>>().join(", ");
            let rename = format!(
                "names = {{{names}}}; state = {{names.get(k, k): v for k, v in state.items()}}"
            );
            return format!("did you mean `{meant}`? {}", mended(file, &rename));
        }
        if self.none_known {
            let names = layout.tensors().map(|tensor| &tensor.name);
            return format!("these are the values of another model; this one has {}", list(names));
        }
        let names: Vec<String> = self.unknown.iter().map(|name| quoted(name)).collect();
        let left = format!(
            "state = {{k: v for k, v in state.items() if k not in [{}]}}",
            names.join(", ")
        );
        format!("leave them out, {}", mended(file, &left))
    }

    /// For tensors that the file does not have.
    fn missing_help(&self, file: &str) -> String {
        match &self.missing[..] {
            [head] if tied_to(&head.name).is_some() => {
                let tied = tied_to(&head.name).unwrap_or_default();
                let copy = format!("state[{:?}] = state[{tied:?}].clone()", head.name);
                format!(
                    "the file is of a network that has it as `{tied}`: choose `tied = true`, or give it a copy; {}",
                    mended(file, &copy)
                )
            }
            _ => {
                "`fedlayer check` without the file prints the tensors that the model has".to_owned()
            }
        }
    }

    /// For tensors of another shape or type.
    fn different_help(&self, file: &str) -> String {
        let turned = |(spec, shape, _): &&(&TensorSpec, Vec<usize>, Dtype)| {
            shape.len() > 1 && *shape != spec.shape && shape.iter().rev().eq(spec.shape.iter())
        };
        let cast = |(spec, shape, _): &&(&TensorSpec, Vec<usize>, Dtype)| *shape == spec.shape;
        let named = |test: &dyn Fn(&&(&TensorSpec, Vec<usize>, Dtype)) -> bool| {
            let names = self.different.iter().filter(test).map(|(spec, ..)| spec.name.as_str());
            names.collect::<Vec<_>>()
        };
        let (turned, cast) = (named(&turned), named(&cast));
        if !turned.is_empty() {
            let axes = "state[k].permute(*range(state[k].dim() - 1, -1, -1)).contiguous()";
            let statement = format!("state.update({{k: {axes} for k in {turned:?}}})");
            return format!(
                "the axes stand in the opposite order; a linear layer's weight is [out, in]; {}",
                mended(file, &statement)
            );
        }
        if !cast.is_empty() {
            let statement = format!("state.update({{k: state[k].float() for k in {cast:?}}})");
            return mended(file, &statement);
        }
        "these are the values of another model; `fedlayer check` without the file prints this one's shapes"
            .to_owned()
    }
}

/// A line of Python that changes the tensors of a file and writes them to another.
fn mended(file: &str, statement: &str) -> String {
    format!(
        "in Python: from safetensors.torch import load_file, save_file; state = load_file({}); {statement}; save_file(state, \"mended.safetensors\")",
        quoted(file)
    )
}

fn model_has(spec: &TensorSpec) -> String {
    format!("shape {:?} of F32", spec.shape)
}
