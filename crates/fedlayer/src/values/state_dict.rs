//! [`StateDict`]: reads the tensors of a safetensors file as a model's values.

use std::{collections::BTreeMap, sync::Arc};

use fedlayer_core::model::{Layout, Params, ParamsError, Role, TensorSpec};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use super::{
    ModelValues, ValuesError,
    error::excerpt_of,
    mismatches::{TensorMismatch, TensorMismatches},
    numbers::{beyond_f32, floats, is_converted},
    tensor_names::TensorNames,
};
use crate::run_folder::checkpoint::is_of_client;

/// PyTorch's name of the counter of a batch normalisation. Files of PyTorch before 0.4.1 lack it.
const COUNTER: &str = ".num_batches_tracked";

/// The tensors of a file, except those of single clients.
pub(super) struct StateDict<'f> {
    file: &'f str,
    tensors: BTreeMap<&'f str, TensorView<'f>>,
}

impl<'f> StateDict<'f> {
    /// Makes the state dict of a file; messages call it `file`.
    pub(super) fn new(file: &'f str, tensors: &'f SafeTensors<'f>) -> Self {
        let tensors = tensors.iter().filter(|(name, _)| !is_of_client(name)).collect();
        Self { file, tensors }
    }

    /// Returns the values of every tensor of `layout`.
    ///
    /// Names may contain the parts that PyTorch's wrappers add; numbers may be f16, bf16 or f64; a
    /// counter of batches may be missing; a tied tensor may be stored under either of its names or
    /// both.
    ///
    /// # Errors
    /// When another tensor is missing, unknown, or of another shape or type; when a value is not
    /// finite, a running variance is negative, or a counter is negative or a
    /// fraction.
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
        params.check().and_then(|()| params.check_counters()).map_err(wrong)?;
        let notes = naming.notes.into_iter().chain(changes.notes());
        let notes = notes.map(|note| format!("`{}`: {note}", self.file)).collect();
        Ok(ModelValues { params, notes })
    }

    /// Returns the numbers of a tensor; `None` if its shape or type is wrong.
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

    /// Checks that the two names of a tied tensor have the same values.
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

/// The changes to a file's values that are worth a note.
#[derive(Default)]
struct Changes {
    /// Tensors of a type that was converted.
    converted: BTreeMap<Dtype, usize>,
    /// Counters of batches that the file lacks.
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
