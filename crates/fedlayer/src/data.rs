//! [`Data`]: the data folders, and everything that was read from them: once in a process, whoever asks.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use fedlayer_core::{DataFacts, FederatedData, Layout, Params, Plan, spec::DataSpec};
use fedlayer_data::Library;
use fedlayer_scenario::{DataFault, Outside, ValuesFault};

use crate::{
    files,
    folders::Folders,
    shelf::FolderShelf,
    values::{FileKind, Source, Values, ValuesError},
};

/// The data folders, and everything that was read from them.
#[derive(Debug)]
pub(crate) struct Data {
    library: Library,
    folders: Folders,
    /// What was done to the values of files, and is not said yet.
    notes: Mutex<Vec<String>>,
}

impl Data {
    /// Looks in `--data` first, where it was given.
    pub(crate) fn new(option: Option<&Path>) -> Self {
        let folders = Folders::new(option);
        let library = Library::new(Box::new(FolderShelf::new(folders.clone())));
        Self { library, folders, notes: Mutex::default() }
    }

    /// The examples of a plan, shared out among its clients.
    ///
    /// # Errors
    /// What is wrong with the data, and what to do.
    pub(crate) fn load(&self, plan: &Plan) -> Result<FederatedData, String> {
        self.library.load(&plan.data, plan.clients.count, plan.root_seed()).map_err(|error| {
            let hint = error.help().map_or(String::new(), |help| format!("\nhint: {help}"));
            format!("{error}{hint}")
        })
    }

    /// Where a file of the user's own is.
    ///
    /// # Errors
    /// Names the places that were looked in.
    pub(crate) fn find(&self, file: &str) -> Result<PathBuf, String> {
        self.folders.find(None, file).ok_or_else(|| {
            let names = self.folders.names(None, file);
            let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
            format!("`{file}`: not found in {}", names.join(", "))
        })
    }

    /// The values that a plan starts from, where it names a file.
    ///
    /// # Errors
    /// When the file is nowhere, or has not the values of the plan's model.
    pub(crate) fn initial(&self, plan: &Plan) -> Result<Option<Params>, String> {
        let values = plan.initial.as_ref().map(|file| self.values_of(file, &plan.layout));
        values.transpose().map_err(|error| error.with_help())
    }

    /// The values of a model in a file, or at an address (`RUN:STRATEGY:SEED:ROUND:CLIENT`).
    ///
    /// # Errors
    /// When neither is there, or has not the values of these layers.
    pub(crate) fn values_of(
        &self,
        reference: &str,
        layout: &Arc<Layout>,
    ) -> Result<Params, ValuesError> {
        let Values { params, notes } = self.source(reference)?.read(layout)?;
        let mut waiting = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        for note in notes {
            if !waiting.contains(&note) {
                waiting.push(note);
            }
        }
        Ok(params)
    }

    /// The file, or the model of a run, that a scenario or a command names.
    fn source(&self, reference: &str) -> Result<Source, ValuesError> {
        Source::find(reference, &self.folders)
    }

    /// What was done to the values of files since this was asked last, a line each.
    pub(crate) fn take_notes(&self) -> Vec<String> {
        std::mem::take(&mut *self.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Outside for Data {
    fn check(&self, data: &DataSpec, clients: u32) -> Result<DataFacts, DataFault> {
        self.library.check(data, clients).map_err(|error| DataFault {
            key: error.key().to_owned(),
            message: error.to_string(),
            help: error.help(),
        })
    }

    fn module(&self, file: &str) -> Result<Layout, String> {
        let path = self.find(file)?;
        let name = path.display().to_string();
        let bytes = files::read_bytes(&path).map_err(|error| error.bare())?;
        if let Some(reason) = FileKind::of(&bytes).no_module(&name) {
            return Err(format!("module `{name}`: {reason}"));
        }
        fedlayer_torch::module_layout(&path).map_err(|error| error.to_string())
    }

    fn values(&self, file: &str, layout: &Layout) -> Result<(), ValuesFault> {
        let values = self.values_of(file, &Arc::new(layout.clone()));
        let fault =
            |error: ValuesError| ValuesFault { message: error.to_string(), help: error.help() };
        values.map(drop).map_err(fault)
    }
}
