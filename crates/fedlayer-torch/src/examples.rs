//! Labelled examples as tensors: [`DeviceExamples`] (many, flattened) and [`Batch`] (a few, in
//! their shape).

use std::sync::{Arc, Mutex, PoisonError, Weak};

use fedlayer_core::data::Examples;
use tch::{TchError, Tensor};

use crate::Device;

/// Examples on a device, flattened, with one label each.
#[derive(Debug)]
pub(crate) struct DeviceExamples {
    /// `(N, F)`
    pub(crate) inputs: Tensor,
    /// `(N)`
    pub(crate) labels: Tensor,
}

/// A batch of examples on a device.
#[derive(Debug)]
pub(crate) struct Batch {
    /// `(B, …shape)`
    pub(crate) inputs: Tensor,
    /// `(B·targets)`
    pub(crate) labels: Tensor,
}

impl DeviceExamples {
    /// Copies examples to a device.
    pub(crate) fn new(examples: &Examples, device: Device) -> Result<Self, TchError> {
        let labels: Vec<i64> = examples.labels.iter().copied().map(i64::from).collect();
        let inputs = Tensor::f_from_slice(&examples.all_values())?
            .f_view([examples.len() as i64, examples.features() as i64])?; // (N, F)
        Ok(Self {
            inputs: inputs.f_to_device(device.into())?,
            labels: Tensor::f_from_slice(&labels)?.f_to_device(device.into())?, // (N)
        })
    }

    /// Returns the copy of these examples on a device, which all plans, seeds and workers of the
    /// process share. Makes it if there is none.
    pub(crate) fn shared(examples: &Arc<Examples>, device: Device) -> Result<Self, TchError> {
        static COPIES: Mutex<Vec<(Weak<Examples>, Device, DeviceExamples)>> =
            Mutex::new(Vec::new());
        let mut copies = COPIES.lock().unwrap_or_else(PoisonError::into_inner);
        copies.retain(|(examples, ..)| examples.strong_count() > 0);
        let known = copies
            .iter()
            .find(|(known, at, _)| *at == device && std::ptr::eq(known.as_ptr(), &**examples));
        if let Some((.., copy)) = known {
            return Ok(copy.share());
        }
        let copy = Self::new(examples, device)?;
        copies.push((Arc::downgrade(examples), device, copy.share()));
        Ok(copy)
    }

    /// Concatenates the examples of several clients.
    pub(crate) fn concatenated(clients: &[Self]) -> Result<Self, TchError> {
        let all = |part: fn(&Self) -> &Tensor| {
            Tensor::f_cat(&clients.iter().map(part).collect::<Vec<_>>(), 0)
        };
        Ok(Self { inputs: all(|client| &client.inputs)?, labels: all(|client| &client.labels)? })
    }

    /// Copies the examples at these indices.
    pub(crate) fn select(&self, indices: &[i64]) -> Result<Self, TchError> {
        let indices = Tensor::f_from_slice(indices)?.f_to_device(self.inputs.device())?; // (N)
        Ok(Self {
            inputs: self.inputs.f_index_select(0, &indices)?, // (N, F)
            labels: self.labels.f_index_select(0, &indices)?, // (N)
        })
    }

    /// Returns `count` examples from `start` on, as views.
    pub(crate) fn batch(&self, start: usize, count: usize) -> Result<Batch, TchError> {
        Ok(Batch {
            inputs: self.inputs.f_narrow(0, start as i64, count as i64)?, // (B, F)
            labels: self.labels.f_narrow(0, start as i64, count as i64)?, // (B)
        })
    }

    /// The number of examples.
    pub(crate) fn len(&self) -> usize {
        self.labels.numel()
    }

    /// Returns another handle to the same tensors.
    pub(crate) fn share(&self) -> Self {
        Self { inputs: self.inputs.shallow_clone(), labels: self.labels.shallow_clone() }
    }
}

impl Batch {
    /// Copies the examples at these indices to a device.
    pub(crate) fn new(
        examples: &Examples,
        rows: impl ExactSizeIterator<Item = usize>,
        device: tch::Device,
    ) -> Result<Self, TchError> {
        let mut values = Vec::with_capacity(rows.len() * examples.features());
        let mut labels = Vec::with_capacity(rows.len() * examples.targets);
        for row in rows {
            examples.read(row, &mut values);
            labels.extend(examples.labels_of(row).iter().copied().map(i64::from));
        }
        Self::of_values(examples, &values, &labels, device)
    }

    /// Copies values and labels to a device. `examples` gives the shape of one example.
    pub(crate) fn of_values(
        examples: &Examples,
        values: &[f32],
        labels: &[i64],
        device: tch::Device,
    ) -> Result<Self, TchError> {
        let shape: Vec<i64> =
            [-1].into_iter().chain(examples.shape.iter().map(|&length| length as i64)).collect();
        Ok(Self {
            inputs: Tensor::f_from_slice(values)?.f_view(shape.as_slice())?.f_to_device(device)?,
            labels: Tensor::f_from_slice(labels)?.f_to_device(device)?,
        })
    }
}
