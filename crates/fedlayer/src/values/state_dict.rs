//! [`StateDict`]: the tensors of a safetensors file as the values of a model.

use std::{collections::BTreeMap, sync::Arc};

use fedlayer_core::{Layout, Params, ParamsError, Role, TensorSpec};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use super::{
    ModelValues, ValuesError,
    error::excerpt_of,
    mismatches::{TensorMismatch, TensorMismatches},
    numbers::{beyond_f32, floats, is_converted},
    tensor_names::TensorNames,
};
use crate::run_folder::checkpoint::is_of_client;

/// What PyTorch calls the counter of a batch normalisation. Files of PyTorch before 0.4.1 lack it.
const COUNTER: &str = ".num_batches_tracked";

/// The tensors of a file that are not of single clients.
pub(super) struct StateDict<'f> {
    file: &'f str,
    tensors: BTreeMap<&'f str, TensorView<'f>>,
}

impl<'f> StateDict<'f> {
    /// Of the file that messages call `file`.
    pub(super) fn new(file: &'f str, tensors: &'f SafeTensors<'f>) -> Self {
        let tensors = tensors.iter().filter(|(name, _)| !is_of_client(name)).collect();
        Self { file, tensors }
    }

    /// The values of every tensor of `layout`.
    ///
    /// Names may have the parts that PyTorch's wrappers put in; numbers may be f16, bf16 or f64;
    /// a counter of batches may be missing; a tensor that the model has once may be there under
    /// both of its names or either.
    ///
    /// # Errors
    /// When another tensor is missing, is there beside the model's, or has another shape or type;
    /// when a value is not finite, or a running variance is negative.
    pub(super) fn values(&self, layout: &Arc<Layout>) -> Result<ModelValues, ValuesError> {
        let names: Vec<&str> = self.tensors.keys().copied().collect();
        let naming = TensorNames::new(&names, layout);
        let mut changes = Changes::default();
        let mut faults = TensorMismatches::default();
        let mut values = Vec::with_capacity(layout.value_count());
        for spec in layout.tensors() {
            match naming.known.get(&spec.name).map(|name| &self.tensors[name]) {
                Some(tensor) => match self.numbers(spec, tensor)? {
                    Some(numbers) => {
                        values.extend(numbers);
                        changes.taken(tensor.dtype());
                    }
                    None => faults.different.push(TensorMismatch {
                        spec,
                        shape: tensor.shape().to_vec(),
                        dtype: tensor.dtype(),
                    }),
                },
                None if spec.role == Role::Statistic && spec.name.ends_with(COUNTER) => {
                    values.push(0.0);
                    changes.uncounted += 1;
                    faults.uncounted.push(spec);
                }
                None => faults.missing.push(spec),
            }
        }
        faults.none_known = naming.known.is_empty();
        faults.unknown = naming.unknown;
        if let Some(error) = faults.error(self.file, layout) {
            return Err(error);
        }
        self.check_tied(&naming.tied, &naming.known)?;
        let wrong = |error: ParamsError| ValuesError::Value {
            file: self.file.to_owned(),
            reason: error.to_string(),
        };
        let params = Params::new(layout.clone(), values).map_err(wrong)?;
        params.check().map_err(wrong)?;
        let notes = naming.notes.into_iter().chain(changes.notes());
        let notes = notes.map(|note| format!("`{}`: {note}", self.file)).collect();
        Ok(ModelValues { params, notes })
    }

    /// The numbers of a tensor; none where its shape or type is not the model's.
    fn numbers(
        &self,
        spec: &TensorSpec,
        tensor: &TensorView<'_>,
    ) -> Result<Option<Vec<f32>>, ValuesError> {
        if tensor.shape() != spec.shape {
            return Ok(None);
        }
        match beyond_f32(tensor) {
            None => Ok(floats(spec.role, tensor)),
            Some((element, number)) => Err(ValuesError::Value {
                file: self.file.to_owned(),
                reason: format!(
                    "tensor `{}` holds {number:e} (element {element}); f32 reaches {:e}",
                    spec.name,
                    f32::MAX
                ),
            }),
        }
    }

    /// Two names of one tensor must have the same values.
    fn check_tied(
        &self,
        tied: &[(&'static str, &'f str)],
        known: &BTreeMap<String, &'f str>,
    ) -> Result<(), ValuesError> {
        for (here, other) in tied {
            let (first, second) = (&self.tensors[known[*here]], &self.tensors[other]);
            let same = first.shape() == second.shape()
                && floats(Role::Trained, first) == floats(Role::Trained, second);
            if !same {
                return Err(ValuesError::Tied {
                    file: self.file.to_owned(),
                    first: excerpt_of(known[*here]),
                    second: excerpt_of(other),
                });
            }
        }
        Ok(())
    }
}

/// What is not as the file has it, and so is worth a word.
#[derive(Default)]
struct Changes {
    /// Tensors of a type that was converted.
    converted: BTreeMap<Dtype, usize>,
    /// Counters of batches that are not in the file.
    uncounted: usize,
}

impl Changes {
    fn taken(&mut self, kind: Dtype) {
        if is_converted(kind) {
            *self.converted.entry(kind).or_default() += 1;
        }
    }

    fn notes(&self) -> Vec<String> {
        let converted = self.converted.iter();
        let converted =
            converted.map(|(kind, count)| format!("{kind} is converted to F32 (tensors: {count})"));
        let uncounted = (self.uncounted > 0).then(|| {
            let count = self.uncounted;
            format!("`num_batches_tracked` is missing, and taken as 0 (tensors: {count})")
        });
        converted.chain(uncounted).collect()
    }
}
