//! [`Module`]: the file of a TorchScript module. Its code is checked before any of it runs.
//!
//! A module is a program that somebody else wrote. libtorch runs its code without limits, a part of
//! it while the file is opened. Therefore the file is unpacked here, its code and its values are
//! checked against what a network needs, and libtorch receives a new archive of the checked parts.
//!
//! In reading order:
//!
//! * `archive`: the files of the archive; `pickle`: the names in its values.
//! * `purity`: the operators in its code must be on the list of pure ones (`operators`); `tokens`
//!   splits code into tokens.
//! * `code`: the buffers, dropouts and frozen parts that the code declares.
//! * `parameters`: the layers that the parameters of an opened module make.
//! * `trial`: runs and differentiates a module before a run begins.
//! * `warnings`: libtorch's own warnings, which are turned off.

mod archive;
mod code;
mod operators;
mod parameters;
mod pickle;
mod purity;
mod tokens;
mod trial;
mod warnings;

use std::fmt;

use fedlayer_core::{model::Layout, text::in_backticks};
use tch::CModule;

use crate::{Device, TorchError};
use archive::Archive;
use code::ModuleCode;
use purity::PurityCheck;

pub(crate) use parameters::{layout_of, values_of};
pub(crate) use trial::trial_logits;
pub use trial::{Trial, try_module};

/// A TorchScript module with pure code: it computes from its inputs and its values, and has no
/// other effect.
pub struct Module {
    name: String,
    /// An archive of the checked parts alone.
    archive: Vec<u8>,
    code: Option<ModuleCode>,
}

impl Module {
    /// Reads the bytes of a file that `torch.jit.save` wrote, and runs nothing of it. `name` is the
    /// name of the file in messages.
    ///
    /// # Errors
    /// When the bytes are not such a file, its code uses an operator that is not pure, or its
    /// values name classes other than its own.
    pub fn read(name: &str, bytes: &[u8]) -> Result<Self, TorchError> {
        let refused = |reason| TorchError::Module { file: name.to_owned(), reason };
        let not_a_module =
            |reason| refused(format!("it is not a module that `torch.jit.save` wrote: {reason}"));
        let archive = Archive::read(bytes).map_err(|error| not_a_module(error.to_string()))?;
        let archive = archive.without_wrong_source_maps();
        for values in ["data.pkl", "constants.pkl"] {
            let content = archive.get(values);
            let content = content.ok_or_else(|| not_a_module(format!("it has no `{values}`")))?;
            pickle::check(content).map_err(|error| refused(error.to_string()))?;
        }
        check_purity(&archive).map_err(refused)?;
        let code = ModuleCode::of(&archive);
        let archive = archive.packed().map_err(|error| not_a_module(error.to_string()))?;
        Ok(Self { name: name.to_owned(), archive, code })
    }

    /// The name of the file in messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the layers, named as the module's parameters, in the order in which it registers
    /// them.
    ///
    /// # Errors
    /// When libtorch cannot open the module, or a parameter is not float32, is frozen or shares its
    /// memory with another.
    pub fn layout(&self) -> Result<Layout, TorchError> {
        layout_of(self, &self.open(Device::Cpu)?)
    }

    /// Returns remarks for the user about an accepted module, one sentence each.
    pub fn notes(&self) -> Vec<String> {
        let name = &self.name;
        let mut notes = vec![format!(
            "module `{name}` is a program of the person who saved it: it runs here, limited to pure operators"
        )];
        let frozen = self.code.as_ref().map(ModuleCode::frozen).unwrap_or_default();
        if !frozen.is_empty() {
            let parts = in_backticks(&frozen);
            notes.push(format!(
                "module `{name}` is always in eval mode (traced after `eval()`?): no dropout and no batch statistics in training in {parts}"
            ));
        }
        notes
    }

    /// Opens the module in libtorch. This runs the part of its code that runs on opening.
    pub(crate) fn open(&self, device: Device) -> Result<CModule, TorchError> {
        warnings::silence();
        let mut archive = self.archive.as_slice();
        CModule::load_data_on_device(&mut archive, device.into()).map_err(|error| {
            let words = TorchError::from(error);
            self.refused(&format!("it is not a module that `torch.jit.save` wrote: {words}"))
        })
    }

    /// The declarations in the module's code, if its code is readable.
    pub(crate) fn code(&self) -> Option<&ModuleCode> {
        self.code.as_ref()
    }

    /// The error that refuses this module.
    pub(crate) fn refused(&self, reason: &str) -> TorchError {
        TorchError::Module { file: self.name.clone(), reason: reason.to_owned() }
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Checks that the code of an archive is pure. The error is the reason for a refusal.
fn check_purity(archive: &Archive) -> Result<(), String> {
    let mut check = PurityCheck::default();
    for (name, content) in archive.code() {
        let source = std::str::from_utf8(content)
            .map_err(|_| format!("its file of code {} is not UTF-8", in_backticks([name])))?;
        check.add(name, source).map_err(|found| found.to_string())?;
    }
    check.finish().map_err(|found| found.to_string())
}
