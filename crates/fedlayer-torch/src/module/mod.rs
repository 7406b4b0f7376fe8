//! [`Module`]: a file of a TorchScript module, of which nothing runs before its code was read.
//!
//! A module is a program of somebody's. libtorch runs whatever its code says, some of it as soon as the
//! file is opened. So the file is unpacked here, its code and values are held against what a
//! network needs, and libtorch is given an archive that is made anew of what was looked at.
//!
//! In reading order:
//!
//! * `archive`: the files of an archive; `pickle`: what its values name.
//! * `purity`: the operators that its code uses, held against the list of pure ones (`operators`); `tokens`: the words of code.
//! * `code`: what code says of a module's parts: buffers, dropout, eval mode.
//! * `warnings`: libtorch's own warnings, which are turned off.

mod archive;
mod code;
mod operators;
mod pickle;
mod purity;
mod tokens;
mod warnings;

use std::fmt;

use fedlayer_core::{Layout, in_backticks};
use tch::CModule;

use crate::{Device, TorchError, script::layout_of};
use archive::Archive;
use code::ModuleCode;
use purity::Purity;

/// A TorchScript module whose code is pure: it computes from its inputs and its values, and touches nothing else.
pub struct Module {
    name: String,
    /// An archive of what was looked at, and nothing else.
    archive: Vec<u8>,
    code: Option<ModuleCode>,
}

impl Module {
    /// Reads the bytes of a file that `torch.jit.save` wrote; `name` is what messages call it. Nothing of it is run.
    ///
    /// # Errors
    /// When the bytes are no such file; when its code uses an operator that is not pure, or its values name other classes than its own.
    pub fn read(name: &str, bytes: &[u8]) -> Result<Self, TorchError> {
        let refused = |reason| TorchError::Module { file: name.to_owned(), reason };
        let no_archive =
            |words| refused(format!("it is no module that `torch.jit.save` wrote: {words}"));
        let archive = Archive::read(bytes).map_err(no_archive)?.without_wrong_sources();
        for values in ["data.pkl", "constants.pkl"] {
            let content = archive.get(values);
            let content = content.ok_or_else(|| no_archive(format!("it has no `{values}`")))?;
            pickle::check(content).map_err(refused)?;
        }
        check_code(&archive).map_err(refused)?;
        let code = ModuleCode::of(&archive);
        let archive = archive.packed().map_err(no_archive)?;
        Ok(Self { name: name.to_owned(), archive, code })
    }

    /// What messages call the file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The layers, named as the module's parameters are, in the order in which it registers them.
    ///
    /// # Errors
    /// When this libtorch does not open the module, or its parameters are not trained floating-point numbers, each of its own, that make layers.
    pub fn layout(&self) -> Result<Layout, TorchError> {
        layout_of(self, &self.open(Device::Cpu)?)
    }

    /// What a user should know of the module though it is not refused, a sentence each.
    pub fn notes(&self) -> Vec<String> {
        let name = &self.name;
        let mut notes = vec![format!(
            "module `{name}` is a program of whoever saved it: it runs here, with pure operators alone"
        )];
        let frozen = self.code.as_ref().map(ModuleCode::frozen).unwrap_or_default();
        if !frozen.is_empty() {
            let parts = in_backticks(&frozen);
            notes.push(format!(
                "module `{name}` was saved in eval mode for good (a trace after `eval()`?): {parts} neither drops anything nor takes new statistics in training"
            ));
        }
        notes
    }

    /// The module in libtorch, which runs what its code does on being opened.
    pub(crate) fn open(&self, device: Device) -> Result<CModule, TorchError> {
        warnings::silence();
        let mut archive = self.archive.as_slice();
        CModule::load_data_on_device(&mut archive, device.into()).map_err(|error| {
            let words = TorchError::from(error);
            self.refused(&format!("it is no module that `torch.jit.save` wrote: {words}"))
        })
    }

    /// The parts that draw random numbers, by the module's code.
    pub(crate) fn random(&self) -> Vec<String> {
        self.code.as_ref().map(ModuleCode::random).unwrap_or_default()
    }

    /// Whether its code draws random numbers whatever an argument says, as dropout does not; perhaps on some inputs alone.
    pub(crate) fn draws_on_some_inputs(&self) -> bool {
        self.code.as_ref().is_some_and(ModuleCode::draws_on_some_inputs)
    }

    /// The attributes that its methods set, by its code.
    pub(crate) fn assigned(&self) -> Vec<String> {
        self.code.as_ref().map(ModuleCode::assigned).unwrap_or_default()
    }

    /// Whether there is code that says what it does.
    pub(crate) fn is_readable(&self) -> bool {
        self.code.is_some()
    }

    /// The names of the module's buffers, by its code.
    pub(crate) fn buffers(&self) -> Vec<String> {
        self.code.as_ref().map(ModuleCode::buffers).unwrap_or_default()
    }

    pub(crate) fn refused(&self, reason: &str) -> TorchError {
        TorchError::Module { file: self.name.clone(), reason: reason.to_owned() }
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Checks that the code of an archive is pure.
fn check_code(archive: &Archive) -> Result<(), String> {
    let mut purity = Purity::default();
    for (name, content) in archive.code() {
        let source = std::str::from_utf8(content)
            .map_err(|_| format!("its code {} is not in UTF-8", in_backticks([name])))?;
        purity.add(name, source).map_err(|found| found.to_string())?;
    }
    purity.check().map_err(|found| found.to_string())
}
