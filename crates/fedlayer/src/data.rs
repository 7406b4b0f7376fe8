//! [`Data`]: the data folders, and everything that was read from them: once in a process, whoever asks.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use fedlayer_core::{
    DataFacts, FederatedData, Layout, Params, Plan,
    spec::{DataSpec, Loss},
};
use fedlayer_data::Library;
use fedlayer_scenario::{DataFault, Outside};
use fedlayer_torch::{Trial, try_module};

use crate::{files, folders::Folders, shelf::FolderShelf, values};

/// The data folders, and everything that was read from them.
#[derive(Debug)]
pub(crate) struct Data {
    library: Library,
    folders: Folders,
    /// What came of trying modules.
    tried: Mutex<BTreeMap<String, Result<(), String>>>,
}

impl Data {
    /// Looks in `--data` first, where it was given.
    pub(crate) fn new(option: Option<&Path>) -> Self {
        let folders = Folders::new(option);
        let library = Library::new(Box::new(FolderShelf::new(folders.clone())));
        Self { library, folders, tried: Mutex::default() }
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
        plan.initial.as_ref().map(|file| self.values_of(file, &plan.layout)).transpose()
    }

    /// The values of a model in a file.
    ///
    /// # Errors
    /// When the file is nowhere, or has not the values of these layers.
    pub(crate) fn values_of(&self, file: &str, layout: &Arc<Layout>) -> Result<Params, String> {
        values::read(&self.find(file)?, layout).map_err(|error| error.to_string())
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
        fedlayer_torch::module_layout(&path).map_err(|error| error.to_string())
    }

    fn try_module(
        &self,
        file: &str,
        facts: &DataFacts,
        loss: Loss,
        twice: bool,
    ) -> Result<(), String> {
        let path = self.find(file)?;
        // Variants of a sweep, and the scenario that they are made of, ask for the same.
        let key = format!("{path:?} {facts:?} {loss:?} {twice}");
        let mut tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = tried.get(&key) {
            return known.clone();
        }
        let bytes = || files::read_bytes(&path).ok();
        let trial = Trial { facts, loss, twice };
        let result = try_module(&path, &trial, &bytes).map_err(|error| error.to_string());
        tried.insert(key, result.clone());
        result
    }

    fn values(&self, file: &str, layout: &Layout) -> Result<(), String> {
        self.values_of(file, &Arc::new(layout.clone())).map(drop)
    }
}
